//! The traits of a destination and of all destinations. Features implement them, and `app` passes them to the engine.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use super::engine::breaker::HealthState;
use super::engine::job::Job;
use super::engine::outcome::{Judgement, Outcome, Tried};
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

    /// Where requests go.
    fn target(&self) -> &Target;

    /// The open connections to its target.
    fn connections(&self) -> &Connections;

    /// The request of attempt `number` (from 1), begun at `at`.
    fn request(&self, job: &Job, number: u16, at: Millis) -> Request<Full<Bytes>>;

    /// What an attempt's answer, or its absence, means.
    fn judge(&self, tried: &Tried) -> Judgement;
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
