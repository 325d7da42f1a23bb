//! From commit to dispatch within one process, without a poll.
//!
//! What is in memory is bounded. When deliveries fall behind, a committed batch is not handed over but only remembered
//! by its range of ids (a few bytes), and read back from the table once there is room.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use super::events;
use crate::bus::{Batch, BatchId, Event, Ledger, Origin};
use crate::db::{Db, DbError};

/// Events in memory beyond which batches stay in the table.
const MAX_EVENTS: usize = 8_000;
/// The same, by weight in bytes.
const MAX_WEIGHT: usize = 48 << 20;
/// Events that are read back at once.
const READ_COUNT: usize = 2_000;

/// A batch that stayed in the table.
#[derive(Debug)]
struct Spilled {
    id: BatchId,
    owner: i32,
    first: Uuid,
    last: Uuid,
    event_count: usize,
}

#[derive(Debug, Default)]
struct Queues {
    ready: VecDeque<Batch>,
    spilled: VecDeque<Spilled>,
    is_closed: bool,
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

    /// Hands over a committed batch of this instance, opened under `id`.
    pub(super) fn put_own(&self, id: BatchId, owner: i32, events: Vec<Event>) {
        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            self.ledger.count(id, 0);
            return;
        };
        let (first, last) = (first.id, last.id);
        let mut queues = self.queues.lock();
        if queues.spilled.is_empty() && self.has_room(1) {
            self.load(id, &events);
            queues.ready.push_back(Batch {
                id,
                events,
                is_recovered: false,
            });
        } else {
            self.spill(
                &mut queues.spilled,
                Spilled {
                    id,
                    owner,
                    first,
                    last,
                    event_count: events.len(),
                },
            );
        }
        drop(queues);
        self.arrived.notify_one();
    }

    /// Remembers a range; neighbours become one, so that they are read back by one query.
    fn spill(&self, spilled: &mut VecDeque<Spilled>, next: Spilled) {
        match spilled.back_mut() {
            Some(last) if last.owner == next.owner && last.event_count + next.event_count <= READ_COUNT => {
                last.last = next.last;
                last.event_count += next.event_count;
                // The older batch holds the watermark for both.
                self.ledger.count(next.id, 0);
            }
            _ => spilled.push_back(next),
        }
    }

    /// Hands over events of a dead instance.
    pub(super) fn put_recovered(&self, events: Vec<Event>) -> Option<BatchId> {
        let id = self.ledger.open(Origin::Foreign, events.first()?.id);
        self.load(id, &events);
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
            let next = {
                let mut queues = self.queues.lock();
                if queues.is_closed {
                    return None;
                }
                if let Some(batch) = queues.ready.pop_front() {
                    return Some(batch);
                }
                let next = match self.has_room(2) {
                    true => queues.spilled.pop_front(),
                    false => None,
                };
                (next, !queues.spilled.is_empty())
            };
            match next {
                (Some(spilled), _) => match self.read_back(&spilled).await {
                    Ok(batch) => return Some(batch),
                    Err(fault) => {
                        tracing::warn!(%fault, "events could not be read back; trying again");
                        self.queues.lock().spilled.push_front(spilled);
                        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
                    }
                },
                (None, true) => {
                    tokio::select! {
                        () = self.ledger.wait_until(|_| self.has_room(2)) => {}
                        () = self.arrived.notified() => {}
                    }
                }
                (None, false) => self.arrived.notified().await,
            }
        }
    }

    async fn read_back(&self, spilled: &Spilled) -> Result<Batch, DbError> {
        let client = self.db.client().await?;
        // A batch is never larger than this.
        let count = i64::try_from(spilled.event_count.max(READ_COUNT)).unwrap_or(i64::MAX);
        let events = events::owned(&client, spilled.owner, spilled.first, spilled.last, count).await?;
        self.load(spilled.id, &events);
        Ok(Batch {
            id: spilled.id,
            events,
            is_recovered: false,
        })
    }

    fn load(&self, id: BatchId, events: &[Event]) {
        let weight = events.iter().map(Event::weight).sum();
        self.ledger.load(id, events.len(), weight);
    }

    /// Whether memory is filled to less than one `part`th of what it may hold.
    fn has_room(&self, part: usize) -> bool {
        let (event_count, weight) = self.ledger.in_memory();
        event_count < MAX_EVENTS / part && weight < MAX_WEIGHT / part
    }
}
