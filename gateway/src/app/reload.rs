//! Reloads the certificate and the operator's definitions of connectors on SIGHUP.

use std::sync::Arc;

use metrics::gauge;
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;

use crate::connectors::catalogue::Catalogue;
use crate::http::transport::tls::Certificate;
use crate::telemetry::names;

/// Reads both again at every SIGHUP until `stop`; what is in use stays if the new one is damaged.
pub(super) async fn reload_on_hangup(
    mut hangups: Signal,
    certificate: Option<Certificate>,
    catalogue: Arc<Catalogue>,
    stop: CancellationToken,
) {
    let failed = gauge!(names::CONNECTORS_RELOAD_FAILED);
    failed.set(0.0);
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
        match catalogue.reload() {
            Ok(()) => {
                failed.set(0.0);
                tracing::info!("definitions of connectors read again");
            }
            Err(fault) => {
                failed.set(1.0);
                tracing::error!(%fault, "the connectors stay as they were");
            }
        }
    }
}
