//! Hands committed events to the dispatcher of the same process, without polling.
//!
//! Memory is bounded. When deliveries fall behind, committed events stay in the table and only their ranges of ids are
//! remembered (see [`Backlog`]), to be read back once memory is less than half full. Events of workspaces without a
//! backlog go ahead.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::backlog::Range;
use super::owner::Numbered;
use super::shelf::{Next, Shelf};
use crate::bus::table::events;
use crate::bus::{Batch, BatchId, Event, Ledger};
use crate::db::{Db, DbError};

/// Before another try to read back.
const AGAIN: Duration = Duration::from_millis(250);

/// Batches between their commit and their dispatch.
pub(super) struct Handover {
    db: Db,
    ledger: Ledger,
    shelf: Mutex<Shelf>,
    arrived: Notify,
}

impl Handover {
    pub(super) fn new(db: Db) -> Self {
        Self {
            db,
            ledger: Ledger::default(),
            shelf: Mutex::new(Shelf::default()),
            arrived: Notify::new(),
        }
    }

    pub(super) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Hands over a committed batch of this instance.
    pub(super) fn put_own(&self, numbered: Numbered, owner: i32, events: Vec<Event>) {
        self.shelf.lock().put_own(&self.ledger, numbered, owner, events);
        self.arrived.notify_one();
    }

    /// Hands over events of a dead instance.
    pub(super) fn put_recovered(&self, events: Vec<Event>) -> Option<BatchId> {
        let id = self.shelf.lock().put_recovered(&self.ledger, events);
        self.arrived.notify_one();
        id
    }

    /// Has [`receive`](Self::receive) end.
    pub(super) fn close(&self) {
        self.shelf.lock().close();
        self.arrived.notify_waiters();
        self.arrived.notify_one();
    }

    /// The next batch to dispatch; `None` once closed.
    pub(super) async fn receive(&self) -> Option<Batch> {
        loop {
            let next = self.shelf.lock().next(&self.ledger);
            match next {
                Next::Ready(batch) => return Some(batch),
                Next::InTable(range) => return self.read_back_surely(range).await,
                Next::NoRoom => {
                    tokio::select! {
                        () = self.ledger.wait_until(|ledger| ledger.has_room(2)) => {}
                        () = self.arrived.notified() => {}
                    }
                }
                Next::Nothing => self.arrived.notified().await,
                Next::Closed => return None,
            }
        }
    }

    /// Reads a range back however often it takes; `None` once closed.
    async fn read_back_surely(&self, range: Range) -> Option<Batch> {
        loop {
            match self.read_back(&range).await {
                Ok(batch) => return Some(batch),
                Err(fault) => tracing::warn!(%fault, "events could not be read back; trying again"),
            }
            tokio::time::sleep(AGAIN).await;
            if self.shelf.lock().is_closed() {
                return None;
            }
        }
    }

    async fn read_back(&self, range: &Range) -> Result<Batch, DbError> {
        let client = self.db.client().await?;
        let spans: Vec<_> = range.spans.iter().map(|span| (span.first, span.last)).collect();
        let events = events::in_range(&client, range.owner, &spans, &range.workspaces).await?;
        self.ledger.load(range.id, &events);
        Ok(Batch {
            id: range.id,
            events,
            is_recovered: false,
        })
    }
}
