//! The budget that all deliveries of this instance share: memory for bodies, and attempts in flight.
//!
//! A lane may take more as long as it holds less than what is still free. So one endpoint alone gets half of
//! everything, n greedy ones get an equal share each, and there is always something left for one that holds nothing
//! yet. Nothing waits for a share: a delivery that gets none is parked in the database, as when its lane is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use metrics::gauge;

use crate::telemetry::names;

/// The weight of a delivery beside its body, in bytes.
const OVERHEAD: usize = 512;
/// What one statement may lease, in bytes: the rows are in memory twice while they become deliveries.
const MAX_LEASE: usize = 8 << 20;

/// So much of something.
#[derive(Debug)]
pub struct Meter {
    limit: usize,
    used: AtomicUsize,
}

impl Meter {
    const fn new(limit: usize) -> Self {
        Self {
            limit,
            used: AtomicUsize::new(0),
        }
    }

    fn free(&self) -> usize {
        self.limit.saturating_sub(self.used.load(Ordering::Relaxed))
    }

    fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, amount: usize) {
        self.used.fetch_add(amount, Ordering::Relaxed);
    }

    fn give(&self, amount: usize) {
        self.used.fetch_sub(amount, Ordering::Relaxed);
    }
}

/// The budget of all lanes.
#[derive(Debug)]
pub struct Budget {
    bytes: Meter,
    attempts: Meter,
}

impl Budget {
    /// A budget of this many bytes and attempts, all free.
    pub const fn new(bytes: usize, attempts: usize) -> Self {
        Self {
            bytes: Meter::new(bytes),
            attempts: Meter::new(attempts),
        }
    }

    /// The same bytes; they count until the last of their copies is dropped, wherever that is.
    pub fn hold(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        self.bytes.take(bytes.len() + OVERHEAD);
        Bytes::from_owner(Held {
            bytes,
            budget: self.clone(),
        })
    }

    /// Whether a lane that holds `held` bytes may take more.
    pub fn has_bytes(&self, held: usize) -> bool {
        held < self.bytes.free()
    }

    /// How many bytes one statement may lease now.
    pub fn leasable(&self) -> i64 {
        let part = (self.bytes.free() / 4).min(MAX_LEASE);
        i64::try_from(part).unwrap_or(i64::MAX)
    }

    /// Whether a lane that has `held` attempts under way may begin another one.
    pub fn has_attempts(&self, held: usize) -> bool {
        held < self.attempts.free()
    }

    /// Counts attempts as under way.
    pub fn begin(&self, count: usize) {
        self.attempts.take(count);
    }

    /// Counts attempts as ended.
    pub fn end(&self, count: usize) {
        self.attempts.give(count);
    }

    /// Sets the metrics.
    pub fn observe(&self) {
        gauge!(names::DELIVERY_MEMORY).set(self.bytes.used() as f64);
        gauge!(names::ATTEMPTS_UNDER_WAY).set(self.attempts.used() as f64);
    }
}

/// The weight of a delivery with a body of this many bytes.
pub const fn weight(byte_count: usize) -> usize {
    byte_count + OVERHEAD
}

struct Held {
    bytes: Bytes,
    budget: Arc<Budget>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.bytes.give(weight(self.bytes.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_until_their_last_copy_is_dropped() {
        let budget = Arc::new(Budget::new(10_000, 1));
        let held = budget.hold(Bytes::from(vec![7; 1_000]));
        let copy = held.slice(10..20);
        drop(held);
        assert_eq!(budget.bytes.used(), weight(1_000));
        assert_eq!(&copy[..], [7; 10]);
        drop(copy);
        assert_eq!(budget.bytes.used(), 0);
    }

    #[test]
    fn greedy_lanes_get_equal_shares_and_leave_one_for_newcomers() {
        let budget = Budget::new(0, 1_000);
        let mut lanes = [0; 200];
        for _ in 0..1_000 {
            for held in &mut lanes {
                if budget.has_attempts(*held) {
                    budget.begin(1);
                    *held += 1;
                }
            }
        }
        assert!(lanes.iter().all(|held| (4..=5).contains(held)), "{lanes:?}");
        assert!(budget.has_attempts(0), "something is left");
        let alone = Budget::new(0, 1_000);
        let mut held = 0;
        while alone.has_attempts(held) {
            alone.begin(1);
            held += 1;
        }
        assert_eq!(held, 500);
    }
}
