//! How much of what waits in the database a lane takes back, and when it takes more: by its pace, and not by a clock.

use std::time::Duration;

use tokio::time::Instant;

use super::{Lane, MAX_RATE_WAIT};

/// The schedule brings as many jobs back as the lane begins in this time …
const AHEAD: Duration = Duration::from_millis(500);
/// … or turns of all its attempts, if its pace is not known, or is set by a rate limit …
const AHEAD_TURNS: usize = 4;
/// … and never more than this.
const MAX_AHEAD: usize = 1_000;

impl Lane {
    /// How many more jobs the lane would start soon.
    pub fn room(&self) -> usize {
        let now = Instant::now();
        let state = self.state.lock();
        if state.is_draining {
            return 0;
        }
        if state.breaker.is_open() {
            return usize::from(state.breaker.is_probe_due(now));
        }
        if state.next_slot.is_some_and(|slot| slot > now + MAX_RATE_WAIT / 2) {
            return 0;
        }
        if !self.budget.has_bytes(state.held_bytes) || !self.budget.has_attempts(state.active_count()) {
            return 0;
        }
        let concurrency = self.caps.concurrency;
        let wanted = match state.next_slot {
            _ if state.is_slow => concurrency,
            Some(slot) if slot + AHEAD > now => concurrency * AHEAD_TURNS,
            _ => {
                let soon = state.pace.count_within(AHEAD, concurrency, now).unwrap_or(0);
                soon.min(MAX_AHEAD).max(concurrency * AHEAD_TURNS)
            }
        };
        wanted.min(self.caps.queue).saturating_sub(state.queue.len())
    }

    /// Has the schedule told when half of what waits has begun: it has more.
    pub fn tell_of_room(&self) {
        let mut state = self.state.lock();
        match state.queue.len() / 2 {
            0 => self.has_room.notify_one(),
            half => state.low_water = Some(half),
        }
    }
}
