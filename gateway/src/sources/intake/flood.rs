//! Floods of wrong signatures: each network has a limit of failures; beyond it, replies are delayed, as those to wrong keys.
//!
//! Requests whose signature holds are never affected, whatever network they come from.

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
    throttled: Counter,
}

impl Floods {
    /// An empty table with this limit.
    pub fn new(settings: &config::Sources) -> Self {
        let per_second = settings.failures_per_second;
        Self {
            networks: Buckets::new(per_second, per_second),
            per_second,
            held: AtomicU32::new(0),
            throttled: counter!(names::SOURCE_FAILURES_THROTTLED),
        }
    }

    /// What a client at `ip` is told that was refused with `problem`, and when: a flood has to wait for it.
    pub async fn refuse(&self, ip: IpAddr, problem: Problem) -> Problem {
        let is_guess = matches!(
            problem.code(),
            Code::SignatureMissing | Code::SignatureInvalid | Code::SignatureStale | Code::HandshakeRefused
        );
        if !is_guess {
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
        Problem::too_many_bad_signatures(self.per_second, wait)
    }
}

/// A reply that is held back, until it is dropped: also when its client goes away.
struct Held<'a>(&'a AtomicU32);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
