//! The lane of one endpoint: what waits for it in memory, how many attempts are under way, and its breaker.
//!
//! A lane says no rather than let one endpoint fill the memory of all: when its queue is full, when what waits has
//! waited too long, or when the breaker is open. What it refuses is parked in the database and comes back when there is
//! room.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::breaker::{Breaker, HealthState, Thresholds};
use super::job::{Hold, Job};

/// An endpoint whose oldest waiting job is older does not keep up: more goes to the database.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Why a lane did not take a job; the reason stands in a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Full,
    Slow,
    Paused,
    Draining,
}

impl Refusal {
    /// The metric's label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "lane_full",
            Self::Slow => "lane_slow",
            Self::Paused => "paused",
            Self::Draining => "draining",
        }
    }
}

/// The caps of a lane.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    pub concurrency: usize,
    pub queue: usize,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Job>,
    worker_count: usize,
    breaker: Breaker,
    /// When the next attempt may start, where the endpoint has a rate limit.
    next_slot: Option<Instant>,
    is_draining: bool,
}

/// One endpoint's lane.
#[derive(Debug)]
pub struct Lane {
    caps: Caps,
    state: Mutex<State>,
}

/// What a lane made of an offer.
pub enum Offered {
    /// The job waits, and a worker will come to it.
    Taken,
    /// The job waits, and the caller starts a worker.
    NeedsWorker,
    Refused(Box<Job>, Refusal),
}

impl Lane {
    /// An empty lane.
    pub fn new(caps: Caps, thresholds: Thresholds, health: HealthState) -> Self {
        Self {
            caps,
            state: Mutex::new(State {
                queue: VecDeque::new(),
                worker_count: 0,
                breaker: Breaker::new(thresholds, health),
                next_slot: None,
                is_draining: false,
            }),
        }
    }

    /// Offers a job.
    pub fn offer(&self, job: Job) -> Offered {
        let now = Instant::now();
        let mut state = self.state.lock();
        let refusal = if state.is_draining {
            Some(Refusal::Draining)
        } else if state.breaker.is_open() && !state.breaker.try_start(now) {
            Some(Refusal::Paused)
        } else if state.queue.len() >= self.caps.queue {
            Some(Refusal::Full)
        } else if state
            .queue
            .front()
            .is_some_and(|oldest| now - oldest.queued_at > MAX_WAIT)
        {
            Some(Refusal::Slow)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return Offered::Refused(Box::new(job), refusal);
        }
        state.queue.push_back(job);
        if state.worker_count < self.caps.concurrency {
            state.worker_count += 1;
            return Offered::NeedsWorker;
        }
        Offered::Taken
    }

    /// The next job for a worker; with none the worker ends.
    pub fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        let job = state.queue.pop_front();
        if job.is_none() {
            state.worker_count -= 1;
        }
        job
    }

    /// The wait until an attempt may start under a rate limit; `None` if that is too long to wait in memory.
    pub fn reserve(&self, per_second: u32) -> Option<Duration> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let slot = state.next_slot.map_or(now, |slot| slot.max(now));
        if slot - now > MAX_WAIT {
            return None;
        }
        state.next_slot = Some(slot + Duration::from_secs(1) / per_second.max(1));
        Some(slot - now)
    }

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
        if state.next_slot.is_some_and(|slot| slot > now + MAX_WAIT / 2) {
            return 0;
        }
        let wanted = self.caps.concurrency * 4;
        wanted.min(self.caps.queue).saturating_sub(state.queue.len())
    }

    /// Notes what came of an attempt; the new state if it changed.
    pub fn note(&self, is_success: bool) -> Option<HealthState> {
        let mut state = self.state.lock();
        let is_changed = match is_success {
            true => state.breaker.succeeded(),
            false => state.breaker.failed(Instant::now()),
        };
        is_changed.then(|| state.breaker.state())
    }

    /// Closes the breaker by hand.
    pub fn reset(&self) {
        self.state.lock().breaker.reset();
    }

    /// Takes out what should not wait in memory any longer: everything when the breaker is open or the lane drains, else
    /// new deliveries that have waited too long.
    pub fn take_stale(&self) -> Vec<Job> {
        let now = Instant::now();
        let mut state = self.state.lock();
        // A probe that a worker is about to take stays.
        let keep_count = usize::from(!state.is_draining && state.worker_count > 0);
        if state.is_draining || state.breaker.is_open() {
            let keep_count = keep_count.min(state.queue.len());
            return state.queue.drain(keep_count..).collect();
        }
        let is_stale = |job: &Job| matches!(job.hold, Hold::Fresh(_)) && now - job.queued_at > MAX_WAIT;
        if !state.queue.front().is_some_and(is_stale) {
            return Vec::new();
        }
        let (stale, kept): (Vec<Job>, Vec<Job>) = state.queue.drain(..).partition(is_stale);
        state.queue = kept.into();
        stale
    }

    /// Has every further offer refused.
    pub fn drain(&self) {
        self.state.lock().is_draining = true;
    }

    /// Jobs that wait, and whether anything is under way.
    pub fn load(&self) -> (usize, bool) {
        let state = self.state.lock();
        (state.queue.len(), state.worker_count > 0)
    }
}
