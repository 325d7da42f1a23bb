//! What a list of events is asked for, by the API and by the console.

use uuid::Uuid;

use super::model::ShownEvent;
use super::store;
use super::types::TypeNames;
use crate::base::caller::WorkspaceId;
use crate::base::page::{Listing, Page};
use crate::db::{Connection, DbError};
use crate::delivery;
use crate::http::query::Query;

/// The filters of a list.
#[derive(Debug)]
pub struct EventQuery {
    /// All types, if absent.
    pub label: Option<String>,
    filter: store::Filter,
}

impl EventQuery {
    /// Takes the parameters of a list; what is wrong is noted there.
    pub fn take(query: &mut Query, names: &TypeNames) -> Self {
        let label = query.read("type", |name| match names.is_subscribable(name) {
            true => Ok(name.to_owned()),
            false => Err("is no event type of this workspace".into()),
        });
        let filter = store::Filter {
            since: query.moment("since"),
            until: query.moment("until"),
            is_matched: query.read("matched", |text| {
                text.parse().map_err(|_| "expected true or false".to_owned())
            }),
        };
        if let (Some(since), Some(until)) = (filter.since, filter.until)
            && until < since
        {
            query.fault("until", "invalid", "expected a time that is not before since");
        }
        Self { label, filter }
    }

    /// A page of the events, newest first, each with its deliveries; `types` are those that the workspace has.
    pub async fn page(
        &self,
        client: &Connection,
        workspace: WorkspaceId,
        types: &[String],
        page: &Page,
    ) -> Result<Listing<(Uuid, ShownEvent)>, DbError> {
        let types = self.label.as_ref().map_or(types, std::slice::from_ref);
        let mut found = store::list(client, workspace, types, &self.filter, page).await?;
        add_deliveries(client, workspace, &mut found.data).await?;
        Ok(found)
    }
}

/// Adds to each event what was sent of it.
pub(super) async fn add_deliveries(
    client: &Connection,
    workspace: WorkspaceId,
    events: &mut [(Uuid, ShownEvent)],
) -> Result<(), DbError> {
    let ids: Vec<Uuid> = events.iter().map(|(id, _)| *id).collect();
    let mut deliveries = delivery::log::store::of_events(client, workspace, &ids).await?;
    for (id, event) in events {
        event.deliveries = deliveries.remove(id).unwrap_or_default();
    }
    Ok(())
}
