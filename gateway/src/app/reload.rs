//! Reloads the certificate on SIGHUP.

use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;

use crate::http::transport::tls::Certificate;

/// Reads the certificate again at every SIGHUP until `stop`; the one in use stays if the new one is damaged.
pub(super) async fn reload_on_hangup(
    mut hangups: Signal,
    certificate: Option<Certificate>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            heard = hangups.recv() => if heard.is_none() { return },
            () = stop.cancelled() => return,
        }
        match certificate.as_ref().map(Certificate::reload) {
            Some(Ok(())) => tracing::info!("certificate read again"),
            Some(Err(fault)) => tracing::error!(%fault, "the certificate in use stays"),
            None => tracing::info!("SIGHUP reads the certificate again, and none is set"),
        }
    }
}
