//! What this instance has counted and not yet written, or may still add to.

use std::collections::HashMap;

use metrics::counter;
use parking_lot::Mutex;
use uuid::Uuid;

use super::tally::Tally;
use crate::base::clock::Millis;
use crate::base::id::DestinationId;
use crate::delivery::engine::outcome::{Outcome, Verdict};
use crate::delivery::log::Attempt;
use crate::telemetry::names;

/// The lengths of buckets.
pub const FIVE_MINUTES: i32 = 300;
/// See [`FIVE_MINUTES`].
pub const HOUR: i32 = 3_600;
/// Buckets in memory: those of 5,000 endpoints that are called at all times, each two at a time and the last ones.
const MAX_BUCKETS: usize = 20_000;
/// A bucket that ended is kept for so long, in case the clock is set back.
const KEPT_SECONDS: i64 = 300;

/// A bucket: whose, how many seconds long, and from when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub destination: Uuid,
    pub span_seconds: i32,
    pub at: Millis,
}

#[derive(Default)]
struct Bucket {
    tally: Tally,
    is_written: bool,
}

/// The counters of an instance.
#[derive(Default)]
pub struct Counters {
    buckets: Mutex<HashMap<Key, Bucket>>,
}

impl Counters {
    /// Counts outcomes that are recorded.
    pub fn note(&self, group: &[Outcome]) {
        let attempts = group.iter().filter_map(|outcome| match outcome {
            Outcome::First {
                new,
                attempt,
                verdict,
            } => Some((new.destination, attempt, *verdict)),
            Outcome::Again {
                destination,
                attempt,
                verdict,
                ..
            } => Some((*destination, attempt, *verdict)),
            Outcome::Park { .. }
            | Outcome::Drop { .. }
            | Outcome::Release { .. }
            | Outcome::Postpone { .. } => None,
        });
        self.count(attempts, Millis::now());
    }

    fn count<'a>(&self, attempts: impl Iterator<Item = (DestinationId, &'a Attempt, Verdict)>, now: Millis) {
        let mut dropped = 0;
        let mut buckets = self.buckets.lock();
        for (destination, attempt, verdict) in attempts {
            for span_seconds in [FIVE_MINUTES, HOUR] {
                let key = Key {
                    destination: destination.uuid(),
                    span_seconds,
                    at: beginning(now, i64::from(span_seconds)),
                };
                let has_room = buckets.len() < MAX_BUCKETS;
                let bucket = match buckets.get_mut(&key) {
                    Some(bucket) => bucket,
                    None if has_room => buckets.entry(key).or_default(),
                    None => {
                        dropped += 1;
                        continue;
                    }
                };
                bucket.tally.count(attempt, verdict, now);
                bucket.is_written = false;
            }
        }
        drop(buckets);
        if dropped > 0 {
            counter!(names::STATS_DROPPED).increment(dropped);
        }
    }

    /// The buckets that changed since they were last taken.
    pub fn changed(&self) -> Vec<Key> {
        let buckets = self.buckets.lock();
        let changed = buckets.iter().filter(|(_, bucket)| !bucket.is_written);
        changed.map(|(key, _)| *key).collect()
    }

    /// What these count by now, to be written.
    pub fn take(&self, keys: &[Key]) -> Vec<(Key, Tally)> {
        let mut buckets = self.buckets.lock();
        let mut taken = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(bucket) = buckets.get_mut(key) {
                bucket.is_written = true;
                taken.push((*key, bucket.tally.clone()));
            }
        }
        taken
    }

    /// Takes note that these could not be written.
    pub fn give_back(&self, keys: &[Key]) {
        let mut buckets = self.buckets.lock();
        for key in keys {
            if let Some(bucket) = buckets.get_mut(key) {
                bucket.is_written = false;
            }
        }
    }

    /// Forgets what is written and ended.
    pub fn forget_ended(&self) {
        self.forget(Millis::now());
    }

    fn forget(&self, now: Millis) {
        let is_open = |key: &Key| key.at.plus_seconds(i64::from(key.span_seconds) + KEPT_SECONDS) > now;
        let mut buckets = self.buckets.lock();
        buckets.retain(|key, bucket| !bucket.is_written || is_open(key));
    }
}

/// When the bucket of so many seconds began in which that moment is.
pub fn beginning(moment: Millis, span_seconds: i64) -> Millis {
    let span = span_seconds * 1000;
    Millis(moment.0.div_euclid(span) * span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt() -> Attempt {
        Attempt {
            number: 1,
            at: Millis(0),
            status_code: Some(200),
            error_code: None,
            error_detail: None,
            response_body: None,
            dns_ms: None,
            connect_ms: None,
            tls_ms: None,
            first_byte_ms: None,
            total_ms: 1.0,
            request: None,
            revision: None,
            result: None,
        }
    }

    fn destination(number: u128) -> DestinationId {
        DestinationId::from_uuid(Uuid::from_u128(number))
    }

    fn count(counters: &Counters, number: u128, now: Millis) {
        let attempt = attempt();
        let one = (destination(number), &attempt, Verdict::Succeeded);
        counters.count(std::iter::once(one), now);
    }

    #[test]
    fn a_bucket_is_written_whole_each_time_that_it_changed() {
        let counters = Counters::default();
        let sum = |taken: &[(Key, Tally)]| taken.iter().map(|(_, tally)| tally.succeeded).sum::<u64>();
        count(&counters, 1, Millis(0));
        let keys = counters.changed();
        assert_eq!(keys.len(), 2);
        assert_eq!(sum(&counters.take(&keys)), 2);
        assert!(counters.changed().is_empty());
        count(&counters, 1, Millis(299_999));
        assert_eq!(sum(&counters.take(&counters.changed())), 4);
        counters.give_back(&keys);
        assert_eq!(counters.changed().len(), 2, "it could not be written");
        counters.take(&keys);
        count(&counters, 1, Millis(300_000));
        let mut sums: Vec<u64> = counters
            .take(&counters.changed())
            .iter()
            .map(|(_, tally)| tally.succeeded)
            .collect();
        sums.sort_unstable();
        assert_eq!(sums, [1, 3], "a new one of five minutes, and the hour's");
    }

    #[test]
    fn what_is_not_written_is_not_forgotten() {
        let counters = Counters::default();
        count(&counters, 1, Millis(0));
        let late = Millis(7_200_000);
        counters.forget(late);
        let keys = counters.changed();
        assert_eq!(counters.take(&keys).len(), 2);
        counters.forget(Millis(599_000));
        assert_eq!(counters.take(&keys).len(), 2);
        counters.forget(Millis(600_000));
        assert_eq!(counters.take(&keys).len(), 1);
        counters.forget(late);
        assert_eq!(counters.take(&keys).len(), 0);
    }

    #[test]
    fn any_number_of_endpoints_fills_no_memory() {
        let counters = Counters::default();
        for number in 0..MAX_BUCKETS as u128 {
            count(&counters, number, Millis(0));
        }
        assert_eq!(counters.changed().len(), MAX_BUCKETS);
    }
}
