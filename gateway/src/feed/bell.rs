//! Wakes all readers for changes that were written without a NOTIFY, ten times a second at most.
//!
//! A NOTIFY in a transaction makes commits wait for each other. What changes with traffic is written quietly, and after the
//! commit its writer rings; however many ring, one NOTIFY by itself tells of all.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::store;
use crate::db::{Db, DbError};

const PAUSE: Duration = Duration::from_millis(100);

/// One bell for all writers of this instance.
#[derive(Debug, Default)]
pub struct Bell {
    asked: Notify,
}

impl Bell {
    /// Has all readers look soon. A call that is lost costs half a second, until they look by themselves.
    pub fn ring(&self) {
        self.asked.notify_one();
    }

    /// Rings for all who ask, until `stop`.
    pub async fn run(self: Arc<Self>, db: Db, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = self.asked.notified() => {}
                () = stop.cancelled() => return,
            }
            if let Err(fault) = wake_all(&db).await {
                tracing::debug!(%fault, "readers of the change feed look by themselves");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn wake_all(db: &Db) -> Result<(), DbError> {
    store::wake_readers(&*db.client().await?).await
}
