//! Waiting longer after each failure.

use std::time::Duration;

/// How far one wait may stray from its step, so that failures of one moment do not return in one moment.
const JITTER: f64 = 0.10;

/// Waits that double from `base` up to `cap`.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Backoff {
    /// Doubling waits, the first of them `base`, none above `cap`.
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap }
    }

    /// The wait after failure number `failure_count` (from 1), without jitter.
    pub fn step(&self, failure_count: u32) -> Duration {
        let doublings = failure_count.saturating_sub(1).min(30);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }

    /// [`step`](Self::step), strayed by at most 10 % either way.
    pub fn jittered(&self, failure_count: u32) -> Duration {
        let stray = 1.0 - JITTER + 2.0 * JITTER * fastrand::f64();
        self.step(failure_count).mul_f64(stray)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_the_cap_with_a_tenth_of_jitter() {
        let backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(30));
        let steps: Vec<u64> = (1..=5).map(|n| backoff.step(n).as_secs()).collect();
        assert_eq!(steps, [5, 10, 20, 30, 30]);
        assert_eq!(backoff.step(u32::MAX).as_secs(), 30);
        for _ in 0..1000 {
            let wait = backoff.jittered(1).as_secs_f64();
            assert!((4.5..=5.5).contains(&wait), "{wait}");
        }
    }
}
