//! The outcomes of deliveries, as lanes report them and the recorder writes them.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::job::{Job, Payload};
use crate::base::backoff::Backoff;
use crate::base::clock::Millis;
use crate::base::id::{DeliveryId, DestinationId};
use crate::bus::BatchId;
use crate::delivery::log::{Attempt, ErrorCode};

/// A wait that a receiver asks for is honoured up to this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// The longest step of the backoff.
pub const MAX_STEP: Duration = Duration::from_secs(6 * 3600);

/// An attempt and what the answer asked for.
#[derive(Debug)]
pub struct Tried {
    pub attempt: Attempt,
    /// The answer's headers.
    pub headers: Option<HeaderMap>,
    /// The wait that a 429 or 503 asked for.
    pub retry_after: Option<Duration>,
}

impl Tried {
    /// An attempt that ended before anything was sent.
    pub const fn unsent(number: u16, at: Millis, error: ErrorCode, detail: Option<Box<str>>) -> Self {
        Self {
            attempt: Attempt::unsent(number, at, error, detail),
            headers: None,
            retry_after: None,
        }
    }

    /// Whether the receiver took the event.
    pub const fn is_success(&self) -> bool {
        self.attempt.error_code.is_none()
    }

    /// Whether the receiver said that the destination is gone for good.
    pub fn is_gone(&self) -> bool {
        self.attempt.status_code == Some(StatusCode::GONE.as_u16())
    }
}

/// A destination's judgement of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    Success,
    Failure,
    /// It failed, and so will every other: the destination is gone for good.
    Gone,
    /// The delivery is refused for good, by a destination that is well.
    Refused,
    /// The destination is well and asks to wait, for so long or as after a first failure; that uses up no attempt.
    Later(Option<Duration>),
    /// The destination takes nothing at the moment, for this reason; that uses up no attempt.
    Held(ErrorCode),
}

impl Judgement {
    /// Whether the destination is well, as far as the attempt shows.
    pub const fn is_well(self) -> bool {
        matches!(
            self,
            Self::Success | Self::Refused | Self::Later(_) | Self::Held(_)
        )
    }
}

/// The state of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Succeeded,
    Failed,
    /// Try again at that time.
    Retry(Millis),
}

/// When a delivery that was not attempted comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parking {
    /// When its destination has a place for it.
    Waiting,
    /// It is being attempted, and is due again at that time if nothing more is heard of it.
    Leased(Millis),
    /// At that time: its destination asked to wait.
    Due(Millis),
}

/// Why a delivery waits without having used up an attempt, where its log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub error: ErrorCode,
    pub status_code: Option<u16>,
}

impl Told {
    /// Its status code and its error as the database keeps them.
    pub fn numbers(told: Option<Self>) -> (Option<i16>, Option<i16>) {
        let status = told.and_then(|told| i16::try_from(told.status_code?).ok());
        (status, told.map(|told| told.error.number()))
    }
}

/// A delivery that the database does not know yet.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    pub delivery: DeliveryId,
    pub destination: DestinationId,
    pub payload: Arc<Payload>,
    pub batch: BatchId,
    /// Whether it waits in line with others of its key.
    pub is_ordered: bool,
    /// Of its destination, where that has revisions.
    pub revision: Option<i32>,
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
    Park {
        new: NewDelivery,
        parking: Parking,
        told: Option<Told>,
    },
    /// A new delivery is dropped: its destination was deleted.
    Drop { batch: BatchId },
    /// An attempt of a scheduled delivery ended.
    Again {
        delivery: DeliveryId,
        destination: DestinationId,
        payload: Arc<Payload>,
        fence: i32,
        attempt: Attempt,
        verdict: Verdict,
    },
    /// A scheduled delivery was not attempted and waits for its destination.
    Release { delivery: DeliveryId, fence: i32 },
    /// The same where its log tells why; until that time, or until its destination has a place for it.
    Postpone {
        delivery: DeliveryId,
        fence: i32,
        until: Option<Millis>,
        told: Told,
    },
}

impl NewDelivery {
    /// The new delivery of a job of that batch.
    pub fn of(job: &Job, batch: BatchId) -> Self {
        Self {
            delivery: job.delivery,
            destination: job.destination,
            payload: job.payload.clone(),
            batch,
            is_ordered: job.is_ordered,
            revision: job.revision,
        }
    }

    /// The key of those that it waits in line with.
    pub fn order_key(&self) -> Option<&str> {
        let key = self.payload.ordering_key.as_deref();
        key.filter(|_| self.is_ordered)
    }
}

/// The verdict on a delivery after an attempt.
pub fn verdict(tried: &Tried, judgement: Judgement, max_attempts: u16, backoff: &Backoff) -> Verdict {
    let number = tried.attempt.number;
    match judgement {
        Judgement::Success => return Verdict::Succeeded,
        Judgement::Gone | Judgement::Refused => return Verdict::Failed,
        Judgement::Later(wait) => {
            return Verdict::Retry(after(wait.unwrap_or_else(|| backoff.jittered(1))));
        }
        Judgement::Failure if number >= max_attempts => return Verdict::Failed,
        // What is held has no verdict.
        Judgement::Failure | Judgement::Held(_) => {}
    }
    let wait = backoff.jittered(number.into());
    let wait = match tried.retry_after.map(|asked| asked.min(MAX_RETRY_AFTER)) {
        // Never earlier than asked, and without jitter.
        Some(asked) if asked > wait => asked,
        _ => wait,
    };
    Verdict::Retry(after(wait))
}

/// From now on, and not from when an attempt began: the clock may have stepped meanwhile.
fn after(wait: Duration) -> Millis {
    let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    Millis(Millis::now().0.saturating_add(wait))
}
