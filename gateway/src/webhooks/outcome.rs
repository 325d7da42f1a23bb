//! What is to be written about deliveries: the language between lanes and the recorder.

use std::sync::Arc;
use std::time::Duration;

use super::attempt::Tried;
use super::endpoint::Endpoint;
use super::job::{Job, Payload};
use crate::base::backoff::Backoff;
use crate::base::clock::Millis;
use crate::base::id::{DeliveryId, WebhookId};
use crate::bus::BatchId;
use crate::deliveries::Attempt;

/// A wait that a receiver asks for is honoured up to this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// The longest step of the backoff.
pub const MAX_STEP: Duration = Duration::from_secs(6 * 3600);

/// What an attempt makes of its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Succeeded,
    Failed,
    /// Try again at that time.
    Retry(Millis),
}

/// When a delivery that was not attempted is to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parking {
    /// When its endpoint has a place for it.
    Waiting,
    /// It is being attempted, and is due again at that time if nothing more is heard of it.
    Leased(Millis),
}

/// A delivery that the database does not know yet.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    pub delivery: DeliveryId,
    pub webhook: WebhookId,
    pub payload: Arc<Payload>,
    pub batch: BatchId,
    /// Whether it waits in line with others of its key.
    pub is_ordered: bool,
}

/// One thing to write.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The first attempt of a new delivery ended.
    First {
        new: NewDelivery,
        attempt: Attempt,
        verdict: Verdict,
    },
    /// A new delivery goes into the schedule.
    Park { new: NewDelivery, parking: Parking },
    /// A new delivery is dropped: its endpoint was deleted.
    Drop { batch: BatchId },
    /// An attempt of a scheduled delivery ended.
    Again {
        delivery: DeliveryId,
        webhook: WebhookId,
        payload: Arc<Payload>,
        fence: i32,
        attempt: Attempt,
        verdict: Verdict,
    },
    /// A scheduled delivery was not attempted and waits for its endpoint.
    Release { delivery: DeliveryId, fence: i32 },
}

impl NewDelivery {
    /// The new delivery of a job of that batch.
    pub fn of(job: &Job, batch: BatchId) -> Self {
        Self {
            delivery: job.delivery,
            webhook: job.webhook,
            payload: job.payload.clone(),
            batch,
            is_ordered: job.is_ordered,
        }
    }

    /// The key of those that it waits in line with.
    pub fn order_key(&self) -> Option<&str> {
        let key = self.payload.ordering_key.as_deref();
        key.filter(|_| self.is_ordered)
    }
}

/// What becomes of a delivery after an attempt.
pub fn verdict(tried: &Tried, endpoint: &Endpoint, backoff: &Backoff) -> Verdict {
    let number = tried.attempt.number;
    if tried.is_success() {
        return Verdict::Succeeded;
    }
    if tried.is_gone() || number >= endpoint.max_attempts {
        return Verdict::Failed;
    }
    let wait = backoff.jittered(number.into());
    let wait = match tried.retry_after.map(|asked| asked.min(MAX_RETRY_AFTER)) {
        // Never earlier than asked, and without jitter.
        Some(asked) if asked > wait => asked,
        _ => wait,
    };
    let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    // From now on, and not from when the attempt began: the clock may have stepped meanwhile.
    Verdict::Retry(Millis(Millis::now().0.saturating_add(wait)))
}
