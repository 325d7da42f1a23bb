//! The health of a destination, derived from its attempts: healthy, failing, or paused by the circuit breaker.
//!
//! Three failures in a row make it `failing`. Five minutes without a success and twenty failures make it `paused`:
//! then one probe goes out each 30 s, everything else waits, and the first success closes the breaker.

use std::time::Duration;

use tokio::time::Instant;

const FAILING_AFTER: u32 = 3;

/// The API's word for how a destination is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthState {
    Healthy,
    Failing,
    Paused,
}

impl HealthState {
    /// The public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Failing => "failing",
            Self::Paused => "paused",
        }
    }
}

/// When the breaker opens, and how often it probes.
#[derive(Debug, Clone, Copy)]
pub struct Thresholds {
    pub after: Duration,
    pub failures: u32,
    pub probe: Duration,
}

/// How a destination fails, as far as this instance saw it.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    pub failures_in_row: u32,
    /// How long ago the first of them was.
    pub lasting: Option<Duration>,
    /// When the next probe may go out, if the breaker is open.
    pub next_probe: Option<Duration>,
}

/// The breaker of one lane.
#[derive(Debug)]
pub struct Breaker {
    thresholds: Thresholds,
    failures_in_row: u32,
    failing_since: Option<Instant>,
    next_probe: Option<Instant>,
    state: HealthState,
}

impl Breaker {
    /// A closed breaker, or an open one for a destination that was paused when this instance started.
    pub fn new(thresholds: Thresholds, state: HealthState) -> Self {
        Self {
            thresholds,
            failures_in_row: 0,
            failing_since: None,
            next_probe: (state == HealthState::Paused).then(Instant::now),
            state,
        }
    }

    /// How the destination is doing.
    pub const fn state(&self) -> HealthState {
        self.state
    }

    /// What is known of the failures since the last success.
    pub fn trouble(&self, now: Instant) -> Trouble {
        Trouble {
            failures_in_row: self.failures_in_row,
            lasting: self.failing_since.map(|since| now.duration_since(since)),
            next_probe: self.next_probe.map(|at| at.saturating_duration_since(now)),
        }
    }

    /// Notes an attempt's success; whether the state changed.
    pub fn succeeded(&mut self) -> bool {
        self.failures_in_row = 0;
        self.failing_since = None;
        self.next_probe = None;
        self.enter(HealthState::Healthy)
    }

    /// Notes an attempt's failure; whether the state changed.
    pub fn failed(&mut self, now: Instant) -> bool {
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        let since = *self.failing_since.get_or_insert(now);
        let is_long = now.duration_since(since) >= self.thresholds.after;
        if self.state == HealthState::Paused {
            self.next_probe = Some(now + self.thresholds.probe);
            return false;
        }
        if is_long && self.failures_in_row >= self.thresholds.failures {
            self.next_probe = Some(now + self.thresholds.probe);
            return self.enter(HealthState::Paused);
        }
        self.failures_in_row >= FAILING_AFTER && self.enter(HealthState::Failing)
    }

    /// Forgets everything, as when an operator enables the destination again.
    pub fn reset(&mut self) {
        *self = Self::new(self.thresholds, HealthState::Healthy);
    }

    /// Whether an attempt may start now. While paused, a permission is one probe, and the next comes later.
    pub fn try_start(&mut self, now: Instant) -> bool {
        match self.next_probe {
            None => true,
            Some(at) if at <= now => {
                self.next_probe = Some(now + self.thresholds.probe);
                true
            }
            Some(_) => false,
        }
    }

    /// Lets the next probe go out at once, if the breaker is open.
    pub fn probe_at_once(&mut self, now: Instant) {
        if let Some(at) = &mut self.next_probe {
            *at = now;
        }
    }

    /// Whether the breaker is open and a probe may go out.
    pub fn is_probe_due(&self, now: Instant) -> bool {
        self.next_probe.is_some_and(|at| at <= now)
    }

    /// Whether the breaker is open.
    pub const fn is_open(&self) -> bool {
        self.next_probe.is_some()
    }

    fn enter(&mut self, state: HealthState) -> bool {
        std::mem::replace(&mut self.state, state) != state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds {
        after: Duration::from_secs(300),
        failures: 20,
        probe: Duration::from_secs(30),
    };

    #[test]
    fn opens_only_after_long_and_many_failures() {
        let start = Instant::now();
        let mut breaker = Breaker::new(THRESHOLDS, HealthState::Healthy);
        for failure in 1..=100 {
            assert_eq!(breaker.failed(start), failure == 3);
        }
        assert_eq!(breaker.state(), HealthState::Failing);
        assert!(breaker.try_start(start));
        assert!(breaker.failed(start + THRESHOLDS.after));
        assert_eq!(breaker.state(), HealthState::Paused);

        let mut rare = Breaker::new(THRESHOLDS, HealthState::Healthy);
        for minute in 0..19 {
            rare.failed(start + Duration::from_secs(60 * minute));
        }
        assert_eq!(rare.state(), HealthState::Failing, "19 failures are too few");
    }

    #[test]
    fn probes_while_open_and_closes_on_success() {
        let now = Instant::now();
        let mut breaker = Breaker::new(THRESHOLDS, HealthState::Paused);
        assert!(breaker.try_start(now + Duration::from_millis(1)));
        assert!(!breaker.try_start(now + Duration::from_secs(29)));
        breaker.failed(now + Duration::from_secs(29));
        assert!(!breaker.try_start(now + Duration::from_secs(31)));
        assert!(breaker.try_start(now + Duration::from_secs(60)));
        assert!(!breaker.try_start(now + Duration::from_secs(61)));
        breaker.probe_at_once(now + Duration::from_secs(61));
        assert!(breaker.try_start(now + Duration::from_secs(61)));
        assert!(breaker.succeeded());
        assert_eq!(breaker.state(), HealthState::Healthy);
        breaker.probe_at_once(now);
        assert!(!breaker.is_open());
        assert!(breaker.try_start(now) && breaker.try_start(now));
    }
}
