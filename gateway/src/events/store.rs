//! The SQL of events, for readers.

use serde_json::value::RawValue;
use tokio_postgres::{Client, GenericClient, Row};
use uuid::Uuid;

use super::model::ShownEvent;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{EventId, uuid_floor, uuid_millis};
use crate::base::page::{Listing, Page};
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

/// One event, without its deliveries: that of our `id`, or else the one that a client has named so.
pub async fn find(
    client: &Client,
    workspace: WorkspaceId,
    id: Option<Uuid>,
    client_id: Option<&str>,
) -> Result<Option<(Uuid, ShownEvent)>, DbError> {
    let statement = format!(
        "select {COLUMNS} from (
             select 1 as turn, {COLUMNS} from events where workspace_id = $1 and id = $2
             union all
             select 2, {COLUMNS} from events where workspace_id = $1 and id = (
                 select event_id from event_once_keys where workspace_id = $1 and once_key = $3)
         ) found order by turn limit 1"
    );
    let row = client
        .query_opt(&statement, &[&workspace, &id, &client_id])
        .await?;
    Ok(row.as_ref().map(shown))
}

/// Which events are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Accepted then or later.
    pub since: Option<Millis>,
    /// Accepted before.
    pub until: Option<Millis>,
    /// Only those with a delivery, or only those without.
    pub is_matched: Option<bool>,
}

/// Entries of each type that are looked at for a page, where not every one is wanted.
const EXAMINED: i64 = 500;

/// First deliveries stand in their event's range of ids; without one there is no other. `offset 0` keeps the planner from
/// making a join of the ranges, which would read the whole log.
const HAS_DELIVERY: &str = "exists (
    select from deliveries d
    where d.id >= (left(e.id::text, 18) || '-0000-000000000000')::uuid
      and d.id <= (left(e.id::text, 18) || '-ffff-ffffffffffff')::uuid
      and d.event_id = e.id and d.redelivery_of is null
    offset 0)";

/// The newest entries of the type `wanted.name`, up to `$5`, with ids from `$3` on and before `$4`.
///
/// The index is by workspace, type and id. The order says `type` too, and no equality fixes it: the planner would else walk
/// down the primary key for a type that statistics call common, or do not know, and that has no recent event.
fn entries(what: &str) -> String {
    format!(
        "select {what} from events
         where workspace_id = $1 and (type, id) >= (wanted.name, $3::uuid) and (type, id) < (wanted.name, $4::uuid)
           and id >= $3 and id < $4
         order by type desc, id desc limit $5"
    )
}

/// A page of events, newest first, of one type or of all that `types` names.
///
/// For each type its newest are read, and the newest of those are the page. So a list costs the same however many events
/// are stored. Of events that have to be with or without a delivery only so many are looked at: the page may end early.
pub async fn list(
    client: &Client,
    workspace: WorkspaceId,
    types: &[String],
    filter: &Filter,
    page: &Page,
) -> Result<Listing<(Uuid, ShownEvent)>, DbError> {
    let after = page.after.as_deref().and_then(EventId::parse);
    let until = filter.until.map_or(Uuid::max(), |until| uuid_floor(until.0));
    let high = after.map_or(until, |after| until.min(after.uuid()));
    let low = filter.since.map_or(Uuid::nil(), |since| uuid_floor(since.0));
    let count = page.fetch_count();
    let examined = filter.is_matched.map_or(count, |_| EXAMINED);
    let condition = match filter.is_matched {
        None => "true".to_owned(),
        Some(true) => HAS_DELIVERY.to_owned(),
        Some(false) => format!("not {HAS_DELIVERY}"),
    };
    // The newest of the oldest entries that were looked at, of the types that have more.
    let oldest = match filter.is_matched {
        None => "null::uuid".to_owned(),
        Some(_) => format!(
            "(select old.id from unnest($2::text[]) as wanted(name)
              cross join lateral ({} offset {}) old order by old.id desc limit 1)",
            entries("id"),
            EXAMINED - 1
        ),
    };
    let statement = format!(
        "with found as materialized (
             select {COLUMNS} from unnest($2::text[]) as wanted(name)
             cross join lateral (
                 select * from ({}) e where {condition} order by type desc, id desc limit $6
             ) newest
             order by id desc limit $6
         ), examined as (select case when (select count(*) from found) < $6 then {oldest} end as oldest)
         select {COLUMNS}, oldest from examined left join found on true order by id desc",
        entries(COLUMNS)
    );
    let rows = client
        .query(&statement, &[&workspace, &types, &low, &high, &examined, &count])
        .await?;
    let oldest: Option<Uuid> = rows.first().and_then(|row| row.get(6));
    // Where nothing was found there is a row of nulls, for the sake of the oldest.
    let is_found = |row: &&Row| row.get::<_, Option<Uuid>>(0).is_some();
    let mut found: Vec<(Uuid, ShownEvent)> = rows.iter().filter(is_found).map(shown).collect();
    Ok(match oldest {
        Some(oldest) => {
            found.retain(|(id, _)| *id >= oldest);
            page.listing_until(found, position, &EventId::from_uuid(oldest).to_string())
        }
        None => page.listing(found, position),
    })
}

fn position((id, _): &(Uuid, ShownEvent)) -> String {
    EventId::from_uuid(*id).to_string()
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
        unmatched: None,
    };
    (id, event)
}
