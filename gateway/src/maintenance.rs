//! What has to be done now and then: partitions ahead, retention, old replies and changes, metrics folded.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Events;
use crate::db::{self, Db, DbError};
use crate::telemetry::registry::UPKEEP;
use crate::{audit, feed, keys};

const INTERVAL: Duration = Duration::from_secs(300);

/// Looks after things until `stop`.
pub async fn run(db: Db, events: Events, metrics: Option<PrometheusHandle>, stop: CancellationToken) {
    let mut next = Instant::now() + INTERVAL;
    loop {
        tokio::select! {
            () = tokio::time::sleep(UPKEEP) => {}
            () = stop.cancelled() => return,
        }
        if let Some(metrics) = &metrics {
            metrics.run_upkeep();
        }
        if Instant::now() >= next {
            next = Instant::now() + INTERVAL;
            if let Err(fault) = tidy(&db, &events).await {
                tracing::warn!(%fault, "maintenance failed; it is tried again");
            }
        }
    }
}

async fn tidy(db: &Db, events: &Events) -> Result<(), DbError> {
    let client = db.connect().await?;
    db::ensure_partitions(&client).await?;
    db::drop_partitions(&client, events.retention_days).await?;
    audit::purge_replies(&client).await?;
    keys::store::purge_deleted(&client).await?;
    feed::purge(&client).await
}
