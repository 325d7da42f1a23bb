//! Takes events from the bus, and makes one delivery for each destination that wants the event.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::time::Instant;
use uuid::Uuid;

use super::job::{Hold, Job, Payload};
use super::lanes::Lanes;
use crate::base::clock::Millis;
use crate::base::fail_point::{self, Point};
use crate::bus::{Batch, Bus, Event};
use crate::db::Db;
use crate::delivery::destination::Destinations;
use crate::delivery::id::first_delivery_id;
use crate::delivery::log;
use crate::telemetry::names;

/// Jobs that are made before they are handed to their lanes.
const MANY: usize = 4_000;
/// How far the clocks of two instances may be apart. A destination is made by one clock and an event by another.
const CLOCK_SKEW_MILLIS: i64 = 5_000;
const RETRY: Duration = Duration::from_millis(250);

/// The dispatcher.
pub struct Fanout {
    pub bus: Arc<dyn Bus>,
    pub destinations: Arc<dyn Destinations>,
    pub lanes: Arc<Lanes>,
    pub db: Db,
}

impl Fanout {
    /// Dispatches batches until the bus is closed.
    pub async fn run(self) {
        while let Some(batch) = self.bus.receive().await {
            if fail_point::reach(Point::Fanout) {
                return;
            }
            self.dispatch(batch).await;
        }
    }

    async fn dispatch(&self, batch: Batch) {
        let ledger = self.bus.ledger();
        // The dispatch counts as one until its end, so that the batch stays open meanwhile.
        ledger.count(batch.id, 1);
        let mut jobs = Vec::with_capacity(batch.events.len());
        for event in &batch.events {
            self.add_jobs_surely(event, &batch, &mut jobs);
            if jobs.len() >= MANY {
                self.submit(&batch, &mut jobs).await;
                // A batch may make millions.
                ledger.wait_until(|ledger| ledger.has_room(1)).await;
            }
        }
        self.submit(&batch, &mut jobs).await;
        ledger.finish(batch.id, 1);
    }

    async fn submit(&self, batch: &Batch, jobs: &mut Vec<Job>) {
        if batch.is_recovered {
            self.remove_known(jobs).await;
        }
        // The count comes before any outcome can.
        self.bus.ledger().count(batch.id, jobs.len());
        for job in jobs.drain(..) {
            self.lanes.submit(job).await;
        }
    }

    /// A panic costs the event its deliveries, and no other event anything: an instance that ended of it would have a
    /// successor that takes the event over, and ends of it too.
    fn add_jobs_surely(&self, event: &Event, batch: &Batch, jobs: &mut Vec<Job>) {
        let before = jobs.len();
        let adding = AssertUnwindSafe(|| self.add_jobs(event, batch, jobs));
        if catch_unwind(adding).is_err() {
            jobs.truncate(before);
            counter!(names::DISPATCH_PANICS, "place" => "event").increment(1);
            tracing::error!(event = %event.id, "the dispatch of an event panicked; it has no deliveries");
        }
    }

    fn add_jobs(&self, event: &Event, batch: &Batch, jobs: &mut Vec<Job>) {
        // A destination made after the event's owner died never was meant to get it.
        let made_by = batch.is_recovered.then(|| latest_making(event.accepted_at()));
        let mut payload: Option<Arc<Payload>> = None;
        self.destinations.wanting(event, made_by, &mut |destination| {
            fail_point::reach(Point::Dispatch);
            let payload = payload
                .get_or_insert_with(|| Arc::new(Payload::of(event, self.lanes.budget())))
                .clone();
            let id = destination.id();
            jobs.push(Job {
                payload,
                destination: id,
                delivery: first_delivery_id(event.id, id),
                attempts_made: 0,
                hold: Hold::Fresh(batch.id),
                is_test: false,
                revision: destination.revision(),
                is_ordered: destination.terms().is_ordered && event.content.ordering_key.is_some(),
                queued_at: Instant::now(),
            });
        });
    }

    /// Takes out what the dead instance had recorded or parked.
    async fn remove_known(&self, jobs: &mut Vec<Job>) {
        let ids: Vec<Uuid> = jobs.iter().map(|job| job.delivery.uuid()).collect();
        let known: HashSet<Uuid> = loop {
            match log::store::existing(&self.db, &ids).await {
                Ok(known) => break known.into_iter().collect(),
                Err(fault) => {
                    tracing::warn!(%fault, "recorded deliveries could not be read; trying again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        };
        jobs.retain(|job| !known.contains(&job.delivery.uuid()));
    }
}

/// When a destination was made at the latest that may have been there when an event was accepted, whatever the clocks say. A
/// delivery too many is better than one that is lost.
const fn latest_making(accepted_at: Millis) -> Millis {
    Millis(accepted_at.0.saturating_add(CLOCK_SKEW_MILLIS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_a_little_lose_no_recovered_delivery() {
        let accepted_at = Millis(1_700_000_000_000);
        let made_at = |ahead: i64| Millis(accepted_at.0 + ahead);
        assert!(made_at(CLOCK_SKEW_MILLIS) <= latest_making(accepted_at));
        assert!(made_at(CLOCK_SKEW_MILLIS + 1) > latest_making(accepted_at));
    }
}
