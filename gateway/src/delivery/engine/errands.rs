//! What a lane's worker does for one job: it runs the destination's errand, and makes a slow attempt visible meanwhile.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::time::Instant;

use super::attempt::{Call, attempt};
use super::job::{Hold, Job};
use super::lanes::{LEASE_MARGIN, Lanes};
use super::outcome::{NewDelivery, Outcome, Parking, Tried};
use crate::base::clock::Millis;
use crate::bus::{Answer, BatchId};
use crate::delivery::destination::{Destination, Errand, Prepared, Sending};
use crate::delivery::log::ErrorCode;

impl Lanes {
    /// Does what the destination has to do for a job; the error says why nothing goes out now.
    pub(super) async fn run_errand(
        &self,
        destination: &dyn Destination,
        job: &Job,
        hold: &mut Hold,
    ) -> Result<Tried, ErrorCode> {
        let (number, at) = (job.attempts_made + 1, Millis::now());
        match destination.errand(job, number, at) {
            Errand::Direct(direct) => {
                let call = Call {
                    target: direct.target(),
                    connections: destination.connections(),
                    make: || direct.request(job, number, at),
                    limit: destination.terms().timeout,
                    number,
                    at,
                };
                Ok(self.attempt_visibly(call, job, hold).await)
            }
            // Apart on the heap, so that what a direct errand needs stays small.
            Errand::Prepared(preparing) => {
                Box::pin(self.attempt_prepared(destination, preparing, (number, at), job, hold)).await
            }
        }
    }

    /// Makes the attempt, and notes where the delivery stands after it: a new one whose attempt is slow goes into the
    /// schedule under a lease meanwhile. So it can be seen as pending, and no longer holds its batch back.
    async fn attempt_visibly(
        &self,
        call: Call<'_, impl Fn() -> Request<Full<Bytes>>>,
        job: &Job,
        hold: &mut Hold,
    ) -> Tried {
        let limit = call.limit;
        let on_slow = async || {
            if let Hold::Fresh(batch) = job.hold {
                *hold = Box::pin(self.lease_meanwhile(limit, job, batch)).await;
            }
        };
        attempt(&self.client, call, on_slow).await
    }

    /// The same where the request is asked for first; the error says why nothing goes out now.
    async fn attempt_prepared(
        &self,
        destination: &dyn Destination,
        preparing: Answer<'_, Prepared>,
        (number, at): (u16, Millis),
        job: &Job,
        hold: &mut Hold,
    ) -> Result<Tried, ErrorCode> {
        let Sending {
            target,
            connections,
            request,
            shown,
        } = match preparing.await {
            Prepared::Send(sending) => *sending,
            Prepared::Refuse(error, detail) => return Ok(Tried::unsent(number, at, error, detail)),
            Prepared::Hold(error) => return Err(error),
        };
        let call = Call {
            target: &target,
            connections: connections
                .as_deref()
                .unwrap_or_else(|| destination.connections()),
            make: || request.clone().map(Full::new),
            limit: destination.terms().timeout,
            number,
            at,
        };
        let mut tried = self.attempt_visibly(call, job, hold).await;
        tried.attempt.request = Some(Box::new(shown));
        Ok(tried)
    }

    async fn lease_meanwhile(&self, timeout: Duration, job: &Job, batch: BatchId) -> Hold {
        let lease = timeout + LEASE_MARGIN;
        let until = Millis(Millis::now().0 + i64::try_from(lease.as_millis()).unwrap_or(0));
        self.record(Outcome::Park {
            new: NewDelivery::of(job, batch),
            parking: Parking::Leased(until),
            told: None,
        })
        .await;
        Hold::Leased {
            fence: 1,
            until: Instant::now() + lease,
        }
    }
}
