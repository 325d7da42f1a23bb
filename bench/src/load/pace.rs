//! When the next request is due.
//!
//! A closed loop sends when the last reply came. An open loop has a timetable that does not wait
//! for the server, and measures from the timetable when a busy connection made a request late:
//! a stall then counts against every request that it delayed (no coordinated omission).

use std::time::{Duration, Instant};

/// One connection's share of the timetable: every `step`, from its own offset on.
pub struct Pace {
    due: Instant,
    step: Duration,
}

impl Pace {
    /// `rate` is requests a second over all connections.
    pub fn new(start: Instant, rate: f64, connection: usize, connections: usize) -> Self {
        let between = 1.0 / rate;
        Self {
            due: start + Duration::from_secs_f64(between * connection as f64),
            step: Duration::from_secs_f64(between * connections as f64),
        }
    }

    /// Waits for the next due time, and gives the moment to measure from: now when we waited
    /// (the timer's own lateness is not the server's), the due time when we came too late.
    pub async fn next(&mut self) -> Instant {
        let due = self.due;
        self.due += self.step;
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
            Instant::now()
        } else {
            due
        }
    }

    pub fn due(&self) -> Instant {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_share_the_timetable_evenly() {
        let start = Instant::now();
        let first = Pace::new(start, 1_000.0, 0, 4);
        let last = Pace::new(start, 1_000.0, 3, 4);
        assert_eq!(first.due(), start);
        assert_eq!(last.due() - start, Duration::from_millis(3));
        assert_eq!(first.step, Duration::from_millis(4));
    }
}
