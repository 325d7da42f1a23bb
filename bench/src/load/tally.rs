//! What one load saw: counted by each connection alone, added up at the end.

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Two minutes; anything slower counts as that.
const LONGEST_US: u64 = 120_000_000;

pub struct Tally {
    /// Microseconds, of the replies inside the measured window.
    latency: Histogram<u64>,
    /// Every 2xx, warm-up and stragglers included: what the server now owes.
    accepted: u64,
    errors: BTreeMap<String, u64>,
}

/// Printed as JSON; times are microseconds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// 2xx replies in the measured window.
    pub requests: u64,
    pub seconds: f64,
    pub rps: f64,
    /// 2xx replies in all.
    pub accepted: u64,
    /// Other replies by status, and `io` for broken connections, over the whole run.
    pub errors: BTreeMap<String, u64>,
    pub p50_us: u64,
    pub p90_us: u64,
    pub p99_us: u64,
    pub max_us: u64,
    /// Wall clock of the first request, since 1970.
    pub started_at_us: u64,
}

impl Tally {
    pub fn new() -> Result<Self> {
        Ok(Self {
            latency: Histogram::new_with_bounds(1, LONGEST_US, 3)?,
            accepted: 0,
            errors: BTreeMap::new(),
        })
    }

    pub fn reply(&mut self, status: u16, latency: Duration, in_window: bool) {
        if !(200..300).contains(&status) {
            self.error(status.to_string());
            return;
        }
        self.accepted += 1;
        if in_window {
            let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US);
            self.latency.saturating_record(micros.max(1));
        }
    }

    pub fn error(&mut self, kind: String) {
        *self.errors.entry(kind).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) -> Result<()> {
        self.latency.add(&other.latency)?;
        self.accepted += other.accepted;
        for (kind, count) in &other.errors {
            *self.errors.entry(kind.clone()).or_default() += count;
        }
        Ok(())
    }

    pub fn report(self, window: Duration, started_at_us: u64) -> Report {
        let seconds = window.as_secs_f64();
        Report {
            requests: self.latency.len(),
            seconds,
            rps: self.latency.len() as f64 / seconds,
            accepted: self.accepted,
            errors: self.errors,
            p50_us: self.latency.value_at_quantile(0.50),
            p90_us: self.latency.value_at_quantile(0.90),
            p99_us: self.latency.value_at_quantile(0.99),
            max_us: self.latency.max(),
            started_at_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_come_from_the_window_and_errors_are_kept_apart() {
        let mut first = Tally::new().expect("constant bounds");
        for millis in 1..=100 {
            first.reply(202, Duration::from_millis(millis), true);
        }
        first.reply(202, Duration::from_secs(50), false);
        let mut second = Tally::new().expect("constant bounds");
        second.reply(503, Duration::from_millis(1), true);
        second.error("io".into());
        first.add(&second).expect("equal bounds");

        let report = first.report(Duration::from_secs(2), 0);
        assert_eq!((report.requests, report.accepted), (100, 101));
        assert!((report.rps - 50.0).abs() < f64::EPSILON);
        let near = |micros: u64, millis: u64| micros.abs_diff(millis * 1_000) <= millis;
        assert!(near(report.p50_us, 50), "{report:?}");
        assert!(near(report.p99_us, 99), "{report:?}");
        assert!(near(report.max_us, 100), "{report:?}");
        assert_eq!(report.errors.get("503"), Some(&1));
        assert_eq!(report.errors.get("io"), Some(&1));
    }
}
