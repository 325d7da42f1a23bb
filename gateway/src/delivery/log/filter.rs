//! Which deliveries are wanted: everything that is set must hold.

use uuid::Uuid;

use super::model::{ErrorCode, Status};
use crate::base::clock::Millis;
use crate::base::id::{DestinationId, uuid_floor};

/// A filter of a workspace's deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub destination: Option<DestinationId>,
    /// Those with any of these states; empty is all.
    pub statuses: Vec<Status>,
    /// The event type.
    pub label: Option<String>,
    /// Those of any of these events.
    pub events: Option<Vec<Uuid>>,
    /// What the last attempt was answered with.
    pub status_code: Option<u16>,
    /// How the last attempt failed.
    pub error: Option<ErrorCode>,
    /// Made then or later.
    pub since: Option<Millis>,
    /// Made before.
    pub until: Option<Millis>,
}

impl Filter {
    /// The states that can match: a delivery whose last attempt failed has not succeeded.
    pub fn possible_statuses(&self) -> Vec<Status> {
        let is_possible = |status: &Status| {
            (self.statuses.is_empty() || self.statuses.contains(status))
                && (self.error.is_none() || *status != Status::Succeeded)
        };
        Status::ALL.into_iter().filter(is_possible).collect()
    }

    /// The ids that can match: from the first on, up to before the second.
    pub fn ids(&self) -> (Uuid, Uuid) {
        let low = self.since.map_or(Uuid::nil(), |since| uuid_floor(since.0));
        let high = self.until.map_or(Uuid::max(), |until| uuid_floor(until.0));
        (low, high)
    }
}
