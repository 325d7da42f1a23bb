//! The lane of one destination: its queue in memory, its attempts in flight, and its breaker.
//!
//! A lane refuses a job when its queue is full, when it is slow, or when the breaker is open, so that one destination
//! cannot fill the memory of all. A refused job is parked in the database and comes back when there is room. A lane
//! becomes slow when a job would wait, or has waited, too long, and stays slow until its queue is empty; meanwhile new
//! deliveries wait in the database.

mod room;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::breaker::{Breaker, HealthState, Thresholds, Trouble};
use super::job::{Hold, Job};
use super::pace::Pace;
use crate::delivery::budget::Budget;

/// A destination for which jobs wait longer does not keep up: more goes to the database.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// The longest wait for a place under a rate limit.
const MAX_RATE_WAIT: Duration = Duration::from_secs(1);

/// A queue of so many jobs keeps its memory.
const MIN_QUEUE: usize = 64;

/// Workers that had nothing to do for this long end.
const MAX_REST: Duration = Duration::from_secs(1);

/// Why a lane refused a job; a metric has the reason as its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Full,
    Slow,
    Paused,
    Draining,
    /// All lanes together hold as many bytes as they may.
    Memory,
    /// All lanes together have as many attempts under way as they may.
    Attempts,
}

impl Refusal {
    /// The metric's label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "lane_full",
            Self::Slow => "lane_slow",
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::Memory => "memory",
            Self::Attempts => "attempts",
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
    /// Workers that run, those that rest among them.
    worker_count: usize,
    resting_count: usize,
    /// Bytes of the jobs that wait or are under way.
    held_bytes: usize,
    /// Of those that were woken, how many are to end.
    dismissed_count: usize,
    last_offer: Instant,
    pace: Pace,
    is_slow: bool,
    breaker: Breaker,
    /// The health that is written down, as far as this instance knows.
    written: Option<HealthState>,
    /// When the next attempt may start, where the destination has a rate limit.
    next_slot: Option<Instant>,
    /// The schedule has more: it is told when no more than so many jobs are left in the queue.
    low_water: Option<usize>,
    is_draining: bool,
}

impl State {
    /// Workers that are at work, or on their way to it.
    const fn active_count(&self) -> usize {
        self.worker_count - self.resting_count
    }

    fn let_go(&mut self, jobs: &VecDeque<Job>) {
        self.held_bytes -= jobs.iter().map(Job::weight).sum::<usize>();
    }

    /// Whether the receiver does not keep up; that is so until the queue has run empty.
    fn keeps_behind(&mut self, concurrency: usize, now: Instant) -> bool {
        let is_busy = self.worker_count - self.resting_count >= concurrency;
        let is_late = |oldest: &Job| now - oldest.queued_at > MAX_WAIT;
        self.is_slow = self.is_slow
            || is_busy && self.pace.wait(self.queue.len(), concurrency, now) > MAX_WAIT
            || self.queue.front().is_some_and(is_late);
        self.is_slow
    }
}

/// One destination's lane.
#[derive(Debug)]
pub struct Lane {
    caps: Caps,
    budget: Arc<Budget>,
    state: Mutex<State>,
    /// A permit for each resting worker that is woken.
    wake: Semaphore,
    /// Tells the schedule that there is room again.
    has_room: Arc<Notify>,
}

/// A lane's answer to an offered job.
pub enum Offered {
    /// The job waits, and a worker will come to it.
    Taken,
    /// The job waits, and the caller starts a worker.
    NeedsWorker,
    Refused(Box<Job>, Refusal),
}

