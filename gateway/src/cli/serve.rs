//! `gateway serve`.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{CommandError, open_files};
use crate::app::{self, Bound, StartError};
use crate::config::Config;
use crate::telemetry::log;

/// Runs the gateway until SIGTERM or SIGINT.
pub(super) async fn serve(config: Config) -> Result<(), CommandError> {
    log::start(&config.telemetry);
    open_files::raise(&config.server);
    if config.database.url.is_none() {
        return Err(StartError::NoDatabase.into());
    }
    let bound = Bound::bind(&config)?;
    let (api, operations) = bound.addresses()?;
    // Before anybody can know that it runs: a signal that nobody waits for ends the process at once.
    let stop = stop_on_signal()?;
    tracing::info!(%api, %operations, version = env!("CARGO_PKG_VERSION"), "listening");
    app::run(config, bound, stop).await?;
    tracing::info!("stopped");
    Ok(())
}

/// A token that SIGTERM or SIGINT cancels.
pub(super) fn stop_on_signal() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let given = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        given.cancel();
    });
    Ok(stop)
}
