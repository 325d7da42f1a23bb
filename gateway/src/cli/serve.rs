//! `gateway serve`.

use super::{CommandError, open_files, signals};
use crate::app::{self, Bound, StartError};
use crate::base::stop::Stop;
use crate::config::Config;
use crate::telemetry::log;

/// Runs the gateway until SIGTERM or SIGINT.
pub(super) async fn serve(mut config: Config, stop: Stop) -> Result<(), CommandError> {
    log::start(&config.telemetry)?;
    app::refuse_unbuilt(&config)?;
    signals::end_surely(&stop, config.server.drain)?;
    open_files::raise(&mut config);
    if config.database.url.is_none() {
        return Err(StartError::NoDatabase.into());
    }
    let bound = Bound::bind(&config)?;
    let (api, operations) = bound.addresses()?;
    tracing::info!(%api, %operations, version = env!("CARGO_PKG_VERSION"), "listening");
    app::run(config, bound, stop).await?;
    tracing::info!("stopped");
    Ok(())
}
