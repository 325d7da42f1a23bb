//! Puts deliveries off: they go into the schedule, and come back when their destination has a place for them, or at a time.

use metrics::counter;

use super::job::{Hold, Job};
use super::lanes::Lanes;
use super::outcome::{NewDelivery, Outcome, Parking, Told};
use crate::base::clock::Millis;
use crate::delivery::log::ErrorCode;
use crate::telemetry::names;

impl Lanes {
    pub(super) async fn park(&self, job: &Job, reason: &'static str) {
        self.park_from(job, job.hold, reason).await;
    }

    pub(super) async fn park_from(&self, job: &Job, hold: Hold, reason: &'static str) {
        counter!(names::DELIVERIES_PARKED, "reason" => reason).increment(1);
        self.record(match hold {
            Hold::Fresh(batch) => Outcome::Park {
                new: NewDelivery::of(job, batch),
                parking: Parking::Waiting,
                told: None,
            },
            Hold::Leased { fence, .. } => Outcome::Release {
                delivery: job.delivery,
                fence,
            },
        })
        .await;
    }

    /// Has a delivery wait until its destination takes some again.
    pub(super) async fn hold(&self, job: &Job, hold: Hold, error: ErrorCode) {
        let told = Told {
            error,
            status_code: None,
        };
        self.put_off(job, hold, None, told).await;
    }

    /// Has a delivery wait as long as its destination asked for.
    pub(super) async fn postpone(&self, job: &Job, hold: Hold, until: Millis, status_code: Option<u16>) {
        let told = Told {
            error: ErrorCode::RateLimited,
            status_code,
        };
        self.put_off(job, hold, Some(until), told).await;
    }

    async fn put_off(&self, job: &Job, hold: Hold, until: Option<Millis>, told: Told) {
        counter!(names::DELIVERIES_PARKED, "reason" => told.error.name()).increment(1);
        self.record(match hold {
            Hold::Fresh(batch) => Outcome::Park {
                new: NewDelivery::of(job, batch),
                parking: until.map_or(Parking::Waiting, Parking::Due),
                told: Some(told),
            },
            Hold::Leased { fence, .. } => Outcome::Postpone {
                delivery: job.delivery,
                fence,
                until,
                told,
            },
        })
        .await;
    }
}
