//! What was counted of one destination, by all instances, and what is made of it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::counters::{FIVE_MINUTES, HOUR, beginning};
use super::model::{Bucket, Cause, Range, Stats};
use super::tally::Tally;
use crate::base::clock::Millis;

const HOUR_SECONDS: i64 = HOUR as i64;
const DAY_SECONDS: i64 = 24 * HOUR_SECONDS;

/// The buckets of a destination: those of five minutes of the last day, and those of an hour of the last month.
#[derive(Debug, Default)]
pub struct History {
    buckets: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    span_seconds: i32,
    at: Millis,
    tally: Tally,
}

/// A bucket as the store's query gives it: span, beginning, succeeded, failed, retried, last success, times, causes.
/// Moments are seconds since 1970.
#[derive(Deserialize)]
struct Kept(
    i32,
    i64,
    u64,
    u64,
    u64,
    Option<i64>,
    BTreeMap<u8, u64>,
    BTreeMap<String, u64>,
);

impl History {
    /// Of the JSON that `store::history_of` gives; `None` is that of a destination of which nothing is counted.
    pub fn of(json: Option<&str>) -> Self {
        let kept: Option<Vec<Kept>> = json
            // What the writer has written can be read.
            .map(|json| serde_json::from_str(json).unwrap_or_default());
        let moment = |seconds: i64| Millis(seconds * 1000);
        let counted = |Kept(span_seconds, at, succeeded, failed, retried, last, times, causes)| Counted {
            span_seconds,
            at: moment(at),
            tally: Tally {
                succeeded,
                failed,
                retried,
                last_success: last.map(moment),
                times,
                causes,
            },
        };
        Self {
            buckets: kept.unwrap_or_default().into_iter().map(counted).collect(),
        }
    }

    /// When a delivery last succeeded.
    pub fn last_success(&self) -> Option<Millis> {
        let buckets = self.buckets.iter();
        buckets.filter_map(|counted| counted.tally.last_success).max()
    }

    /// The last `days` in parts of `part_seconds`, which are whole multiples of buckets: without gaps, oldest first, the
    /// last one not over yet.
    pub fn parts(&self, days: i64, part_seconds: i64, now: Millis) -> Vec<(Millis, Tally)> {
        let is_hourly = part_seconds % HOUR_SECONDS == 0;
        let span_seconds = if is_hourly { HOUR } else { FIVE_MINUTES };
        let count = days * DAY_SECONDS / part_seconds;
        let first = beginning(now, part_seconds).plus_seconds(part_seconds * (1 - count));
        let mut tallies: BTreeMap<Millis, Tally> = BTreeMap::new();
        for counted in self.since(span_seconds, first) {
            let at = beginning(counted.at, part_seconds);
            tallies.entry(at).or_default().add(&counted.tally);
        }
        let part = |number: i64| {
            let at = first.plus_seconds(number * part_seconds);
            (at, tallies.remove(&at).unwrap_or_default())
        };
        (0..count).map(part).collect()
    }

    /// As the API shows it.
    pub fn stats(&self, range: Range, now: Millis) -> Stats {
        let bucket_seconds = range.bucket_seconds();
        let parts = self.parts(range.days(), bucket_seconds, now).into_iter();
        let bucket = |(at, tally): (Millis, Tally)| Bucket {
            at,
            succeeded: tally.succeeded,
            failed: tally.failed,
            retried: tally.retried,
            p50_ms: tally.within(0.5),
            p99_ms: tally.within(0.99),
        };
        Stats {
            range: range.name(),
            bucket_seconds,
            buckets: parts.map(bucket).collect(),
            causes: self.causes(now),
        }
    }

    /// Why deliveries failed, the most frequent cause first. A bucket counts in each window that it touches.
    pub fn causes(&self, now: Millis) -> Vec<Cause> {
        let mut causes: BTreeMap<&str, Cause> = BTreeMap::new();
        let mut add = |span_seconds: i32, window_seconds: i64, to: fn(&mut Cause) -> &mut u64| {
            let first = beginning(now.plus_seconds(-window_seconds), i64::from(span_seconds));
            for counted in self.since(span_seconds, first) {
                for (name, count) in &counted.tally.causes {
                    let cause = causes.entry(name).or_insert_with(|| Cause::named(name));
                    *to(cause) += count;
                }
            }
        };
        add(FIVE_MINUTES, HOUR_SECONDS, |cause| &mut cause.last_1h);
        add(FIVE_MINUTES, DAY_SECONDS, |cause| &mut cause.last_24h);
        add(HOUR, 7 * DAY_SECONDS, |cause| &mut cause.last_7d);
        let mut causes: Vec<Cause> = causes.into_values().collect();
        causes.sort_by_key(|cause| Reverse((cause.last_7d, cause.last_24h, cause.last_1h)));
        causes
    }

    fn since(&self, span_seconds: i32, first: Millis) -> impl Iterator<Item = &Counted> {
        self.buckets
            .iter()
            .filter(move |counted| counted.span_seconds == span_seconds && counted.at >= first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-30T10:17:00Z.
    const NOW: Millis = Millis(1_796_033_820_000);

    fn history(buckets: &[(i32, i64, u64)]) -> History {
        let bucket = |(span, ago, failed): &(i32, i64, u64)| {
            let at = beginning(NOW.plus_seconds(-ago), i64::from(*span)).0 / 1000;
            format!(r#"[{span},{at},1,{failed},0,{at},{{"40":2}},{{"http_503":{failed}}}]"#)
        };
        let json: Vec<String> = buckets.iter().map(bucket).collect();
        History::of(Some(&format!("[{}]", json.join(","))))
    }

    #[test]
    fn parts_have_no_gaps_and_end_now() {
        let history = history(&[
            (300, 0, 2),
            (300, 0, 3),
            (300, 86_000, 1),
            (300, 90_000, 9),
            (3_600, 0, 70),
        ]);
        let parts = history.parts(1, 300, NOW);
        assert_eq!(parts.len(), 288);
        assert!(parts.windows(2).all(|pair| pair[1].0.0 - pair[0].0.0 == 300_000));
        let (at, last) = &parts[287];
        assert!(*at <= NOW && at.plus_seconds(300) > NOW);
        assert_eq!((last.succeeded, last.failed), (2, 5), "two instances add up");
        assert_eq!(parts.iter().map(|(_, tally)| tally.failed).sum::<u64>(), 6);
        assert_eq!(history.last_success(), Some(*at));
        for range in Range::ALL {
            let stats = History::default().stats(range, NOW);
            assert_eq!(
                stats.buckets.len() as i64 * stats.bucket_seconds,
                range.days() * DAY_SECONDS
            );
            assert!(stats.buckets.iter().all(|bucket| bucket.p50_ms.is_none()));
            assert_eq!(stats.buckets[0].at.0 % (stats.bucket_seconds * 1000), 0);
        }
    }

    #[test]
    fn causes_count_in_the_windows_that_they_touch() {
        let history = history(&[
            (300, 60, 1),
            (300, 3_600, 2),
            (300, 7_200, 4),
            (300, 86_400, 8),
            (300, 90_000, 16),
            (3_600, 60, 3),
            (3_600, 7 * 86_400, 32),
            (3_600, 8 * 86_400, 64),
        ]);
        let causes = history.causes(NOW);
        assert_eq!(causes.len(), 1);
        let cause = &causes[0];
        assert_eq!((cause.last_1h, cause.last_24h, cause.last_7d), (3, 15, 35));
    }
}
