//! What one bucket counts.

use std::collections::BTreeMap;

use crate::base::clock::Millis;
use crate::delivery::engine::outcome::Verdict;
use crate::delivery::log::{Attempt, ErrorCode};

/// Steps of the times for each doubling: a time is known to 5 %.
const STEPS: f64 = 8.0;
/// The shortest time that is told from others.
const SHORTEST_MILLIS: f64 = 0.1;
/// Different causes of a bucket; of an endpoint with more, further status codes count as `http_status`.
const MAX_CAUSES: usize = 50;

/// The counts of one bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Deliveries that ended.
    pub succeeded: u64,
    pub failed: u64,
    /// Failed attempts that were repeated.
    pub retried: u64,
    pub last_success: Option<Millis>,
    /// How many attempts took how long, by the number of the step.
    pub times: BTreeMap<u8, u64>,
    /// How many deliveries failed for what.
    pub causes: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts an attempt that ended by now.
    pub fn count(&mut self, attempt: &Attempt, verdict: Verdict, now: Millis) {
        *self.times.entry(step(attempt.total_ms)).or_default() += 1;
        match verdict {
            Verdict::Succeeded => {
                self.succeeded += 1;
                self.last_success = self.last_success.max(Some(now));
            }
            Verdict::Retry(_) => self.retried += 1,
            Verdict::Failed => {
                self.failed += 1;
                let mut cause = cause(attempt);
                if self.causes.len() >= MAX_CAUSES && !self.causes.contains_key(&cause) {
                    cause = ErrorCode::HttpStatus.name().to_owned();
                }
                *self.causes.entry(cause).or_default() += 1;
            }
        }
    }

    /// Adds what another counted.
    pub fn add(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.retried += other.retried;
        self.last_success = self.last_success.max(other.last_success);
        for (step, count) in &other.times {
            *self.times.entry(*step).or_default() += count;
        }
        for (cause, count) in &other.causes {
            *self.causes.entry(cause.clone()).or_default() += count;
        }
    }

    /// The time within which that share of attempts ended, in milliseconds; `None` without any.
    pub fn within(&self, share: f64) -> Option<f64> {
        let all: u64 = self.times.values().sum();
        let rank = ((all as f64 * share).ceil() as u64).max(1);
        let mut counted = 0;
        for (step, count) in &self.times {
            counted += count;
            if counted >= rank {
                let millis = SHORTEST_MILLIS * ((f64::from(*step) + 0.5) / STEPS).exp2();
                return Some((millis * 10.0).round() / 10.0);
            }
        }
        None
    }
}

/// An error code, or `http_503`.
fn cause(attempt: &Attempt) -> String {
    match (attempt.error_code, attempt.status_code) {
        (Some(code), Some(status)) if code == ErrorCode::HttpStatus.name() => format!("http_{status}"),
        // A destination may judge an answer with a success's status a failure.
        (None, Some(status)) => format!("http_{status}"),
        (Some(code), _) => code.to_owned(),
        (None, None) => ErrorCode::BadAnswer.name().to_owned(),
    }
}

fn step(millis: f64) -> u8 {
    // The cast saturates: shorter times are 0, longer ones 255.
    ((millis / SHORTEST_MILLIS).log2() * STEPS).floor() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(error: Option<&'static str>, status: Option<u16>, total_ms: f64) -> Attempt {
        Attempt {
            number: 1,
            at: Millis(0),
            status_code: status,
            error_code: error,
            error_detail: None,
            response_body: None,
            dns_ms: None,
            connect_ms: None,
            tls_ms: None,
            first_byte_ms: None,
            total_ms,
            request: None,
            revision: None,
            result: None,
        }
    }

    #[test]
    fn deliveries_repeats_and_causes_are_counted() {
        let mut tally = Tally::default();
        tally.count(&attempt(None, Some(200), 1.0), Verdict::Succeeded, Millis(7));
        tally.count(
            &attempt(Some("http_status"), Some(503), 1.0),
            Verdict::Retry(Millis(0)),
            Millis(8),
        );
        tally.count(
            &attempt(Some("http_status"), Some(503), 1.0),
            Verdict::Failed,
            Millis(7),
        );
        tally.count(
            &attempt(Some("timeout"), None, 10_000.0),
            Verdict::Failed,
            Millis(7),
        );
        assert_eq!((tally.succeeded, tally.failed, tally.retried), (1, 2, 1));
        assert_eq!(tally.last_success, Some(Millis(7)));
        let causes: Vec<_> = tally
            .causes
            .iter()
            .map(|(cause, count)| (cause.as_str(), *count))
            .collect();
        assert_eq!(causes, [("http_503", 1), ("timeout", 1)]);
    }

    #[test]
    fn times_are_known_to_five_per_cent() {
        assert_eq!(Tally::default().within(0.5), None);
        for millis in [0.3, 1.0, 7.7, 250.0, 9_999.0] {
            let mut tally = Tally::default();
            tally.count(&attempt(None, Some(200), millis), Verdict::Succeeded, Millis(7));
            let shown = tally.within(0.5).expect("a time");
            assert!(
                (shown - millis).abs() <= millis * 0.05 + 0.05,
                "{millis}: {shown}"
            );
        }
        let mut tally = Tally::default();
        for nth in 1..=100 {
            tally.count(
                &attempt(None, Some(200), f64::from(nth)),
                Verdict::Succeeded,
                Millis(7),
            );
        }
        let (half, most) = (tally.within(0.5).expect("p50"), tally.within(0.99).expect("p99"));
        assert!(
            (47.0..=53.0).contains(&half) && (94.0..=105.0).contains(&most),
            "{half} {most}"
        );
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            tally.count(&attempt(None, Some(200), odd), Verdict::Succeeded, Millis(7));
        }
    }

    #[test]
    fn an_endpoint_with_any_number_of_causes_fills_no_memory() {
        let mut tally = Tally::default();
        for status in 100..999 {
            tally.count(
                &attempt(Some("http_status"), Some(status), 1.0),
                Verdict::Failed,
                Millis(7),
            );
        }
        assert_eq!(tally.causes.len(), MAX_CAUSES + 1);
        assert_eq!(tally.causes.values().sum::<u64>(), 899);
    }
}
