//! The SQL of events, for readers.

use serde_json::value::RawValue;
use tokio_postgres::{Client, GenericClient, Row};
use uuid::Uuid;

use super::model::ShownEvent;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{EventId, uuid_millis};
use crate::base::page::Page;
use crate::db::DbError;

const COLUMNS: &str = "id, client_id, type, occurred_at, data, ordering_key";

/// The number of an event that a client named.
pub async fn find_client_id(
    client: &impl GenericClient,
    workspace: WorkspaceId,
    client_id: &str,
) -> Result<Option<Uuid>, DbError> {
    let statement = "select event_id from event_once_keys where workspace_id = $1 and once_key = $2";
    let row = client.query_opt(statement, &[&workspace, &client_id]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// One event, without its deliveries.
pub async fn find(
    client: &Client,
    workspace: WorkspaceId,
    id: Uuid,
) -> Result<Option<(Uuid, ShownEvent)>, DbError> {
    let statement = format!("select {COLUMNS} from events where workspace_id = $1 and id = $2");
    let row = client.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.as_ref().map(shown))
}

/// A page of events, newest first, of one type or of all that `types` names.
///
/// The index is by workspace, type and id: for each type its newest are read, and the newest of those are the page.
/// So a list costs the same however many events are stored. The order says `type` too, and no equality fixes it: the
/// planner would else walk down the primary key for a type that statistics call common, or do not know, and that has
/// no recent event.
pub async fn list(
    client: &Client,
    workspace: WorkspaceId,
    types: &[String],
    page: &Page,
) -> Result<Vec<(Uuid, ShownEvent)>, DbError> {
    let after = page.after.as_deref().and_then(EventId::parse);
    let statement = format!(
        "select {COLUMNS} from unnest($2::text[]) as wanted(name)
         cross join lateral (
             select id, client_id, type, occurred_at, data, ordering_key from events
             where workspace_id = $1 and type >= wanted.name
               and (type, id) < (wanted.name, coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
             order by type desc, id desc limit $4
         ) newest
         order by id desc limit $4"
    );
    let rows = client
        .query(&statement, &[&workspace, &types, &after, &page.fetch_count()])
        .await?;
    Ok(rows.iter().map(shown).collect())
}

fn shown(row: &Row) -> (Uuid, ShownEvent) {
    let id: Uuid = row.get(0);
    let client_id: Option<String> = row.get(1);
    let data: String = row.get(4);
    let event = ShownEvent {
        id: client_id.unwrap_or_else(|| EventId::from_uuid(id).to_string()),
        r#type: row.get(2),
        accepted_at: Millis(uuid_millis(id)),
        occurred_at: row.get(3),
        ordering_key: row.get(5),
        // Only checked JSON is stored.
        data: RawValue::from_string(data).unwrap_or_else(|_| RawValue::NULL.to_owned()),
        deliveries: Vec::new(),
    };
    (id, event)
}
