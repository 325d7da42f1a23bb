//! Counts what is finished of the batches that are out, and so knows from where a successor would have to begin.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics::gauge;
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

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
    /// Taken over from another, whose own watermark stands for them.
    Foreign,
}

#[derive(Debug)]
struct OpenBatch {
    origin: Origin,
    first_event: Uuid,
    unfinished: usize,
    /// Until the batch was fanned out, nobody knows how many deliveries it makes.
    is_counted: bool,
    event_count: usize,
    weight: usize,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    batches: BTreeMap<BatchId, OpenBatch>,
    event_count: usize,
    weight: usize,
}

/// The batches that are out.
#[derive(Debug, Default)]
pub struct Ledger {
    open: Mutex<Open>,
    has_abandoned: AtomicBool,
    /// Rings whenever a batch is finished.
    finished: Notify,
}

impl Ledger {
    /// Opens a batch whose first event is `first_event`. It holds the watermark from now on.
    pub fn open(&self, origin: Origin, first_event: Uuid) -> BatchId {
        let mut open = self.open.lock();
        open.next += 1;
        let id = BatchId(open.next);
        open.batches.insert(
            id,
            OpenBatch {
                origin,
                first_event,
                unfinished: 0,
                is_counted: false,
                event_count: 0,
                weight: 0,
            },
        );
        id
    }

    /// Notes what a batch holds in memory until it is finished.
    pub fn load(&self, id: BatchId, event_count: usize, weight: usize) {
        let mut open = self.open.lock();
        if let Some(batch) = open.batches.get_mut(&id) {
            batch.event_count += event_count;
            batch.weight += weight;
            open.event_count += event_count;
            open.weight += weight;
        }
    }

    /// Notes how many deliveries a batch makes; with none it is finished.
    pub fn count(&self, id: BatchId, delivery_count: usize) {
        let mut open = self.open.lock();
        if let Some(batch) = open.batches.get_mut(&id) {
            batch.unfinished += delivery_count;
            batch.is_counted = true;
        }
        self.close_if_finished(&mut open, id);
    }

    /// Notes that `delivery_count` deliveries of a batch are recorded or parked.
    pub fn finish(&self, id: BatchId, delivery_count: usize) {
        let mut open = self.open.lock();
        if let Some(batch) = open.batches.get_mut(&id) {
            batch.unfinished = batch.unfinished.saturating_sub(delivery_count);
        }
        self.close_if_finished(&mut open, id);
    }

    fn close_if_finished(&self, open: &mut Open, id: BatchId) {
        let is_finished = |batch: &OpenBatch| batch.is_counted && batch.unfinished == 0;
        if !open.batches.get(&id).is_some_and(is_finished) {
            return;
        }
        if let Some(batch) = open.batches.remove(&id) {
            open.event_count -= batch.event_count;
            open.weight -= batch.weight;
            self.finished.notify_waiters();
        }
    }

    /// Gives a batch up: it is another's now, and what of it was not begun is not done here.
    pub fn abandon(&self, id: BatchId) {
        self.has_abandoned.store(true, Ordering::Release);
        let mut open = self.open.lock();
        if let Some(batch) = open.batches.get_mut(&id) {
            batch.unfinished = 0;
            batch.is_counted = true;
        }
        self.close_if_finished(&mut open, id);
    }

    /// Whether a batch with work left was given up.
    pub fn is_abandoned(&self, id: BatchId) -> bool {
        // A batch with work left is open; the look under the lock is for those who ever gave one up.
        self.has_abandoned.load(Ordering::Acquire) && self.is_finished(id)
    }

    /// The first own event that may still have work left, or `None` if nothing is out.
    pub fn watermark(&self) -> Option<Uuid> {
        let open = self.open.lock();
        let own = open.batches.values().filter(|batch| batch.origin == Origin::Own);
        own.map(|batch| batch.first_event).min()
    }

    /// Sets the metrics of what is out.
    pub fn observe(&self) {
        let (open_count, oldest) = {
            let open = self.open.lock();
            let oldest = open.batches.values().map(|batch| batch.first_event).min();
            (open.batches.len(), oldest.map(uuid_millis))
        };
        gauge!(names::BUS_UNFINISHED).set(open_count as f64);
        let age = oldest.map_or(0, |oldest| (Millis::now().0 - oldest).max(0));
        gauge!(names::BUS_OLDEST).set(age as f64 / 1000.0);
    }

    /// Batches that are out.
    pub fn open_count(&self) -> usize {
        self.open.lock().batches.len()
    }

    /// Events in memory, and their weight in bytes.
    pub fn in_memory(&self) -> (usize, usize) {
        let open = self.open.lock();
        (open.event_count, open.weight)
    }

    /// Waits until `is_reached` holds, looking again whenever a batch is finished.
    pub async fn wait_until(&self, is_reached: impl Fn(&Self) -> bool) {
        loop {
            let finished = self.finished.notified();
            let mut finished = std::pin::pin!(finished);
            // Armed before the look, so that no batch slips in between.
            finished.as_mut().enable();
            if is_reached(self) {
                return;
            }
            finished.await;
        }
    }

    /// Whether a batch is finished.
    pub fn is_finished(&self, id: BatchId) -> bool {
        !self.open.lock().batches.contains_key(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watermark_is_the_first_event_with_work_left() {
        let ledger = Ledger::default();
        let [a, b, c] = [1, 2, 3].map(Uuid::from_u128);
        let first = ledger.open(Origin::Own, a);
        let second = ledger.open(Origin::Own, b);
        let foreign = ledger.open(Origin::Foreign, Uuid::nil());
        ledger.load(first, 2, 10);
        ledger.count(first, 2);
        ledger.count(second, 1);
        assert_eq!(ledger.watermark(), Some(a));
        ledger.finish(first, 1);
        assert_eq!(ledger.watermark(), Some(a));
        ledger.finish(first, 1);
        assert_eq!(ledger.watermark(), Some(b));
        assert_eq!(ledger.in_memory(), (0, 0));
        let third = ledger.open(Origin::Own, c);
        ledger.finish(second, 1);
        assert_eq!(ledger.watermark(), Some(c), "not counted yet, so not finished");
        ledger.count(third, 0);
        assert_eq!(ledger.watermark(), None);
        ledger.count(foreign, 0);
        assert_eq!(ledger.open_count(), 0);
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
