//! The traits of a destination and of all destinations. Features implement them, and `app` passes them to the engine.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use super::engine::breaker::HealthState;
use super::engine::job::Job;
use super::engine::outcome::{Judgement, Outcome, Tried};
use super::log::{ErrorCode, SentRequest};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::DestinationId;
use crate::bus::{Answer, Event, NewEvent};
use crate::db::DbError;
use crate::outbound::connections::Connections;
use crate::outbound::target::Target;

/// The terms of deliveries to a destination.
#[derive(Debug, Clone)]
pub struct Terms {
    pub is_enabled: bool,
    /// Its health when it was loaded; from then on its lane knows better.
    pub health: HealthState,
    pub max_attempts: u16,
    /// The time limit of an attempt.
    pub timeout: Duration,
    pub rate_limit_per_second: Option<u32>,
    /// Whether events of one key go to it one after another.
    pub is_ordered: bool,
}

/// Something that deliveries go to, ready to be sent to.
pub trait Destination: Send + Sync {
    fn id(&self) -> DestinationId;

    fn terms(&self) -> &Terms;

    /// The number of its present settings, where its deliveries tell by which they were made.
    fn revision(&self) -> Option<i32> {
        None
    }

    /// Why it takes no delivery at the moment; they wait, and use up no attempt.
    fn hold(&self) -> Option<ErrorCode> {
        None
    }

    /// The open connections to where its requests go.
    fn connections(&self) -> &Connections;

    /// What attempt `number` (from 1) of a delivery, begun at `at`, has to do.
    fn errand<'a>(&'a self, job: &'a Job, number: u16, at: Millis) -> Errand<'a>;

    /// What an attempt's answer, or its absence, means. It may also say it in the attempt.
    fn judge(&self, job: &Job, tried: &mut Tried) -> Judgement;
}

/// Requests that need nothing but the job, to one place.
pub trait Direct: Send + Sync {
    /// Where requests go.
    fn target(&self) -> &Target;

    /// The request of attempt `number` (from 1), begun at `at`.
    fn request(&self, job: &Job, number: u16, at: Millis) -> Request<Full<Bytes>>;
}

/// What an attempt has to do.
pub enum Errand<'a> {
    Direct(&'a dyn Direct),
    /// To be asked for: the request is made from the event, and may need what is read elsewhere.
    Prepared(Answer<'a, Prepared>),
}

/// An errand that was asked for.
pub enum Prepared {
    Send(Box<Sending>),
    /// Nothing can be sent, neither now nor later.
    Refuse(ErrorCode, Option<Box<str>>),
    /// Nothing can be sent now: the delivery waits, and no attempt is used up.
    Hold(ErrorCode),
}

/// A request, and where it goes.
pub struct Sending {
    pub target: Target,
    /// Absent: those of the destination.
    pub connections: Option<Arc<Connections>>,
    pub request: Request<Bytes>,
    /// The same for people, with secrets masked.
    pub shown: SentRequest,
}

/// Why a destination got no delivery of an event, by its present settings: the first of these that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unmatched {
    /// It was made after the event.
    CreatedLater,
    Disabled,
    /// It does not want events of that type.
    Type,
    /// Its filter does not hold.
    Filter,
}

/// All destinations, held in memory by the implementation.
pub trait Destinations: Send + Sync {
    /// One destination; `None` once it is deleted.
    fn find(&self, id: DestinationId) -> Option<Arc<dyn Destination>>;

    /// Calls `each` with every destination that wants `event`; with `made_by`, only with those that were made by then.
    fn wanting(&self, event: &Event, made_by: Option<Millis>, each: &mut dyn FnMut(&dyn Destination));

    /// The workspace's destinations that would not get an event of that type and data, accepted then, and why.
    fn unmatched(
        &self,
        workspace: WorkspaceId,
        label: &str,
        data: &str,
        accepted_at: Millis,
    ) -> Vec<(DestinationId, Unmatched)>;

    /// Writes the health of destinations, all at once, and emits the notices of it. Returns those whose health is written
    /// now.
    fn set_health(
        &self,
        healths: Vec<(DestinationId, HealthState)>,
    ) -> Answer<'static, Result<Vec<DestinationId>, DbError>>;

    /// Disables a destination that answered 410, and emits the notice of it.
    fn disable_gone(&self, id: DestinationId) -> Answer<'static, Result<(), DbError>>;

    /// The events that tell of deliveries in `group` which used up their attempts.
    fn notices(&self, group: &[Outcome]) -> Vec<NewEvent>;
}
