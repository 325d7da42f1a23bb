//! Brings scheduled deliveries back to their lanes: retries on time, and what waits for an endpoint when it has room.
//!
//! What is due within the next second is leased ahead and held in memory, so that a retry starts on time and not at the
//! next look into the table. A lease that is not used runs out and is due again, for this instance or another.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use metrics::histogram;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::job::{Hold, Job};
use super::lanes::Lanes;
use super::lease_store::{Leased, Leases};
use super::registry::Registry;
use super::schedule_store;
use super::turns::Turns;
use crate::db::{Db, DbError};
use crate::telemetry::names;

/// How far ahead deliveries are leased.
const AHEAD: Duration = Duration::from_secs(1);
pub(super) const LOOK: Duration = Duration::from_millis(250);
/// Deliveries that are held in memory until they are due.
const MAX_HELD: usize = 4_000;
const LEASE_COUNT: i64 = 1_000;
/// Long enough for the longest time limit of an endpoint, a wait in its lane, and the look ahead.
pub(super) const LEASE: Duration = Duration::from_secs(150);
pub(super) const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// The scheduler.
pub struct Schedule {
    pub db: Db,
    pub leases: Leases,
    pub registry: Arc<Registry>,
    pub lanes: Arc<Lanes>,
    pub owner: Box<dyn Fn() -> i32 + Send + Sync>,
    /// Rings when something was scheduled for now.
    pub wake: Arc<Notify>,
    pub turns: Arc<Turns>,
}

/// A leased delivery that waits for its time; the earliest comes first.
struct Held {
    due: Instant,
    leased: Leased,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}
impl Eq for Held {}
impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

impl Schedule {
    /// Leases and hands out until `stop`; what is held then is given back.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let waiting = self.clone().run_waiting(stop.clone());
        let ordered = self.clone().run_ordered(stop.clone());
        let timed = self.run_timed(stop);
        tokio::join!(waiting, ordered, timed);
    }

    async fn run_timed(&self, stop: CancellationToken) {
        let mut held: BinaryHeap<Reverse<Held>> = BinaryHeap::new();
        let mut next_look = Instant::now();
        loop {
            let next_due = held.peek().map_or(LOOK, |Reverse(first)| {
                first.due.saturating_duration_since(Instant::now())
            });
            tokio::select! {
                () = tokio::time::sleep(next_due) => {}
                () = tokio::time::sleep_until(next_look) => {}
                () = self.wake.notified() => next_look = Instant::now(),
                () = stop.cancelled() => break,
            }
            let now = Instant::now();
            while held.peek().is_some_and(|Reverse(first)| first.due <= now) {
                if let Some(Reverse(due)) = held.pop() {
                    self.hand_out(due.leased, Some(due.due)).await;
                }
            }
            if Instant::now() >= next_look {
                next_look = Instant::now() + LOOK;
                if held.len() < MAX_HELD && self.look_ahead(&mut held).await {
                    // There is more than one look takes.
                    next_look = Instant::now();
                }
            }
        }
        self.give_back(held).await;
    }

    /// In whose name leases are taken. Before this instance has one nothing is leased: no successor would find such a
    /// lease, and it would have to run out.
    pub(super) fn holder(&self) -> Option<i32> {
        Some((self.owner)()).filter(|owner| *owner != 0)
    }

    /// Leases what is due soon; whether the table may hold more of it.
    async fn look_ahead(&self, held: &mut BinaryHeap<Reverse<Held>>) -> bool {
        let Some(owner) = self.holder() else { return false };
        match self.leases.take_due(owner, AHEAD, LEASE, LEASE_COUNT).await {
            Ok(leased) => {
                let is_full = i64::try_from(leased.len()) == Ok(LEASE_COUNT);
                held.extend(leased.into_iter().map(|leased| {
                    let due = leased.due.unwrap_or(leased.leased_at);
                    Reverse(Held { due, leased })
                }));
                is_full
            }
            Err(fault) => {
                tracing::debug!(%fault, "no look into the schedule");
                false
            }
        }
    }

    pub(super) async fn hand_out(&self, leased: Leased, due: Option<Instant>) {
        if let Some(due) = due {
            let late = Instant::now().saturating_duration_since(due);
            histogram!(names::RETRY_LATENESS).record(late.as_secs_f64());
        }
        let Some(payload) = leased.payload else {
            // Its event was dropped with its day: there is nothing left to send.
            if let Err(fault) = schedule_store::give_up(&self.db, leased.delivery).await {
                tracing::warn!(%fault, delivery = %leased.delivery, "could not be given up");
            }
            return;
        };
        let job = Job {
            payload: Arc::new(payload),
            webhook: leased.webhook,
            delivery: leased.delivery,
            attempts_made: leased.attempt_count,
            hold: Hold::Leased {
                fence: leased.fence,
                until: leased.leased_at + LEASE,
            },
            is_ordered: false,
            queued_at: Instant::now(),
        };
        self.lanes.submit(job).await;
    }

    async fn give_back(&self, held: BinaryHeap<Reverse<Held>>) {
        let due: Vec<_> = held
            .into_iter()
            .map(|Reverse(held)| (held.leased.delivery, held.leased.fence, held.due))
            .collect();
        if let Err(fault) = self.leases.give_back(&due).await {
            tracing::warn!(%fault, "leases run out by themselves");
        }
    }

    /// Feeds endpoints that have deliveries waiting in the table.
    async fn run_waiting(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = LOOK;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
            pause = match self.feed_waiting().await {
                Ok(true) => BUSY_PAUSE,
                Ok(false) => LOOK,
                Err(fault) => {
                    tracing::debug!(%fault, "no look for waiting deliveries");
                    LOOK
                }
            };
        }
    }

    /// Whether some endpoint took all it had room for, and so may have more.
    async fn feed_waiting(&self) -> Result<bool, DbError> {
        let Some(owner) = self.holder() else {
            return Ok(false);
        };
        let mut is_busy = false;
        for webhook in schedule_store::endpoints_with_waiting(&self.db).await? {
            let Some(endpoint) = self.registry.find(webhook) else {
                schedule_store::give_up_deleted(&self.db, webhook).await?;
                continue;
            };
            if !endpoint.is_enabled {
                continue;
            }
            let room = self.lanes.lane(webhook, endpoint.health).room();
            if room == 0 {
                continue;
            }
            let count = i64::try_from(room).unwrap_or(LEASE_COUNT).min(LEASE_COUNT);
            let leased = self.leases.take_waiting(owner, webhook, LEASE, count).await?;
            is_busy |= i64::try_from(leased.len()) == Ok(count);
            for leased in leased {
                self.hand_out(leased, None).await;
            }
        }
        Ok(is_busy)
    }
}
