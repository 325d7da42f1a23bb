//! Counts connections by status, for `/metrics`.

use std::time::Duration;

use metrics::gauge;
use tokio_util::sync::CancellationToken;

use crate::connections::model::Status;
use crate::connections::store;
use crate::db::{Db, DbError};
use crate::telemetry::names;

const LOOK: Duration = Duration::from_secs(10);

/// Counts until `stop`. Each instance counts all connections.
pub async fn run(db: Db, stop: CancellationToken) {
    loop {
        if let Err(fault) = count(&db).await {
            tracing::debug!(%fault, "connections are counted again");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn count(db: &Db) -> Result<(), DbError> {
    let client = db.client().await?;
    let counts = store::count_by_status(&client).await?;
    for status in Status::ALL {
        let found = counts.iter().find(|(name, _)| name == status.name());
        let count = found.map_or(0, |(_, count)| *count);
        gauge!(names::CONNECTIONS, "status" => status.name()).set(count as f64);
    }
    Ok(())
}
