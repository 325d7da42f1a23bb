//! Writes the health of destinations to the database: four times a second, all changes since the last time in one
//! statement.
//!
//! So a destination whose health changes often costs no more statements, and an older state never replaces a newer
//! one.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::breaker::HealthState;
use super::lanes::Lanes;
use crate::delivery::destination::Destinations;

const LOOK: Duration = Duration::from_millis(250);

/// The one task that writes health.
pub struct HealthWriter {
    pub lanes: Arc<Lanes>,
    pub destinations: Arc<dyn Destinations>,
}

impl HealthWriter {
    /// Writes until `stop`, and then what has changed last.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => break,
            }
            self.write().await;
        }
        self.write().await;
    }

    async fn write(&self) {
        let changed: Vec<_> = self
            .lanes
            .all()
            .into_iter()
            .filter_map(|(id, lane)| Some((id, lane.take_unwritten()?, lane)))
            .collect();
        if changed.is_empty() {
            return;
        }
        let healths = changed.iter().map(|(id, health, _)| (*id, *health)).collect();
        let written: HashSet<_> = match self.destinations.set_health(healths).await {
            Ok(written) => written.into_iter().collect(),
            Err(fault) => {
                tracing::warn!(%fault, "the health of destinations could not be written; trying again");
                HashSet::new()
            }
        };
        for (destination, health, lane) in changed {
            if !written.contains(&destination) {
                lane.unwrite();
            } else if health == HealthState::Paused {
                tracing::info!(%destination, "destination is paused");
            } else {
                // Not louder: what flaps would fill the log.
                tracing::debug!(%destination, health = health.name(), "destination health changed");
            }
        }
    }
}
