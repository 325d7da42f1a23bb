//! Token buckets for any number of keys in a table of fixed size.
//!
//! When a part of the table is full, the fullest bucket in it is dropped: at worst its key may do a little more.

use std::hash::{BuildHasher, Hash, RandomState};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

const SETS: usize = 1024;
const WAYS: usize = 8;

/// A key's bucket: when it is full again, in microseconds since the start (GCRA).
#[derive(Clone, Copy, Default)]
struct Bucket {
    key: u64,
    full_at: u64,
}

/// The buckets of all keys.
pub struct Buckets {
    sets: Box<[Mutex<[Bucket; WAYS]>]>,
    /// Random, so that nobody can choose keys that share a set.
    hasher: RandomState,
    started: Instant,
    cost_micros: u64,
    burst_micros: u64,
}

impl Buckets {
    /// Full buckets of `burst` tokens that refill at `per_second`.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let cost_micros = 1_000_000 / u64::from(per_second.max(1));
        Self {
            sets: (0..SETS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            started: Instant::now(),
            cost_micros,
            burst_micros: cost_micros * u64::from(burst),
        }
    }

    /// Takes one token of `key`'s, or tells how long there is none.
    pub fn take(&self, key: &impl Hash) -> Result<(), Duration> {
        let now = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.take_at(key, now)
    }

    fn take_at(&self, key: &impl Hash, now: u64) -> Result<(), Duration> {
        // 0 marks a free place.
        let key = self.hasher.hash_one(key) | 1;
        let at = usize::try_from(key >> 32).unwrap_or_default() % SETS;
        let mut set = self.sets[at].lock();
        let known = set.iter().position(|bucket| bucket.key == key);
        let least = || (0..WAYS).min_by_key(|&way| set[way].full_at).unwrap_or_default();
        let way = known.unwrap_or_else(least);
        let full_at = match known {
            Some(way) => set[way].full_at.max(now),
            None => now,
        };
        let after = full_at + self.cost_micros;
        let excess = after.saturating_sub(now + self.burst_micros);
        if excess > 0 {
            return Err(Duration::from_micros(excess));
        }
        set[way] = Bucket { key, full_at: after };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_burst_then_its_rate_and_others_have_their_own() {
        let buckets = Buckets::new(10, 3);
        for _ in 0..3 {
            assert_eq!(buckets.take_at(&"a", 0), Ok(()));
        }
        assert_eq!(buckets.take_at(&"a", 0), Err(Duration::from_millis(100)));
        assert_eq!(buckets.take_at(&"b", 0), Ok(()));
        assert_eq!(buckets.take_at(&"a", 100_000), Ok(()));
        assert_eq!(buckets.take_at(&"a", 100_000), Err(Duration::from_millis(100)));
        // What was refused does not push the end further away.
        assert_eq!(buckets.take_at(&"a", 1_000_000), Ok(()));
    }

    #[test]
    fn a_million_keys_take_no_more_room_and_leave_the_worst_throttled() {
        let buckets = Buckets::new(1, 100);
        while buckets.take_at(&"worst", 0).is_ok() {}
        for key in 0..1_000_000_u32 {
            let _ = buckets.take_at(&key, 1);
        }
        assert!(buckets.take_at(&"worst", 2).is_err());
    }
}
