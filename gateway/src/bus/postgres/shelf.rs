//! The state of the handover: which committed events are in memory and which stayed in the table. Never waits.

use std::collections::VecDeque;

use super::backlog::{Backlog, Range};
use super::owner::Numbered;
use crate::bus::{Batch, BatchId, Event, Ledger, Origin};

/// Batches between their commit and their dispatch.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    ready: VecDeque<Batch>,
    /// Batches that were made ready and that were given out, ever. They go out in their order.
    ready_count: u64,
    given_count: u64,
    backlog: Backlog,
    /// Whether what was given out last had been read back.
    was_read_back: bool,
    is_closed: bool,
}

/// What there is to give out.
#[derive(Debug)]
pub(super) enum Next {
    Ready(Batch),
    InTable(Range),
    /// More than memory has room for.
    NoRoom,
    Nothing,
    Closed,
}

impl Shelf {
    /// Takes in a committed batch of this instance.
    pub(super) fn put_own(&mut self, ledger: &Ledger, numbered: Numbered, owner: i32, events: Vec<Event>) {
        let id = numbered.batch;
        self.backlog.begin(owner, numbered.sequence);
        let has_room = ledger.has_room(1);
        let events = match has_room && self.backlog.is_empty() {
            true => events,
            false => self.keep_back(ledger, events, has_room),
        };
        if events.is_empty() {
            // Where ranges took them, those hold the watermark.
            ledger.count(id, 0);
        } else {
            ledger.load(id, &events);
            self.make_ready(Batch {
                id,
                events,
                is_recovered: false,
            });
        }
    }

    /// Leaves in the table what there is no room for, and what would overtake others of its workspace; gives back the
    /// rest.
    fn keep_back(&mut self, ledger: &Ledger, events: Vec<Event>, has_room: bool) -> Vec<Event> {
        let mut passing = Vec::new();
        for event in events {
            if has_room && !self.backlog.holds(event.content.workspace) {
                passing.push(event);
            } else {
                self.backlog.push(&event, self.ready_count, ledger);
            }
        }
        passing
    }

    /// Takes in events of a dead instance.
    pub(super) fn put_recovered(&mut self, ledger: &Ledger, events: Vec<Event>) -> Option<BatchId> {
        let id = ledger.open(Origin::Foreign, events.first()?.id);
        ledger.load(id, &events);
        self.make_ready(Batch {
            id,
            events,
            is_recovered: true,
        });
        Some(id)
    }

    fn make_ready(&mut self, batch: Batch) {
        self.ready.push_back(batch);
        self.ready_count += 1;
    }

    pub(super) const fn close(&mut self) {
        self.is_closed = true;
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// What comes next. What is ready and what stayed in the table take turns.
    pub(super) fn next(&mut self, ledger: &Ledger) -> Next {
        if self.is_closed {
            return Next::Closed;
        }
        let has_room = ledger.has_room(2);
        let is_ready_first = self.was_read_back || !has_room;
        if is_ready_first && let Some(batch) = self.take_ready() {
            return Next::Ready(batch);
        }
        if has_room && let Some(range) = self.backlog.pop(self.given_count) {
            self.was_read_back = true;
            return Next::InTable(range);
        }
        match self.take_ready() {
            Some(batch) => Next::Ready(batch),
            None if self.backlog.is_empty() => Next::Nothing,
            None => Next::NoRoom,
        }
    }

    fn take_ready(&mut self) -> Option<Batch> {
        let batch = self.ready.pop_front()?;
        self.given_count += 1;
        self.was_read_back = false;
        Some(batch)
    }
}
