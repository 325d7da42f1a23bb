//! Shared by all parts of the schedule: leases deliveries for this instance if their destination has room, and hands them to
//! its lane.

use std::sync::Arc;
use std::time::Duration;

use metrics::histogram;
use tokio::time::Instant;

use super::store;
use super::store::leases::{Leased, Leases};
use crate::base::id::DestinationId;
use crate::db::Db;
use crate::delivery::destination::Destinations;
use crate::delivery::engine::job::{Hold, Job};
use crate::delivery::engine::lanes::Lanes;
use crate::telemetry::names;

/// How long a look into the table that found nothing more is followed by none.
pub(super) const LOOK: Duration = Duration::from_millis(250);
/// The same where there may be more.
pub(super) const BUSY_PAUSE: Duration = Duration::from_millis(50);
/// Long enough for the longest time limit of a destination, a wait in its lane, and the look ahead.
pub(super) const LEASE: Duration = Duration::from_secs(150);
/// Deliveries that one statement leases.
pub(super) const LEASE_COUNT: i64 = 1_000;

/// Hands leased deliveries to their lanes.
pub struct Handout {
    pub db: Db,
    pub leases: Leases,
    pub destinations: Arc<dyn Destinations>,
    pub lanes: Arc<Lanes>,
    pub owner: Box<dyn Fn() -> i32 + Send + Sync>,
}

/// How much a destination takes now.
pub(super) enum Room {
    /// It was deleted: what waits for it is to be given up.
    Deleted,
    /// So many; none while it is disabled or takes nothing.
    For(usize),
}

impl Handout {
    /// In whose name leases are taken. Before this instance has one nothing is leased: no successor would find such a
    /// lease, and it would have to run out.
    pub(super) fn holder(&self) -> Option<i32> {
        Some((self.owner)()).filter(|owner| *owner != 0)
    }

    pub(super) fn room(&self, id: DestinationId) -> Room {
        let Some(destination) = self.destinations.find(id) else {
            return Room::Deleted;
        };
        let terms = destination.terms();
        match terms.is_enabled && destination.hold().is_none() {
            true => Room::For(self.lanes.lane(id, terms.health).room()),
            false => Room::For(0),
        }
    }

    /// Has [`Lanes::has_room`] ring when the destination's lane has begun half of what waits in it.
    pub(super) fn tell_of_room(&self, id: DestinationId) {
        if let Some(destination) = self.destinations.find(id) {
            self.lanes.lane(id, destination.terms().health).tell_of_room();
        }
    }

    pub(super) async fn hand_out(&self, leased: Leased, due: Option<Instant>) {
        if let Some(due) = due {
            let late = Instant::now().saturating_duration_since(due);
            histogram!(names::RETRY_LATENESS).record(late.as_secs_f64());
        }
        let Some(payload) = leased.payload else {
            // Its event was dropped with its day: there is nothing left to send.
            if let Err(fault) = store::give_up(&self.db, leased.delivery).await {
                tracing::warn!(%fault, delivery = %leased.delivery, "could not be given up");
            }
            return;
        };
        let job = Job {
            payload: Arc::new(payload),
            destination: leased.destination,
            delivery: leased.delivery,
            attempts_made: leased.attempt_count,
            hold: Hold::Leased {
                fence: leased.fence,
                until: leased.leased_at + LEASE,
            },
            is_ordered: false,
            is_test: leased.is_test,
            revision: None,
            queued_at: Instant::now(),
        };
        self.lanes.submit(job).await;
    }
}
