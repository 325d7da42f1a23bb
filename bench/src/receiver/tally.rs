//! What the receiver got: counts on every request, ids and latencies only when asked for.
//!
//! The receiver is part of the calibrator too, so the default costs three atomics a request.

use crate::payload::now_us;
use hdrhistogram::Histogram;
use hyper::http::request::Parts;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Room for this many ids from the start: growing a set of that size would pause the receiver.
const IDS_EXPECTED: usize = 1 << 20;
/// Ten minutes; anything later counts as ten minutes.
const LONGEST_US: u64 = 600_000_000;

/// The counts, as `GET /stats` tells them. Times are microseconds, `*_at_us` since 1970.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Stats {
    pub received: u64,
    pub distinct: u64,
    pub duplicates: u64,
    pub connections: u64,
    pub p50_us: u64,
    pub p99_us: u64,
    pub max_us: u64,
    /// 0 until something was received.
    pub first_at_us: u64,
    pub last_at_us: u64,
}

pub struct Tally {
    received: AtomicU64,
    connections: AtomicU64,
    duplicates: AtomicU64,
    first_at_us: AtomicU64,
    last_at_us: AtomicU64,
    hasher: RandomState,
    seen: Option<Mutex<HashSet<u64>>>,
    latency: Option<Mutex<Histogram<u64>>>,
}

impl Tally {
    pub fn new(track: bool, latency: bool) -> Self {
        Self {
            received: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            first_at_us: AtomicU64::new(u64::MAX),
            last_at_us: AtomicU64::new(0),
            hasher: RandomState::new(),
            seen: track.then(|| Mutex::new(HashSet::with_capacity(IDS_EXPECTED))),
            latency: latency.then(|| {
                let histogram = Histogram::new_with_bounds(1, LONGEST_US, 3);
                Mutex::new(histogram.expect("constant bounds, and valid"))
            }),
        }
    }

    pub fn connection_used(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub fn delivery(&self, head: &Parts, body: &[u8]) {
        let now = now_us();
        self.first_at_us.fetch_min(now, Relaxed);
        self.last_at_us.fetch_max(now, Relaxed);
        if let Some(seen) = &self.seen
            && let Some(id) = head.headers.get("webhook-id")
        {
            // 64 bits of a keyed hash: a false repeat is expected once in 40 million runs of a
            // million events, and an id kept whole would cost the receiver an allocation.
            let pair = self.hasher.hash_one((head.uri.path(), id.as_bytes()));
            if !locked(seen).insert(pair) {
                self.duplicates.fetch_add(1, Relaxed);
            }
        }
        if let Some(latency) = &self.latency
            && let Some(sent_at) = sent_at_us(body)
        {
            locked(latency).saturating_record(now.saturating_sub(sent_at).max(1));
        }
        // Last, so that a reader who sees the count sees its id and time as well.
        self.received.fetch_add(1, Relaxed);
    }

    pub fn stats(&self) -> Stats {
        let received = self.received.load(Relaxed);
        let mut stats = Stats {
            received,
            distinct: received,
            duplicates: self.duplicates.load(Relaxed),
            connections: self.connections.load(Relaxed),
            last_at_us: self.last_at_us.load(Relaxed),
            ..Stats::default()
        };
        let first = self.first_at_us.load(Relaxed);
        if first != u64::MAX {
            stats.first_at_us = first;
        }
        if let Some(seen) = &self.seen {
            stats.distinct = locked(seen).len() as u64;
        }
        if let Some(latency) = &self.latency {
            let latency = locked(latency);
            stats.p50_us = latency.value_at_quantile(0.50);
            stats.p99_us = latency.value_at_quantile(0.99);
            stats.max_us = latency.max();
        }
        stats
    }

    /// Zeroes all but `connections`: those that are open stay open, and reuse is worth seeing.
    pub fn reset(&self) {
        self.received.store(0, Relaxed);
        self.duplicates.store(0, Relaxed);
        self.first_at_us.store(u64::MAX, Relaxed);
        self.last_at_us.store(0, Relaxed);
        if let Some(seen) = &self.seen {
            locked(seen).clear();
        }
        if let Some(latency) = &self.latency {
            locked(latency).reset();
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counts stay usable whatever a panicking thread left behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number after the last `"sent_at_us":` of a body, without parsing the rest of it.
fn sent_at_us(body: &[u8]) -> Option<u64> {
    const NAME: &[u8] = br#""sent_at_us":"#;
    let name_at = (0..=body.len().checked_sub(NAME.len())?)
        .rev()
        .find(|&at| body[at] == b'"' && body[at..].starts_with(NAME))?;
    let digits = body[name_at + NAME.len()..].trim_ascii_start();
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&digits[..length]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(path: &str, id: &str) -> Parts {
        let request = hyper::Request::builder()
            .uri(path)
            .header("webhook-id", id)
            .body(());
        request.expect("valid parts").into_parts().0
    }

    #[test]
    fn the_time_is_found_wherever_it_stands() {
        assert_eq!(sent_at_us(br#"{"data":{"sent_at_us":12,"n":1}}"#), Some(12));
        assert_eq!(sent_at_us(br#"{"sent_at_us": 34}"#), Some(34));
        assert_eq!(sent_at_us(br#"{"sent_at_us":"x"}"#), None);
        assert_eq!(sent_at_us(b"{}"), None);
    }

    #[test]
    fn repeats_are_counted_for_each_path_alone() {
        let tally = Tally::new(true, false);
        tally.delivery(&delivery("/1", "evt_a"), b"");
        tally.delivery(&delivery("/2", "evt_a"), b"");
        tally.delivery(&delivery("/1", "evt_a"), b"");
        let stats = tally.stats();
        assert_eq!((stats.received, stats.distinct, stats.duplicates), (3, 2, 1));
        tally.reset();
        assert_eq!(tally.stats().distinct, 0);
        assert_eq!(tally.stats().first_at_us, 0);
    }
}