impl Lane {
    /// An empty lane.
    pub fn new(
        caps: Caps,
        thresholds: Thresholds,
        health: HealthState,
        budget: Arc<Budget>,
        has_room: Arc<Notify>,
    ) -> Self {
        Self {
            caps,
            budget,
            state: Mutex::new(State {
                queue: VecDeque::new(),
                worker_count: 0,
                resting_count: 0,
                held_bytes: 0,
                dismissed_count: 0,
                last_offer: Instant::now(),
                pace: Pace::new(Instant::now()),
                is_slow: false,
                breaker: Breaker::new(thresholds, health),
                written: Some(health),
                next_slot: None,
                low_water: None,
                is_draining: false,
            }),
            wake: Semaphore::new(0),
            has_room,
        }
    }

    /// Offers a job.
    pub fn offer(&self, job: Job) -> Offered {
        let now = Instant::now();
        let mut state = self.state.lock();
        let refusal = if state.is_draining {
            Some(Refusal::Draining)
        } else if state.queue.len() >= self.caps.queue {
            Some(Refusal::Full)
        } else if matches!(job.hold, Hold::Fresh(_)) && state.keeps_behind(self.caps.concurrency, now) {
            Some(Refusal::Slow)
        } else if !self.budget.has_bytes(state.held_bytes) {
            Some(Refusal::Memory)
        } else if state.active_count() == 0 && !self.budget.has_attempts(0) {
            Some(Refusal::Attempts)
        } else if state.breaker.is_open() && !job.is_test && !state.breaker.try_start(now) {
            // Last, because it uses up the permission to probe; a test is a probe that a client asked for.
            Some(Refusal::Paused)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return Offered::Refused(Box::new(job), refusal);
        }
        if state.worker_count == state.resting_count {
            state.pace.begin(now);
        }
        state.held_bytes += job.weight();
        state.queue.push_back(job);
        state.last_offer = now;
        match self.engage(&mut state) {
            true => Offered::NeedsWorker,
            false => Offered::Taken,
        }
    }

    /// Has one more worker at work if there may be one; whether the caller is to start it. One is always allowed.
    fn engage(&self, state: &mut State) -> bool {
        let active_count = state.active_count();
        if active_count > 0 && !self.budget.has_attempts(active_count) {
            return false;
        }
        if state.resting_count > 0 {
            state.resting_count -= 1;
            self.budget.begin(1);
            self.wake.add_permits(1);
            return false;
        }
        let is_new = state.worker_count < self.caps.concurrency;
        if is_new {
            state.worker_count += 1;
            self.budget.begin(1);
        }
        is_new
    }

    /// Whether more waits than its workers were begun for, because there was no attempt left for another worker; the caller
    /// starts it.
    pub fn wants_worker(&self) -> bool {
        let mut state = self.state.lock();
        !state.queue.is_empty() && !state.is_draining && self.engage(&mut state)
    }

    /// The next job for a worker that is done with `done_bytes` of jobs. Without one it rests for a while, which is cheaper
    /// than a new worker for each job; `None` ends it.
    pub async fn next(&self, done_bytes: usize) -> Option<Job> {
        self.state.lock().held_bytes -= done_bytes;
        loop {
            {
                let mut state = self.state.lock();
                if let Some(job) = state.queue.pop_front() {
                    if state.low_water.is_some_and(|mark| state.queue.len() <= mark) {
                        state.low_water = None;
                        self.has_room.notify_one();
                    }
                    return Some(job);
                }
                state.is_slow = false;
                if state.is_draining || state.dismissed_count > 0 {
                    state.dismissed_count = state.dismissed_count.saturating_sub(1);
                    state.worker_count -= 1;
                    self.budget.end(1);
                    return None;
                }
                state.resting_count += 1;
                self.budget.end(1);
            }
            // Never closed. Permits add up, so no wake-up between the lines is lost.
            if let Ok(woken) = self.wake.acquire().await {
                woken.forget();
            }
        }
    }

    /// Ends workers that have rested for long.
    pub fn dismiss_resting(&self) {
        let mut state = self.state.lock();
        if state.is_draining || state.last_offer.elapsed() > MAX_REST {
            let count = std::mem::take(&mut state.resting_count);
            state.dismissed_count += count;
            // Until they have ended they count as the others do.
            self.budget.begin(count);
            self.wake.add_permits(count);
        }
    }

