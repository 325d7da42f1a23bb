//! The certificate is read again on SIGHUP.

use crate::http::tls::Certificate;

/// Reads the certificate again at every SIGHUP; the one in use stays if the new one is damaged.
pub(super) async fn reload_on_hangup(certificate: Option<Certificate>) {
    let kind = tokio::signal::unix::SignalKind::hangup();
    let Ok(mut hangups) = tokio::signal::unix::signal(kind) else {
        return;
    };
    while hangups.recv().await.is_some() {
        match certificate.as_ref().map(Certificate::reload) {
            Some(Ok(())) => tracing::info!("certificate read again"),
            Some(Err(fault)) => tracing::error!(%fault, "the certificate in use stays"),
            None => {}
        }
    }
}
