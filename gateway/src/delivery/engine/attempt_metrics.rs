//! The metrics of attempts. The counter of the usual outcome is looked up once, because a look-up costs as much as a
//! signature.

use metrics::{Counter, Histogram, counter, histogram};

use super::outcome::Tried;
use crate::telemetry::names;

/// Counts attempts.
pub struct AttemptMetrics {
    successes: Counter,
    seconds: Histogram,
}

impl AttemptMetrics {
    /// Counts in the registry that is installed by now.
    pub fn new() -> Self {
        Self {
            successes: counter!(names::ATTEMPTS, "outcome" => "success"),
            seconds: histogram!(names::ATTEMPT_SECONDS),
        }
    }

    /// Counts an attempt by its outcome, and how long it took.
    pub fn note(&self, tried: &Tried) {
        match tried.attempt.error_code {
            None => self.successes.increment(1),
            Some(code) => counter!(names::ATTEMPTS, "outcome" => code).increment(1),
        }
        self.seconds.record(tried.attempt.total_ms / 1000.0);
    }
}