    /// The wait until an attempt may start under a rate limit; `None` if that is too long to wait in memory.
    pub fn reserve(&self, per_second: u32) -> Option<Duration> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let slot = state.next_slot.map_or(now, |slot| slot.max(now));
        if slot - now > MAX_RATE_WAIT {
            return None;
        }
        state.next_slot = Some(slot + Duration::from_secs(1) / per_second.max(1));
        Some(slot - now)
    }

    /// Notes the outcome of an attempt that took `took`.
    pub fn note(&self, is_success: bool, took: Duration) {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.pace.note(took, now);
        match is_success {
            true => state.breaker.succeeded(),
            false => state.breaker.failed(now),
        };
    }

    /// The health that is to be written down, if another one is; from now on it counts as written.
    pub fn take_unwritten(&self) -> Option<HealthState> {
        let mut state = self.state.lock();
        let health = state.breaker.state();
        (state.written.replace(health) != Some(health)).then_some(health)
    }

    /// Takes back that the health is written down.
    pub fn unwrite(&self) {
        self.state.lock().written = None;
    }

    /// Whether the breaker is open, so that an attempt is a probe.
    pub fn is_paused(&self) -> bool {
        self.state.lock().breaker.is_open()
    }

    /// What is known of the failures since the last success.
    pub fn trouble(&self) -> Trouble {
        self.state.lock().breaker.trouble(Instant::now())
    }

    /// Lets a probe go out at once, if the breaker is open.
    pub fn probe_at_once(&self) {
        self.state.lock().breaker.probe_at_once(Instant::now());
    }

    /// Closes the breaker by hand.
    pub fn reset(&self) {
        self.state.lock().breaker.reset();
    }

    /// Takes out what should not wait in memory any longer: everything when the breaker is open or the lane drains, else
    /// new deliveries that have waited too long, or that a slow lane will not begin soon.
    pub fn take_stale(&self) -> Vec<Job> {
        let now = Instant::now();
        let mut state = self.state.lock();
        // A probe that a worker is about to take stays.
        let keep_count = usize::from(!state.is_draining && state.worker_count > state.resting_count);
        if state.is_draining || state.breaker.is_open() {
            let keep_count = keep_count.min(state.queue.len());
            let stale = state.queue.split_off(keep_count);
            state.let_go(&stale);
            return stale.into();
        }
        let is_fresh = |job: &Job| matches!(job.hold, Hold::Fresh(_));
        let is_slow = state.keeps_behind(self.caps.concurrency, now);
        if !is_slow || !state.queue.iter().any(is_fresh) {
            return Vec::new();
        }
        let (mut stale, mut kept) = (VecDeque::new(), VecDeque::new());
        for job in state.queue.drain(..) {
            let is_late = kept.len() >= self.caps.concurrency || now - job.queued_at > MAX_WAIT;
            match is_fresh(&job) && is_late {
                true => stale.push_back(job),
                false => kept.push_back(job),
            }
        }
        state.queue = kept;
        state.let_go(&stale);
        stale.into()
    }

    /// Gives memory back that the queue needed when it was longer.
    pub fn shrink(&self) {
        let mut state = self.state.lock();
        let len = state.queue.len();
        if state.queue.capacity() > MIN_QUEUE.max(len * 4) {
            state.queue.shrink_to(MIN_QUEUE.max(len * 2));
        }
    }

    /// Has every further offer refused.
    pub fn drain(&self) {
        self.state.lock().is_draining = true;
        self.dismiss_resting();
    }

    /// Jobs that wait, and whether anything is under way.
    pub fn load(&self) -> (usize, bool) {
        let state = self.state.lock();
        (state.queue.len(), state.worker_count > state.resting_count)
    }
}

#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod tests;
