//! Writes what was counted, every ten seconds.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::counters::Counters;
use super::store;
use crate::base::id::InstanceId;
use crate::db::{Db, DbError};

const INTERVAL: Duration = Duration::from_secs(10);
/// Buckets that one statement writes.
const ROWS: usize = 500;

/// The one task that writes the counters of this instance.
pub struct StatsWriter {
    pub db: Db,
    pub counters: Arc<Counters>,
    /// Whose rows they are: those of one life of an instance.
    pub instance: InstanceId,
}

impl StatsWriter {
    /// Writes until `stop`, and then what was counted last.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = stop.cancelled() => break,
            }
            self.write().await;
            self.counters.forget_ended();
        }
        self.write().await;
    }

    async fn write(&self) {
        // Asked once: what is counted meanwhile is for the next time.
        for keys in self.counters.changed().chunks(ROWS) {
            let changed = self.counters.take(keys);
            let written: Result<(), DbError> = async {
                let client = self.db.client().await?;
                store::write(&client, self.instance, &changed).await
            }
            .await;
            if let Err(fault) = written {
                tracing::warn!(%fault, "counts of deliveries could not be written; trying again");
                return self.counters.give_back(keys);
            }
        }
    }
}
