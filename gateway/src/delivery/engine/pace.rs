//! Estimates how fast a lane works through its queue, from attempts that are still in flight.
//!
//! A receiver that hangs is recognised by attempts that have *not* ended: long before the first of them times out, the
//! estimate says that the queue would wait too long. A long queue alone proves nothing: a busy gateway has one too.

use std::time::Duration;

use tokio::time::Instant;

/// An attempt moves the mean by one part in this many.
const SHARE: u32 = 8;

/// The pace of one lane.
#[derive(Debug)]
pub struct Pace {
    /// Mean duration of an attempt, the latest of which count most.
    attempt: Duration,
    /// When an attempt ended last, or the first of those under way began.
    moved: Instant,
}

impl Pace {
    /// Nothing is known yet.
    pub fn new(now: Instant) -> Self {
        Self {
            attempt: Duration::ZERO,
            moved: now,
        }
    }

    /// Notes that an attempt begins where none was under way.
    pub const fn begin(&mut self, now: Instant) {
        self.moved = now;
    }

    /// Notes an attempt that took `took`.
    pub fn note(&mut self, took: Duration, now: Instant) {
        self.attempt = (self.attempt * (SHARE - 1) + took) / SHARE;
        self.moved = now;
    }

    /// How long a job would wait behind `waiting_count` others in a lane of which all `concurrency` attempts are under way.
    pub fn wait(&self, waiting_count: usize, concurrency: usize, now: Instant) -> Duration {
        // All that are under way have been so at least since something moved.
        let attempt = self.attempt.max(now - self.moved);
        let turns = waiting_count as f64 / concurrency.max(1) as f64;
        Duration::try_from_secs_f64(attempt.as_secs_f64() * turns).unwrap_or(Duration::MAX)
    }

    /// How many jobs a lane of `concurrency` attempts would begin within `time`; `None` while nothing is known.
    pub fn count_within(&self, time: Duration, concurrency: usize, now: Instant) -> Option<usize> {
        let attempt = self.attempt.max(now - self.moved);
        if self.attempt.is_zero() {
            return None;
        }
        // A float that is too large becomes the largest number.
        Some((time.as_secs_f64() / attempt.as_secs_f64() * concurrency as f64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn many_may_wait_for_a_receiver_that_answers() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for turn in 1..=100 {
            pace.note(MILLI * 10, start + MILLI * turn);
        }
        let wait = pace.wait(3_200, 32, start + MILLI * 101);
        assert!((MILLI * 990..=MILLI * 1_000).contains(&wait), "{wait:?}");
    }

    #[test]
    fn a_receiver_that_hangs_is_known_before_its_time_is_up() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.note(MILLI, start);
        pace.begin(start + MILLI * 50);
        assert_eq!(pace.wait(320, 32, start + MILLI * 150), MILLI * 1_000);
    }

    #[test]
    fn the_pace_says_how_many_begin_soon() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.count_within(MILLI * 500, 32, start), None);
        pace.note(MILLI * 80, start);
        assert_eq!(pace.count_within(MILLI * 500, 32, start), Some(1_600));
        // Nothing has ended for a second: it may hang.
        assert_eq!(
            pace.count_within(MILLI * 500, 32, start + MILLI * 1_000),
            Some(16)
        );
    }

    #[test]
    fn one_that_is_back_is_believed_soon() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for _ in 0..100 {
            pace.note(MILLI * 10_000, start);
        }
        assert!(pace.wait(64, 32, start) > MILLI * 19_000);
        for _ in 0..64 {
            pace.note(MILLI, start);
        }
        assert!(pace.wait(64, 32, start) < MILLI * 20);
    }
}
