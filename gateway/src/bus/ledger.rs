//! Counts the unfinished deliveries of each dispatched batch. From that it gives the watermark, where a successor would
//! begin, and the amount of events in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use metrics::gauge;
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use super::Event;
use crate::base::clock::Millis;
use crate::base::id::uuid_millis;
use crate::telemetry::names;

/// Names a batch within its instance; later batches have larger ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(u64);

/// Whose events a batch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Accepted by this instance: they hold its watermark back.
    Own,
    /// Taken over from another owner, whose own watermark covers them.
    Foreign,
}

/// Events in memory beyond which buses hand over nothing more.
const MAX_EVENTS: usize = 8_000;
/// The same for deliveries: what they wait in their lanes stays below what lanes take for slowness of the receiver.
const MAX_DELIVERIES: usize = 16_000;
/// The same, by weight in bytes.
const MAX_WEIGHT: usize = 48 << 20;

#[derive(Debug)]
struct OpenBatch {
    origin: Origin,
    first_event: Uuid,
    unfinished: usize,
    /// Until the batch is fanned out, its number of deliveries is unknown.
    is_counted: bool,
    event_count: usize,
    weight: usize,
    /// The weight of its heaviest event.
    heaviest: usize,
}

impl OpenBatch {
    /// What it holds in memory at most. An event goes with its last delivery, so no more events are left than deliveries.
    fn held(&self) -> Held {
        if !self.is_counted {
            return Held {
                events: self.event_count,
                deliveries: 0,
                weight: self.weight,
            };
        }
        let events = self.event_count.min(self.unfinished);
        Held {
            events,
            deliveries: self.unfinished,
            weight: self.weight.min(events * self.heaviest),
        }
    }
}

/// What is in memory.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Held {
    events: usize,
    deliveries: usize,
    /// In bytes, roughly.
    weight: usize,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    batches: BTreeMap<BatchId, OpenBatch>,
    /// The first events of own batches, so that finding the least does not walk all batches under the lock.
    own_firsts: BTreeSet<(Uuid, BatchId)>,
    foreign_firsts: BTreeSet<(Uuid, BatchId)>,
    held: Held,
}

impl Open {
    const fn firsts(&mut self, origin: Origin) -> &mut BTreeSet<(Uuid, BatchId)> {
        match origin {
            Origin::Own => &mut self.own_firsts,
            Origin::Foreign => &mut self.foreign_firsts,
        }
    }

    fn insert(&mut self, id: BatchId, batch: OpenBatch) {
        self.firsts(batch.origin).insert((batch.first_event, id));
        self.batches.insert(id, batch);
    }

    fn remove(&mut self, id: BatchId) {
        if let Some(batch) = self.batches.remove(&id) {
            self.firsts(batch.origin).remove(&(batch.first_event, id));
        }
    }

    /// Changes a batch, and keeps the sum of what all hold.
    fn change(&mut self, id: BatchId, change: impl FnOnce(&mut OpenBatch)) {
        let Some(batch) = self.batches.get_mut(&id) else {
            return;
        };
        let before = batch.held();
        change(batch);
        let after = batch.held();
        let held = &mut self.held;
        held.events = held.events - before.events + after.events;
        held.deliveries = held.deliveries - before.deliveries + after.deliveries;
        held.weight = held.weight - before.weight + after.weight;
    }
}

/// The batches that are out.
#[derive(Debug, Default)]
pub struct Ledger {
    open: Mutex<Open>,
    has_abandoned: AtomicBool,
    /// Rings whenever something is finished.
    moved: Notify,
}

impl Ledger {
    /// Opens a batch whose first event is `first_event`. It holds the watermark from now on.
    pub fn open(&self, origin: Origin, first_event: Uuid) -> BatchId {
        let mut open = self.open.lock();
        open.next += 1;
        let id = BatchId(open.next);
        open.insert(
            id,
            OpenBatch {
                origin,
                first_event,
                unfinished: 0,
                is_counted: false,
                event_count: 0,
                weight: 0,
                heaviest: 0,
            },
        );
        id
    }

