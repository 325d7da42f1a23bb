//! Floods of wrong keys: each network has a limit of failures; beyond it, replies to wrong keys are delayed.
//!
//! Every key is looked up (one hash, no I/O), so a client with a valid key in an attacker's network is not affected. A token
//! bucket counts the failures of each network (IPv4 /24, IPv6 /48). Failures beyond the bucket get 429 after a pause, which
//! slows a client that waits for its replies, and no other.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use metrics::{Counter, counter};

use crate::base::network::network_of;
use crate::config;
use crate::http::buckets::Buckets;
use crate::http::problem::{Code, Problem};
use crate::telemetry::names;

/// How long a reply beyond the bucket is held back.
const HOLD: Duration = Duration::from_millis(100);
/// At most this many replies are held back at a time; further ones go out at once.
const MAX_HELD: u32 = 1024;

/// The failures of all networks.
pub struct Floods {
    networks: Buckets,
    per_second: u32,
    held: AtomicU32,
    failures: Vec<(Code, Counter)>,
    throttled: Counter,
}

impl Floods {
    /// An empty table with these limits.
    pub fn new(settings: &config::Keys) -> Self {
        let codes = [
            Code::KeyMissing,
            Code::KeyInvalid,
            Code::KeyExpired,
            Code::KeyRevoked,
        ];
        let failures = codes.map(|code| (code, counter!(names::KEY_FAILURES, "code" => code.name())));
        Self {
            networks: Buckets::new(settings.failures_per_second, settings.failure_burst),
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
        let Err(wait) = self.networks.take(&network_of(ip)) else {
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
}

/// A reply that is held back, until it is dropped: also when its client goes away.
struct Held<'a>(&'a AtomicU32);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
