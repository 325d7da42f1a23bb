//! Gathers receipts and counts in memory, and writes them once a second.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::model::Receipt;
use super::pending::Pending;
use super::store;
use crate::db::{Db, DbError};
use crate::telemetry::names;

const INTERVAL: Duration = Duration::from_secs(1);
/// Receipts that wait in memory, of all sources; beyond it only counts are kept.
const MAX_WAITING: usize = 5_000;

/// Receipts and counts on their way into the database.
pub struct Journal {
    db: Db,
    pending: Mutex<HashMap<Uuid, Pending>>,
    /// One write after another, so that what was noted first is written first.
    writing: tokio::sync::Mutex<()>,
}

impl Journal {
    /// An empty journal, which writes over connections of `db`.
    pub fn new(db: Db) -> Self {
        Self {
            db,
            pending: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        }
    }

    /// Notes what became of a request.
    pub fn note(&self, source: Uuid, receipt: Receipt) {
        let mut pending = self.pending.lock();
        let waiting: usize = match pending.len() {
            // Counting is dear only where many sources are busy.
            0..=50 => 0,
            _ => pending
                .values()
                .map(|one| one.taken.len() + one.turned_away.len())
                .sum(),
        };
        let one = pending.entry(source).or_default();
        one.note(receipt);
        if waiting > MAX_WAITING {
            one.taken.clear();
            one.turned_away.clear();
            counter!(names::SOURCE_RECEIPTS_DROPPED).increment(1);
        }
    }

    /// Writes what was noted up to now, so that a reader finds it. What cannot be written stays noted.
    pub async fn settle(&self) {
        if let Err(fault) = self.write().await {
            tracing::debug!(%fault, "receipts are written later");
        }
    }

    async fn write(&self) -> Result<(), DbError> {
        let _turn = self.writing.lock().await;
        let taken = std::mem::take(&mut *self.pending.lock());
        if taken.is_empty() {
            return Ok(());
        }
        let written = async {
            let mut client = self.db.client().await?;
            store::write(&mut client, &taken).await
        };
        let written = written.await;
        if written.is_err() {
            let mut pending = self.pending.lock();
            for (source, mut earlier) in taken {
                let later = pending.remove(&source).unwrap_or_default();
                earlier.append(later);
                pending.insert(source, earlier);
            }
        }
        written
    }

    /// Writes until `stop`, and once more.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = stop.cancelled() => break,
            }
            self.settle().await;
        }
        self.settle().await;
    }
}
