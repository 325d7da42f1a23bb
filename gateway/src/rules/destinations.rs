//! All rules, as the destinations that `delivery` works with.

use std::sync::Arc;

use metrics::counter;

use super::model::destination_of;
use super::registry::Registry;
use super::store;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{DestinationId, RuleId};
use crate::bus::{Answer, Event, NewEvent};
use crate::db::{Db, DbError};
use crate::delivery::destination::{Destination, Destinations, Unmatched};
use crate::delivery::engine::breaker::HealthState;
use crate::delivery::engine::outcome::Outcome;
use crate::filter::Data;
use crate::telemetry::names;
use crate::webhooks::destinations::is_wanted;

/// The rules of all workspaces.
pub struct RuleDestinations {
    registry: Arc<Registry>,
    db: Db,
}

impl RuleDestinations {
    /// The rules of `registry`; changes of their health are written to `db`.
    pub const fn new(registry: Arc<Registry>, db: Db) -> Self {
        Self { registry, db }
    }
}

const fn rule_of(id: DestinationId) -> RuleId {
    RuleId::from_uuid(id.uuid())
}

impl Destinations for RuleDestinations {
    fn find(&self, id: DestinationId) -> Option<Arc<dyn Destination>> {
        let rule = self.registry.find(rule_of(id))?;
        Some(rule)
    }

    fn wanting(&self, event: &Event, made_by: Option<Millis>, each: &mut dyn FnMut(&dyn Destination)) {
        let Some(subscriptions) = self.registry.subscriptions(event.content.workspace) else {
            return;
        };
        let mut data: Option<Data> = None;
        for rule in subscriptions.wanting(&event.content.label) {
            if made_by.is_some_and(|made_by| rule.created_at > made_by) {
                continue;
            }
            if !is_wanted(event, rule.filter.as_ref(), rule.id(), &mut data) {
                counter!(names::DELIVERIES_FILTERED).increment(1);
                continue;
            }
            each(&**rule);
        }
    }

    /// Events tell of webhooks alone why they got nothing.
    fn unmatched(&self, _: WorkspaceId, _: &str, _: &str, _: Millis) -> Vec<(DestinationId, Unmatched)> {
        Vec::new()
    }

    fn set_health(
        &self,
        healths: Vec<(DestinationId, HealthState)>,
    ) -> Answer<'static, Result<Vec<DestinationId>, DbError>> {
        let db = self.db.clone();
        Box::pin(async move {
            let healths: Vec<_> = healths
                .into_iter()
                .map(|(id, health)| (rule_of(id), health))
                .collect();
            let written = store::set_health(&db, &healths).await?;
            Ok(written.into_iter().map(destination_of).collect())
        })
    }

    /// No answer disables a rule: a URL that is gone fails the delivery alone.
    fn disable_gone(&self, _: DestinationId) -> Answer<'static, Result<(), DbError>> {
        Box::pin(async { Ok(()) })
    }

    fn notices(&self, _: &[Outcome]) -> Vec<NewEvent> {
        Vec::new()
    }
}
