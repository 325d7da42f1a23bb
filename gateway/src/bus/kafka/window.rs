//! Which offsets may be committed: in each partition those up to the first chunk that has work left.
//!
//! A chunk is a run of messages of one partition that were fetched together. It is *fetched* until its events are
//! stored, then it has a batch in the ledger, and is finished with that. When a partition is taken away its chunks are
//! dropped, and what a task still reports about one is ignored.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::bus::{BatchId, Ledger};

/// Names a chunk for as long as its partition stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkId {
    partition: i32,
    number: u64,
}

#[derive(Debug)]
enum Stage {
    Fetched,
    Dispatched(BatchId),
    Finished,
}

#[derive(Debug)]
struct Chunk {
    number: u64,
    stage: Stage,
    event_count: usize,
    /// The first offset after it.
    next_offset: i64,
}

#[derive(Debug, Default)]
struct Partitions {
    open: BTreeMap<i32, VecDeque<Chunk>>,
    next_number: u64,
}

/// The chunks of the partitions that this instance has.
#[derive(Debug, Default)]
pub(super) struct Window {
    partitions: Mutex<Partitions>,
    has_joined: AtomicBool,
}

impl Window {
    /// Whether the group has assigned partitions to this instance, be it none.
    pub(super) fn has_joined(&self) -> bool {
        self.has_joined.load(Ordering::Acquire)
    }

    /// Takes up partitions.
    pub(super) fn assign(&self, partitions: impl IntoIterator<Item = i32>) {
        self.has_joined.store(true, Ordering::Release);
        let mut held = self.partitions.lock();
        for partition in partitions {
            held.open.insert(partition, VecDeque::new());
        }
    }

    /// Gives partitions up; the batches of them that are not finished.
    pub(super) fn revoke(&self, partitions: impl IntoIterator<Item = i32>) -> Vec<BatchId> {
        let mut held = self.partitions.lock();
        let chunks = partitions
            .into_iter()
            .filter_map(|partition| held.open.remove(&partition))
            .flatten();
        chunks
            .filter_map(|chunk| match chunk.stage {
                Stage::Dispatched(batch) => Some(batch),
                Stage::Fetched | Stage::Finished => None,
            })
            .collect()
    }

    /// The partitions that this instance has.
    pub(super) fn assigned(&self) -> Vec<i32> {
        self.partitions.lock().open.keys().copied().collect()
    }

    /// Notes a chunk; `None` if its partition was taken away.
    pub(super) fn fetched(&self, partition: i32, event_count: usize, next_offset: i64) -> Option<ChunkId> {
        let mut held = self.partitions.lock();
        held.next_number += 1;
        let number = held.next_number;
        held.open.get_mut(&partition)?.push_back(Chunk {
            number,
            stage: Stage::Fetched,
            event_count,
            next_offset,
        });
        Some(ChunkId { partition, number })
    }

    /// Notes that a chunk's events are out as `batch`; whether it still counts.
    pub(super) fn dispatched(&self, id: ChunkId, batch: BatchId) -> bool {
        self.set(id, Stage::Dispatched(batch))
    }

    /// Notes that a chunk has no work; whether it still counts.
    pub(super) fn finished(&self, id: ChunkId) -> bool {
        self.set(id, Stage::Finished)
    }

    fn set(&self, id: ChunkId, stage: Stage) -> bool {
        let mut held = self.partitions.lock();
        let chunks = held.open.get_mut(&id.partition);
        let chunk = chunks.and_then(|chunks| chunks.iter_mut().find(|chunk| chunk.number == id.number));
        match chunk {
            Some(chunk) => {
                chunk.stage = stage;
                true
            }
            None => false,
        }
    }

    /// Drops what is finished at the head of each partition; the offsets that may be committed now.
    pub(super) fn advance(&self, ledger: &Ledger) -> Vec<(i32, i64)> {
        let is_finished = |chunk: &Chunk| match chunk.stage {
            Stage::Fetched => false,
            Stage::Dispatched(batch) => ledger.is_finished(batch),
            Stage::Finished => true,
        };
        let mut held = self.partitions.lock();
        let mut offsets = Vec::new();
        for (partition, chunks) in &mut held.open {
            let mut reached = None;
            while chunks.front().is_some_and(is_finished) {
                reached = chunks.pop_front().map(|chunk| chunk.next_offset);
            }
            offsets.extend(reached.map(|offset| (*partition, offset)));
        }
        offsets
    }

    /// Events of a partition that are not finished.
    pub(super) fn in_flight(&self, partition: i32) -> usize {
        let held = self.partitions.lock();
        let chunks = held.open.get(&partition);
        chunks.map_or(0, |chunks| chunks.iter().map(|chunk| chunk.event_count).sum())
    }

    /// Whether nothing of these partitions is under way.
    pub(super) fn is_idle(&self, partitions: &[i32]) -> bool {
        let held = self.partitions.lock();
        let mut chunks = partitions.iter().filter_map(|partition| held.open.get(partition));
        chunks.all(VecDeque::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::bus::Origin;

    #[test]
    fn offsets_pass_only_what_is_finished() {
        let (window, ledger) = (Window::default(), Ledger::default());
        window.assign([0, 1]);
        let chunks = [10, 20, 30].map(|offset| window.fetched(0, 5, offset).expect("assigned"));
        assert_eq!(window.in_flight(0), 15);
        let batches = chunks.map(|chunk| {
            let batch = ledger.open(Origin::Foreign, Uuid::nil());
            ledger.count(batch, 1);
            assert!(window.dispatched(chunk, batch));
            batch
        });
        assert!(window.advance(&ledger).is_empty());
        ledger.finish(batches[1], 1);
        assert!(
            window.advance(&ledger).is_empty(),
            "the first holds the second back"
        );
        ledger.finish(batches[0], 1);
        assert_eq!(window.advance(&ledger), [(0, 20)]);
        assert!(!window.is_idle(&[0]) && window.is_idle(&[1]));
        ledger.finish(batches[2], 1);
        assert_eq!(window.advance(&ledger), [(0, 30)]);
        assert!(window.is_idle(&[0, 1]));
    }

    #[test]
    fn what_was_taken_away_does_not_count() {
        let (window, ledger) = (Window::default(), Ledger::default());
        window.assign([7]);
        let (one, two) = (window.fetched(7, 1, 1), window.fetched(7, 1, 2));
        let batch = ledger.open(Origin::Foreign, Uuid::nil());
        assert!(window.dispatched(one.expect("assigned"), batch));
        assert_eq!(window.revoke([7]), [batch]);
        assert!(!window.finished(two.expect("assigned")));
        assert!(window.fetched(7, 1, 3).is_none());
        window.assign([7]);
        assert!(
            !window.finished(two.expect("assigned")),
            "another term, another chunk"
        );
        assert!(window.advance(&ledger).is_empty());
    }
}
