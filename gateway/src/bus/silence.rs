//! How long this instance has seen no new heartbeat from others, by its own clock.
//!
//! The age of a heartbeat alone proves nothing: while the database is away, recovers or hangs, no instance can write one,
//! and the database's clock may step. So silence counts only while this instance observes and reaches the database.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A longer time without a look is not known to have been silent.
const MAX_GAP: Duration = Duration::from_secs(2);

/// The last heartbeat of each other instance, and since when it has been the last.
#[derive(Debug, Default)]
pub struct Silence {
    last: HashMap<i32, (SystemTime, Instant)>,
    looked_at: Option<Instant>,
}

impl Silence {
    /// Notes the heartbeats that a look at `now` found.
    pub fn note(&mut self, heartbeats: &[(i32, SystemTime)], now: Instant) {
        if self.looked_at.is_none_or(|before| now - before > MAX_GAP) {
            self.last.clear();
        }
        self.looked_at = Some(now);
        let mut last = HashMap::with_capacity(heartbeats.len());
        for &(owner, heartbeat) in heartbeats {
            let since = match self.last.get(&owner) {
                Some(&(same, since)) if same == heartbeat => since,
                _ => now,
            };
            last.insert(owner, (heartbeat, since));
        }
        self.last = last;
    }

    /// Those that have been silent for `at_least` by the last look, in the order of their numbers, with the heartbeat that
    /// was their last.
    pub fn of(&self, at_least: Duration) -> Vec<(i32, SystemTime)> {
        let Some(now) = self.looked_at else {
            return Vec::new();
        };
        let is_silent = |since: Instant| now - since >= at_least;
        let mut silent: Vec<_> = self
            .last
            .iter()
            .filter(|(_, (_, since))| is_silent(*since))
            .map(|(owner, (heartbeat, _))| (*owner, *heartbeat))
            .collect();
        silent.sort_unstable();
        silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3);

    #[test]
    fn only_silence_that_was_watched_counts() {
        let (mut silence, start) = (Silence::default(), Instant::now());
        let second = |count: u64| start + Duration::from_secs(count);
        let beat = |count: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(count);
        for count in 0..3 {
            silence.note(&[(1, beat(0)), (2, beat(count))], second(count));
            assert!(silence.of(LONG).is_empty());
        }
        silence.note(&[(1, beat(0)), (2, beat(3))], second(3));
        assert_eq!(silence.of(LONG), [(1, beat(0))], "the other one lives");
        // The database was away for a minute, and both are as they were.
        silence.note(&[(1, beat(0)), (2, beat(3))], second(63));
        assert!(silence.of(LONG).is_empty());
        for count in 64..67 {
            silence.note(&[(1, beat(0)), (2, beat(count))], second(count));
        }
        assert_eq!(silence.of(LONG), [(1, beat(0))]);
        // A clock that steps back is a heartbeat as well.
        silence.note(&[(2, beat(9))], second(67));
        assert!(silence.of(LONG).is_empty(), "the first was taken over by another");
    }
}