    /// Has a batch hold the watermark at `event`, where that is below its first.
    pub fn lower(&self, id: BatchId, event: Uuid) {
        let mut open = self.open.lock();
        let Some(batch) = open
            .batches
            .get_mut(&id)
            .filter(|batch| event < batch.first_event)
        else {
            return;
        };
        let (origin, before) = (batch.origin, batch.first_event);
        batch.first_event = event;
        let firsts = open.firsts(origin);
        firsts.remove(&(before, id));
        firsts.insert((event, id));
    }

    /// Notes the events of a batch, which are in memory until their deliveries are finished.
    pub fn load(&self, id: BatchId, events: &[Event]) {
        let weights = || events.iter().map(Event::weight);
        self.open.lock().change(id, |batch| {
            batch.event_count += events.len();
            batch.weight += weights().sum::<usize>();
            batch.heaviest = batch.heaviest.max(weights().max().unwrap_or(0));
        });
    }

    /// Notes how many deliveries a batch makes; with none it is finished.
    pub fn count(&self, id: BatchId, delivery_count: usize) {
        self.settle(id, |batch| {
            batch.unfinished += delivery_count;
            batch.is_counted = true;
        });
    }

    /// Notes that `delivery_count` deliveries of a batch are recorded or parked.
    pub fn finish(&self, id: BatchId, delivery_count: usize) {
        self.settle(id, |batch| {
            batch.unfinished = batch.unfinished.saturating_sub(delivery_count);
        });
    }

    /// Gives a batch up: it is another's now, and what of it was not begun is not done here.
    pub fn abandon(&self, id: BatchId) {
        self.has_abandoned.store(true, Ordering::Release);
        self.settle(id, |batch| {
            batch.unfinished = 0;
            batch.is_counted = true;
        });
    }

    fn settle(&self, id: BatchId, change: impl FnOnce(&mut OpenBatch)) {
        let mut open = self.open.lock();
        open.change(id, change);
        let is_finished = |batch: &OpenBatch| batch.is_counted && batch.unfinished == 0;
        if open.batches.get(&id).is_some_and(is_finished) {
            // It holds nothing any more.
            open.remove(id);
        }
        drop(open);
        self.moved.notify_waiters();
    }

    /// Whether a batch with work left was given up.
    pub fn is_abandoned(&self, id: BatchId) -> bool {
        // A batch with work left is open; the look under the lock is for those who ever gave one up.
        self.has_abandoned.load(Ordering::Acquire) && self.is_finished(id)
    }

    /// The first own event that may still have work left, or `None` if nothing is out.
    pub fn watermark(&self) -> Option<Uuid> {
        let open = self.open.lock();
        open.own_firsts.first().map(|(first, _)| *first)
    }

    /// Sets the metrics of what is out.
    pub fn observe(&self) {
        let (open_count, oldest) = {
            let open = self.open.lock();
            let oldest = [&open.own_firsts, &open.foreign_firsts]
                .into_iter()
                .filter_map(BTreeSet::first)
                .min();
            (open.batches.len(), oldest.map(|(first, _)| uuid_millis(*first)))
        };
        gauge!(names::BUS_UNFINISHED).set(open_count as f64);
        let age = oldest.map_or(0, |oldest| (Millis::now().0 - oldest).max(0));
        gauge!(names::BUS_OLDEST).set(age as f64 / 1000.0);
    }

    /// Batches that are out.
    pub fn open_count(&self) -> usize {
        self.open.lock().batches.len()
    }

    /// Events in memory at most.
    pub fn in_memory(&self) -> usize {
        self.open.lock().held.events
    }

    /// Whether memory is filled to less than one `part`th of what it may hold.
    pub fn has_room(&self, part: usize) -> bool {
        let held = self.open.lock().held;
        held.events < MAX_EVENTS / part
            && held.deliveries < MAX_DELIVERIES / part
            && held.weight < MAX_WEIGHT / part
    }

    /// Waits until `is_reached` holds, looking again whenever something is finished.
    pub async fn wait_until(&self, is_reached: impl Fn(&Self) -> bool) {
        loop {
            let moved = self.moved.notified();
            let mut moved = std::pin::pin!(moved);
            // Armed before the look, so that no batch slips in between.
            moved.as_mut().enable();
            if is_reached(self) {
                return;
            }
            moved.await;
        }
    }

