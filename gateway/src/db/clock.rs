//! The database's clock as this process knows it. What expires, such as a key, expires at the same moment on all
//! instances, whatever their own clocks show.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use tokio_postgres::GenericClient;

use super::error::DbError;
use crate::base::clock::Millis;

/// An estimate that each look at the database corrects. Between two looks it follows the monotonic clock, so a step of
/// the system's clock does not touch it. Until the first look it is the system's clock.
#[derive(Debug)]
pub struct Clock {
    origin: Instant,
    /// What the database's clock showed at `origin`, in milliseconds since the Unix epoch.
    at_origin: AtomicI64,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            origin: Instant::now(),
            at_origin: AtomicI64::new(Millis::now().0),
        }
    }

    /// The present moment.
    pub fn now(&self) -> Millis {
        let at_origin = self.at_origin.load(Ordering::Relaxed);
        Millis(at_origin.saturating_add(self.since_origin(Instant::now())))
    }

    /// Takes note of what the database's clock showed at some moment between `asked` and now.
    ///
    /// An estimate that agrees with it stays. Another one becomes the latest that does: a key may end early by the time
    /// of one answer, and never late.
    pub fn correct(&self, shown: Millis, asked: Instant) {
        self.correct_between(shown, asked, Instant::now());
    }

    fn correct_between(&self, shown: Millis, asked: Instant, heard: Instant) {
        let earliest = shown.0.saturating_sub(self.since_origin(heard));
        let latest = shown.0.saturating_sub(self.since_origin(asked));
        let estimate = self.at_origin.load(Ordering::Relaxed);
        if !(earliest..=latest).contains(&estimate) {
            self.at_origin.store(latest, Ordering::Relaxed);
        }
    }

    fn since_origin(&self, instant: Instant) -> i64 {
        let since = instant.saturating_duration_since(self.origin);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The database's clock: in a transaction, the moment at which it began.
pub async fn now(client: &impl GenericClient) -> Result<Millis, DbError> {
    Ok(client.query_one("select now()", &[]).await?.get(0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_follows_the_database_forward_and_back() {
        let clock = Clock::new();
        let asked = clock.origin + Duration::from_secs(1);
        let heard = asked + Duration::from_millis(30);
        for shown in [5_000_000, 1_000, 9_000_000] {
            clock.correct_between(Millis(shown), asked, heard);
            assert_eq!(clock.at_origin.load(Ordering::Relaxed), shown - 1_000);
        }
        // A slow answer that agrees changes nothing.
        clock.correct_between(Millis(9_000_500), asked, asked + Duration::from_secs(2));
        assert_eq!(clock.at_origin.load(Ordering::Relaxed), 8_999_000);
    }
}
