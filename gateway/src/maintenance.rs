//! Periodic upkeep: creates partitions ahead, drops old ones, old replies and old changes, and folds metrics.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::db::{self, Db, DbError};
use crate::telemetry::registry::{Metrics, UPKEEP};
use crate::{audit, bus, config, feed, imports, keys};

const INTERVAL: Duration = Duration::from_secs(300);

/// How many days things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    pub event_days: u32,
    /// Deliveries with their attempts and the answers to them.
    pub delivery_days: u32,
    pub import_days: u32,
}

impl Retention {
    /// What the settings say.
    pub const fn of(config: &config::Config) -> Self {
        Self {
            event_days: config.events.retention_days,
            delivery_days: config.webhooks.retention_days,
            import_days: config.imports.retention_days,
        }
    }
}

/// Looks after things until `stop`, over connections of the engine's; `of_requests` is only observed.
pub async fn run(
    db: Db,
    of_requests: Db,
    retention: Retention,
    metrics: Option<Metrics>,
    stop: CancellationToken,
) {
    let mut next = Instant::now() + INTERVAL;
    loop {
        tokio::select! {
            () = tokio::time::sleep(UPKEEP) => {}
            () = stop.cancelled() => return,
        }
        if let Some(metrics) = &metrics {
            metrics.keep_up();
        }
        db.observe();
        of_requests.observe();
        if Instant::now() >= next {
            next = Instant::now() + INTERVAL;
            if let Err(fault) = tidy(&db, retention).await {
                tracing::warn!(%fault, "maintenance failed; it is tried again");
            }
        }
    }
}

async fn tidy(db: &Db, retention: Retention) -> Result<(), DbError> {
    let client = db.connect().await?;
    db::ensure_partitions(&client).await?;
    db::drop_partitions(&client, "events", retention.event_days).await?;
    db::drop_partitions(&client, "deliveries", retention.delivery_days).await?;
    db::forget_once_keys(&client, retention.event_days).await?;
    bus::table::purge_damaged(&client, retention.event_days).await?;
    audit::purge_replies(&client).await?;
    keys::store::purge_deleted(&client).await?;
    feed::purge(&client).await?;
    imports::job::purge_store::purge(&client, retention.import_days).await
}