    /// Whether a batch is finished.
    pub fn is_finished(&self, id: BatchId) -> bool {
        !self.open.lock().batches.contains_key(&id)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::base::caller::WorkspaceId;
    use crate::bus::NewEvent;

    #[test]
    fn the_watermark_is_the_first_event_with_work_left() {
        let ledger = Ledger::default();
        let [a, b, c] = [1, 2, 3].map(Uuid::from_u128);
        let first = ledger.open(Origin::Own, a);
        let second = ledger.open(Origin::Own, b);
        let foreign = ledger.open(Origin::Foreign, Uuid::nil());
        ledger.count(first, 2);
        ledger.count(second, 1);
        assert_eq!(ledger.watermark(), Some(a));
        ledger.finish(first, 1);
        assert_eq!(ledger.watermark(), Some(a));
        ledger.finish(first, 1);
        assert_eq!(ledger.watermark(), Some(b));
        let third = ledger.open(Origin::Own, c);
        ledger.finish(second, 1);
        assert_eq!(ledger.watermark(), Some(c), "not counted yet, so not finished");
        ledger.count(third, 0);
        assert_eq!(ledger.watermark(), None);
        ledger.count(foreign, 0);
        assert_eq!(ledger.open_count(), 0);
    }

    #[test]
    fn a_batch_that_is_lowered_holds_the_watermark_there() {
        let ledger = Ledger::default();
        let [low, middle, high] = [1, 2, 3].map(Uuid::from_u128);
        let batch = ledger.open(Origin::Own, middle);
        ledger.lower(batch, high);
        assert_eq!(ledger.watermark(), Some(middle));
        ledger.lower(batch, low);
        assert_eq!(ledger.watermark(), Some(low));
        ledger.count(batch, 0);
        assert_eq!(ledger.watermark(), None);
        ledger.lower(batch, low);
        assert_eq!(ledger.watermark(), None, "it is finished");
    }

    fn event(byte_count: usize) -> Event {
        Event {
            id: Uuid::nil(),
            content: NewEvent {
                workspace: WorkspaceId(1),
                label: "deal.won".into(),
                client_id: None,
                once_key: None,
                occurred_at: None,
                ordering_key: None,
                data: Bytes::from(vec![b'x'; byte_count]),
            },
        }
    }

    #[test]
    fn an_event_is_in_memory_until_its_last_delivery() {
        let ledger = Ledger::default();
        let batch = ledger.open(Origin::Own, Uuid::nil());
        ledger.load(batch, &[event(0), event(1_000)]);
        assert_eq!(ledger.in_memory(), 2);
        ledger.count(batch, 6);
        ledger.finish(batch, 4);
        assert_eq!(ledger.in_memory(), 2);
        ledger.finish(batch, 1);
        assert_eq!(ledger.in_memory(), 1, "one delivery holds one event");
        assert_eq!(ledger.open.lock().held.weight, event(1_000).weight());
        ledger.finish(batch, 1);
        assert_eq!(ledger.open.lock().held, Held::default());
    }

    #[test]
    fn memory_has_room_until_it_is_full_of_any_one_thing() {
        let fill = |events: &[Event], delivery_count: usize| {
            let ledger = Ledger::default();
            let batch = ledger.open(Origin::Own, Uuid::nil());
            ledger.load(batch, events);
            ledger.count(batch, delivery_count);
            (ledger.has_room(1), ledger.has_room(2))
        };
        assert_eq!(fill(&[event(1)], 1), (true, true));
        assert_eq!(fill(&[event(1)], MAX_DELIVERIES / 2), (true, false));
        assert_eq!(fill(&[event(1)], MAX_DELIVERIES), (false, false));
        let many = vec![event(1); MAX_EVENTS];
        assert_eq!(fill(&many, MAX_EVENTS), (false, false));
        assert_eq!(fill(&many, 1), (true, true), "all but one are delivered");
        assert_eq!(fill(&[event(MAX_WEIGHT)], 1), (false, false));
    }

    #[test]
    fn outcomes_may_come_before_the_count() {
        let ledger = Ledger::default();
        let batch = ledger.open(Origin::Own, Uuid::nil());
        ledger.count(batch, 3);
        ledger.finish(batch, 2);
        assert!(!ledger.is_finished(batch));
        ledger.finish(batch, 1);
        assert!(ledger.is_finished(batch));
    }
}
