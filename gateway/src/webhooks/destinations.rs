//! All endpoints, as the destinations that `delivery` works with.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use metrics::counter;

use super::endpoint::{Endpoint, destination_of};
use super::notices::Notices;
use super::registry::Registry;
use super::store;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::fail_point::{self, Point};
use crate::base::id::{DestinationId, WebhookId};
use crate::bus::{Answer, Bus, Event, NewEvent};
use crate::db::{Db, DbError};
use crate::delivery::destination::{Destination, Destinations, Unmatched};
use crate::delivery::engine::breaker::HealthState;
use crate::delivery::engine::outcome::Outcome;
use crate::filter::{Data, Filter};
use crate::telemetry::names;

/// The endpoints of all workspaces.
pub struct Endpoints {
    registry: Arc<Registry>,
    notices: Notices,
    db: Db,
    bus: Arc<dyn Bus>,
}

impl Endpoints {
    /// The endpoints of `registry`; changes of their health are written to `db`, and emitted through `bus`.
    pub fn new(registry: Arc<Registry>, db: Db, bus: Arc<dyn Bus>) -> Self {
        Self {
            notices: Notices::new(registry.clone()),
            registry,
            db,
            bus,
        }
    }
}

const fn webhook_of(id: DestinationId) -> WebhookId {
    WebhookId::from_uuid(id.uuid())
}

impl Destinations for Endpoints {
    fn find(&self, id: DestinationId) -> Option<Arc<dyn Destination>> {
        let endpoint = self.registry.find(webhook_of(id))?;
        Some(endpoint)
    }

    fn wanting(&self, event: &Event, made_by: Option<Millis>, each: &mut dyn FnMut(&dyn Destination)) {
        let Some(subscriptions) = self.registry.subscriptions(event.content.workspace) else {
            return;
        };
        let mut data: Option<Data> = None;
        for endpoint in subscriptions.wanting(&event.content.label) {
            if made_by.is_some_and(|made_by| endpoint.created_at > made_by) {
                continue;
            }
            if !is_wanted(
                event,
                endpoint.filter.as_ref(),
                destination_of(endpoint.id),
                &mut data,
            ) {
                counter!(names::DELIVERIES_FILTERED).increment(1);
                continue;
            }
            each(&**endpoint);
        }
    }

    fn unmatched(
        &self,
        workspace: WorkspaceId,
        label: &str,
        data: &str,
        accepted_at: Millis,
    ) -> Vec<(DestinationId, Unmatched)> {
        let data = Data::of(data.as_bytes());
        let why = |endpoint: &Endpoint| {
            if endpoint.created_at > accepted_at {
                Some(Unmatched::CreatedLater)
            } else if !endpoint.terms.is_enabled {
                Some(Unmatched::Disabled)
            } else if !endpoint.selection.includes(label) {
                Some(Unmatched::Type)
            } else {
                let filter = endpoint.filter.as_ref();
                filter
                    .filter(|filter| !filter.holds(&data))
                    .map(|_| Unmatched::Filter)
            }
        };
        let endpoints = self.registry.of_workspace(workspace);
        let found = endpoints
            .iter()
            .filter_map(|endpoint| Some((destination_of(endpoint.id), why(endpoint)?)));
        found.collect()
    }

    fn set_health(
        &self,
        healths: Vec<(DestinationId, HealthState)>,
    ) -> Answer<'static, Result<Vec<DestinationId>, DbError>> {
        let (registry, notices) = (self.registry.clone(), self.notices.clone());
        let (db, bus) = (self.db.clone(), self.bus.clone());
        Box::pin(async move {
            let healths: Vec<_> = healths
                .into_iter()
                .map(|(id, health)| (webhook_of(id), health))
                .collect();
            let notice = |(id, health): (WebhookId, HealthState)| match health {
                HealthState::Paused => notices.paused(&*registry.find(id)?),
                HealthState::Healthy | HealthState::Failing => None,
            };
            let written = store::set_health(&db, &*bus, &healths, notice).await?;
            Ok(written.into_iter().map(destination_of).collect())
        })
    }

    fn disable_gone(&self, id: DestinationId) -> Answer<'static, Result<(), DbError>> {
        let Some(endpoint) = self.registry.find(webhook_of(id)) else {
            return Box::pin(async { Ok(()) });
        };
        let notice = self.notices.disabled(&endpoint);
        let (db, bus, registry) = (self.db.clone(), self.bus.clone(), self.registry.clone());
        Box::pin(async move {
            let mut client = db.client().await?;
            store::disable_gone(&mut client, &*bus, &endpoint, notice).await?;
            let changed = [(endpoint.workspace, endpoint.id.uuid())];
            registry.refresh(&client, &changed).await
        })
    }

    fn notices(&self, group: &[Outcome]) -> Vec<NewEvent> {
        self.notices.failed(group)
    }
}

/// Whether a destination's filter wants the event. One that panics must cost no other destination the event.
pub fn is_wanted<'a>(
    event: &'a Event,
    filter: Option<&Filter>,
    destination: DestinationId,
    data: &mut Option<Data<'a>>,
) -> bool {
    let Some(filter) = filter else {
        return true;
    };
    let asking = AssertUnwindSafe(|| {
        fail_point::reach(Point::Filter);
        filter.holds(data.get_or_insert_with(|| Data::of(&event.content.data)))
    });
    catch_unwind(asking).unwrap_or_else(|_| {
        // What was opened so far may be half done.
        *data = None;
        counter!(names::DISPATCH_PANICS, "place" => "filter").increment(1);
        tracing::error!(event = %event.id, %destination, "a filter panicked; the event is sent as if wanted");
        // Sending too much loses nothing.
        true
    })
}
