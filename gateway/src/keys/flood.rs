//! Floods of wrong keys: each network has a limit of failures; beyond it, replies to wrong keys are delayed.
//!
//! Every key is looked up (one hash, no I/O), so a client with a valid key in an attacker's network is not affected. A token
//! bucket counts the failures of each network (IPv4 /24, IPv6 /48). Failures beyond the bucket get 429 after a pause, which
//! slows a client that waits for its replies, and no other.
//!
//! The buckets are in a table of fixed size. When it is full, the network with the fewest failures is dropped; at worst a
//! failure then gets 401 instead of 429.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use metrics::{Counter, counter};
use parking_lot::Mutex;

use crate::config;
use crate::http::problem::{Code, Problem};
use crate::telemetry::names;

const SETS: usize = 1024;
const WAYS: usize = 8;
/// How long a reply beyond the bucket is held back.
const HOLD: Duration = Duration::from_millis(100);
/// At most this many replies are held back at a time; further ones go out at once.
const MAX_HELD: u32 = 1024;

/// A network's bucket: when it is full again, in microseconds since the start (GCRA).
#[derive(Clone, Copy, Default)]
struct Bucket {
    network: u64,
    full_at: u64,
}

/// The failures of all networks.
pub struct Floods {
    sets: Box<[Mutex<[Bucket; WAYS]>]>,
    /// Random, so that nobody can choose networks that share a set.
    hasher: RandomState,
    started: Instant,
    cost_micros: u64,
    burst_micros: u64,
    per_second: u32,
    held: AtomicU32,
    failures: Vec<(Code, Counter)>,
    throttled: Counter,
}

impl Floods {
    /// An empty table with these limits.
    pub fn new(settings: &config::Keys) -> Self {
        let cost_micros = 1_000_000 / u64::from(settings.failures_per_second.max(1));
        let codes = [
            Code::KeyMissing,
            Code::KeyInvalid,
            Code::KeyExpired,
            Code::KeyRevoked,
        ];
        let failures = codes.map(|code| (code, counter!(names::KEY_FAILURES, "code" => code.name())));
        Self {
            sets: (0..SETS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            started: Instant::now(),
            cost_micros,
            burst_micros: cost_micros * u64::from(settings.failure_burst),
            per_second: settings.failures_per_second,
            held: AtomicU32::new(0),
            failures: failures.into(),
            throttled: counter!(names::KEY_FAILURES_THROTTLED),
        }
    }

    /// What a client at `ip` is told whose credential was refused with `problem`, and when: a flood has to wait for it.
    pub async fn refuse(&self, ip: IpAddr, problem: Problem) -> Problem {
        if let Some((_, count)) = self.failures.iter().find(|(code, _)| *code == problem.code()) {
            count.increment(1);
        }
        // Who sends no key at all guesses none, and no key can be told wrong while the database is away.
        let is_wrong_key = problem.code().status() == 401 && problem.code() != Code::KeyMissing;
        if !is_wrong_key {
            return problem;
        }
        let now = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let Err(wait) = self.take(ip, now) else {
            return problem;
        };
        self.throttled.increment(1);
        if self.held.fetch_add(1, Ordering::Relaxed) < MAX_HELD {
            let _held = Held(&self.held);
            tokio::time::sleep(HOLD).await;
        } else {
            self.held.fetch_sub(1, Ordering::Relaxed);
        }
        Problem::too_many_failures(self.per_second, wait)
    }

    /// Takes one failure from the network's bucket, or tells how long it stays empty.
    fn take(&self, ip: IpAddr, now: u64) -> Result<(), Duration> {
        // 0 marks a free place.
        let network = self.hasher.hash_one(network_of(ip)) | 1;
        let at = usize::try_from(network >> 32).unwrap_or_default() % SETS;
        let mut set = self.sets[at].lock();
        let known = set.iter().position(|bucket| bucket.network == network);
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
        set[way] = Bucket {
            network,
            full_at: after,
        };
        Ok(())
    }
}

/// A reply that is held back, until it is dropped: also when its client goes away.
struct Held<'a>(&'a AtomicU32);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The network that is counted for a client, which can easily switch addresses within it.
fn network_of(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floods(failures_per_second: u32, failure_burst: u32) -> Floods {
        Floods::new(&config::Keys {
            stale_after: Duration::from_secs(4),
            failures_per_second,
            failure_burst,
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_has_its_burst_then_its_rate_and_others_have_their_own() {
        let floods = floods(10, 3);
        for _ in 0..3 {
            assert_eq!(floods.take(ip("192.0.2.1"), 0), Ok(()));
        }
        // The whole /24 has one bucket.
        assert_eq!(floods.take(ip("192.0.2.200"), 0), Err(Duration::from_millis(100)));
        assert_eq!(floods.take(ip("192.0.3.1"), 0), Ok(()));
        assert_eq!(floods.take(ip("192.0.2.1"), 100_000), Ok(()));
        assert_eq!(
            floods.take(ip("192.0.2.1"), 100_000),
            Err(Duration::from_millis(100))
        );
        // Failures that were refused do not push the end further away.
        assert_eq!(floods.take(ip("192.0.2.1"), 1_000_000), Ok(()));
    }

    #[test]
    fn an_ipv6_site_is_one_network() {
        let floods = floods(1, 1);
        assert_eq!(floods.take(ip("2001:db8:1::1"), 0), Ok(()));
        assert!(floods.take(ip("2001:db8:1:ffff::2"), 0).is_err());
        assert_eq!(floods.take(ip("2001:db8:2::1"), 0), Ok(()));
    }

    #[test]
    fn a_million_networks_take_no_more_room_and_leave_the_worst_throttled() {
        let floods = floods(1, 100);
        let worst = ip("203.0.113.9");
        while floods.take(worst, 0).is_ok() {}
        for high in 0..4u8 {
            for middle in 0..=255u8 {
                for low in 0..=255u8 {
                    let _ = floods.take(IpAddr::from([high, middle, low, 1]), 1);
                }
            }
        }
        assert!(floods.take(worst, 2).is_err());
    }
}
