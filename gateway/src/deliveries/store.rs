//! The SQL by which an event finds its deliveries.

use std::collections::HashMap;

use tokio_postgres::Client;
use uuid::Uuid;

use super::id::delivery_range;
use super::model::{EventDelivery, Status};
use crate::base::caller::WorkspaceId;
use crate::db::DbError;

/// The deliveries of each of these events.
pub async fn of_events(
    client: &Client,
    workspace: WorkspaceId,
    events: &[Uuid],
) -> Result<HashMap<Uuid, Vec<EventDelivery>>, DbError> {
    let (from, to): (Vec<Uuid>, Vec<Uuid>) = events.iter().map(|event| delivery_range(*event)).unzip();
    // First deliveries stand in their event's range of ids; later ones have an index of their own. `offset 0` keeps the
    // planner from making one join of the ranges: that would be a hash join by `event_id`, which reads the whole log.
    let rows = client
        .query(
            "select d.event_id, d.id, d.webhook_id, d.status, d.attempt_count
             from unnest($2::uuid[], $3::uuid[], $4::uuid[]) as wanted(event_id, low, high)
             cross join lateral (
                 select d.event_id, d.id, d.webhook_id, d.status, d.attempt_count
                 from deliveries d
                 where d.id between wanted.low and wanted.high and d.event_id = wanted.event_id
                   and d.redelivery_of is null and d.workspace_id = $1
                 offset 0
             ) d
             union all
             select d.event_id, d.id, d.webhook_id, d.status, d.attempt_count
             from deliveries d
             where d.event_id = any($2) and d.redelivery_of is not null and d.workspace_id = $1",
            &[&workspace, &events, &from, &to],
        )
        .await?;
    let mut found: HashMap<Uuid, Vec<EventDelivery>> = HashMap::new();
    for row in &rows {
        found.entry(row.get(0)).or_default().push(EventDelivery {
            id: row.get(1),
            webhook_id: row.get(2),
            status: Status::of(row.get(3)),
            attempt_count: u16::try_from(row.get::<_, i16>(4)).unwrap_or_default(),
        });
    }
    for deliveries in found.values_mut() {
        deliveries.sort_by_key(|delivery| delivery.id);
    }
    Ok(found)
}
