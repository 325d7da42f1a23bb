//! Deliveries with a due time: retries, and expired leases.
//!
//! Those due within the next second are leased ahead and held in memory, so that a retry starts on time and not at the next
//! look into the table.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::handout::{Handout, LEASE, LEASE_COUNT, LOOK};
use super::store::leases::Leased;

/// How far ahead deliveries are leased.
const AHEAD: Duration = Duration::from_secs(1);
/// Deliveries that are held in memory until they are due.
const MAX_HELD: usize = 4_000;

/// Leases what is due soon.
pub(super) struct Timed<'a> {
    pub handout: &'a Handout,
    /// Rings when something was scheduled for now.
    pub wake: &'a Notify,
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

impl Timed<'_> {
    /// Leases and hands out until `stop`; what is held then is given back.
    pub(super) async fn run(&self, stop: CancellationToken) {
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
                    self.handout.hand_out(due.leased, Some(due.due)).await;
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

    /// Leases what is due soon; whether the table may hold more of it.
    async fn look_ahead(&self, held: &mut BinaryHeap<Reverse<Held>>) -> bool {
        let Some(owner) = self.handout.holder() else {
            return false;
        };
        match self
            .handout
            .leases
            .take_due(owner, AHEAD, LEASE, LEASE_COUNT)
            .await
        {
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

    async fn give_back(&self, held: BinaryHeap<Reverse<Held>>) {
        let due: Vec<_> = held
            .into_iter()
            .map(|Reverse(held)| (held.leased.delivery, held.leased.fence, held.due))
            .collect();
        if let Err(fault) = self.handout.leases.give_back(&due).await {
            tracing::warn!(%fault, "leases run out by themselves");
        }
    }
}
