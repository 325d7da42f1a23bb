//! From commit to dispatch within one process, without a poll.
//!
//! What is in memory is bounded. When deliveries fall behind, committed events are not handed over but only remembered
//! (see [`Backlog`]), and read back from the table once memory is less than half full. Events of workspaces that have
//! nothing waiting there pass by.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::backlog::{Backlog, Range};
use super::owner::Numbered;
use crate::bus::table::events;
use crate::bus::{Batch, BatchId, Event, Ledger, Origin};
use crate::db::{Db, DbError};

/// Before another try to read back.
const AGAIN: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
struct Queues {
    ready: VecDeque<Batch>,
    backlog: Backlog,
    /// Whether what was given out last had been read back.
    was_read_back: bool,
    is_closed: bool,
}

/// What there is to give out.
enum Next {
    Ready(Batch),
    InTable(Range),
    /// More than memory has room for.
    NoRoom,
    Nothing,
    Closed,
}

/// Batches between their commit and their dispatch.
pub(super) struct Handover {
    db: Db,
    ledger: Ledger,
    queues: Mutex<Queues>,
    arrived: Notify,
}

impl Handover {
    pub(super) fn new(db: Db) -> Self {
        Self {
            db,
            ledger: Ledger::default(),
            queues: Mutex::new(Queues::default()),
            arrived: Notify::new(),
        }
    }

    pub(super) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Hands over a committed batch of this instance.
    pub(super) fn put_own(&self, numbered: Numbered, owner: i32, events: Vec<Event>) {
        let id = numbered.batch;
        let mut queues = self.queues.lock();
        queues.backlog.begin(owner, numbered.sequence);
        let has_room = self.ledger.has_room(1);
        let events = match has_room && queues.backlog.is_empty() {
            true => events,
            false => self.keep_back(&mut queues.backlog, events, has_room),
        };
        if events.is_empty() {
            // Where ranges took them, those hold the watermark.
            self.ledger.count(id, 0);
        } else {
            self.ledger.load(id, &events);
            queues.ready.push_back(Batch {
                id,
                events,
                is_recovered: false,
            });
        }
        drop(queues);
        self.arrived.notify_one();
    }

    /// Leaves in the table what there is no room for, and what would overtake others of its workspace; gives back the
    /// rest.
    fn keep_back(&self, backlog: &mut Backlog, events: Vec<Event>, has_room: bool) -> Vec<Event> {
        let mut passing = Vec::new();
        for event in events {
            if has_room && !backlog.holds(event.content.workspace) {
                passing.push(event);
            } else {
                backlog.push(&event, || self.ledger.open(Origin::Own, event.id));
            }
        }
        passing
    }

    /// Hands over events of a dead instance.
    pub(super) fn put_recovered(&self, events: Vec<Event>) -> Option<BatchId> {
        let id = self.ledger.open(Origin::Foreign, events.first()?.id);
        self.ledger.load(id, &events);
        self.queues.lock().ready.push_back(Batch {
            id,
            events,
            is_recovered: true,
        });
        self.arrived.notify_one();
        Some(id)
    }

    /// Has [`receive`](Self::receive) end.
    pub(super) fn close(&self) {
        self.queues.lock().is_closed = true;
        self.arrived.notify_waiters();
        self.arrived.notify_one();
    }

    /// The next batch to dispatch; `None` once closed.
    pub(super) async fn receive(&self) -> Option<Batch> {
        loop {
            match self.next() {
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

    /// What is ready and what stayed in the table take turns.
    fn next(&self) -> Next {
        let mut queues = self.queues.lock();
        if queues.is_closed {
            return Next::Closed;
        }
        if (queues.was_read_back || queues.backlog.is_empty() || !self.ledger.has_room(2))
            && let Some(batch) = queues.ready.pop_front()
        {
            queues.was_read_back = false;
            return Next::Ready(batch);
        }
        if queues.backlog.is_empty() {
            return Next::Nothing;
        }
        if !self.ledger.has_room(2) {
            return Next::NoRoom;
        }
        queues.was_read_back = true;
        queues.backlog.pop().map_or(Next::Nothing, Next::InTable)
    }

    /// Reads a range back however often it takes; `None` once closed.
    async fn read_back_surely(&self, range: Range) -> Option<Batch> {
        loop {
            match self.read_back(&range).await {
                Ok(batch) => return Some(batch),
                Err(fault) => tracing::warn!(%fault, "events could not be read back; trying again"),
            }
            tokio::time::sleep(AGAIN).await;
            if self.queues.lock().is_closed {
                return None;
            }
        }
    }

    async fn read_back(&self, range: &Range) -> Result<Batch, DbError> {
        let client = self.db.client().await?;
        let events =
            events::in_range(&client, range.owner, (range.first, range.last), &range.workspaces).await?;
        self.ledger.load(range.id, &events);
        Ok(Batch {
            id: range.id,
            events,
            is_recovered: false,
        })
    }
}
