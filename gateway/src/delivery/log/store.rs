//! The SQL of the delivery log.

use std::collections::HashMap;

use serde_json::value::RawValue;
use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use super::model::{Delivery, DeliveryDetail, ErrorCode, EventDelivery, Status, shown_ids};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{DeliveryId, DestinationId, EventId, uuid_millis};
use crate::db::{Db, DbError};
use crate::delivery::engine::job::body;
use crate::delivery::id::delivery_range;
use crate::delivery::schedule::store::{JOIN_SCHEDULED, NEXT_ATTEMPT_AT};

const COLUMNS: &str = "d.id, d.event_id, e.client_id, d.webhook_id, d.type, d.status, d.redelivery_of,
    d.attempt_count, d.test_body is not null, d.last_status_code, d.last_error, d.revision, d.result";

/// One delivery with its body and attempts.
pub async fn find(
    client: &Client,
    workspace: WorkspaceId,
    id: DeliveryId,
) -> Result<Option<DeliveryDetail>, DbError> {
    let statement = format!(
        "select {COLUMNS}, {NEXT_ATTEMPT_AT}, d.attempts, d.test_body, e.occurred_at, e.data
         from deliveries d left join events e on e.id = d.event_id {JOIN_SCHEDULED}
         where d.workspace_id = $1 and d.id = $2"
    );
    let row = client.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.as_ref().map(detail))
}

/// What a redelivery repeats: destination, event, type, and the body of a test.
pub struct Repeated {
    pub destination: DestinationId,
    pub event: Uuid,
    pub label: String,
    pub test_body: Option<String>,
    /// Of its destination, where that has revisions.
    pub revision: Option<i32>,
}

/// The deliveries that repeat `id`, oldest first, at most `most`.
pub async fn copies(
    client: &Client,
    workspace: WorkspaceId,
    id: DeliveryId,
    most: i64,
) -> Result<Vec<DeliveryId>, DbError> {
    let statement = "
        select copy.id from deliveries d cross join lateral (
            select c.id from deliveries c
            where c.event_id = d.event_id and c.redelivery_of = d.id and c.id > $2 order by c.id limit $3
        ) copy
        where d.workspace_id = $1 and d.id = $2";
    let rows = client.query(statement, &[&workspace, &id, &most]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// How many deliveries to a destination repeat others, have ids from `low` on and before `high`, and are in each state of
/// [`Status::ALL`]; each counted up to `most`.
pub async fn count_copies(
    client: &Client,
    workspace: WorkspaceId,
    destination: DestinationId,
    (low, high): (Uuid, Uuid),
    most: i64,
) -> Result<[i64; 3], DbError> {
    let of = |status: Status| {
        format!(
            "(select count(*) from (
                 select from deliveries where webhook_id = $2 and status = {} and id >= $3 and id < $4
                     and redelivery_of is not null and workspace_id = $1 limit $5) counted)",
            status.number()
        )
    };
    let statement = format!("select {}", Status::ALL.map(of).join(", "));
    let row = client
        .query_one(&statement, &[&workspace, &destination, &low, &high, &most])
        .await?;
    Ok([row.get(0), row.get(1), row.get(2)])
}

/// What redelivering `id` would send, and where to.
pub async fn find_repeated(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: DeliveryId,
) -> Result<Option<Repeated>, DbError> {
    let row = transaction
        .query_opt(
            "select webhook_id, event_id, type, test_body, revision from deliveries
             where workspace_id = $1 and id = $2",
            &[&workspace, &id],
        )
        .await?;
    Ok(row.map(|row| Repeated {
        destination: row.get(0),
        event: row.get(1),
        label: row.get(2),
        test_body: row.get(3),
        revision: row.get(4),
    }))
}

/// Writes a delivery that is yet to be attempted.
pub async fn insert_pending(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: DeliveryId,
    repeated: &Repeated,
    redelivery_of: Option<DeliveryId>,
) -> Result<(), DbError> {
    transaction
        .execute(
            "insert into deliveries (id, workspace_id, webhook_id, event_id, type, status, attempt_count,
                 redelivery_of, test_body, attempts, revision)
             values ($1, $2, $3, $4, $5, 0, 0, $6, $7, '', $8)",
            &[
                &id,
                &workspace,
                &repeated.destination,
                &repeated.event,
                &repeated.label,
                &redelivery_of,
                &repeated.test_body,
                &repeated.revision,
            ],
        )
        .await?;
    Ok(())
}

/// Ends what is pending for a destination, which is being deleted.
pub async fn fail_pending(transaction: &Transaction<'_>, destination: DestinationId) -> Result<(), DbError> {
    let (failed, pending) = (Status::Failed.number(), Status::Pending.number());
    let statement = "update deliveries set status = $2 where webhook_id = $1 and status = $3";
    transaction
        .execute(statement, &[&destination, &failed, &pending])
        .await?;
    Ok(())
}

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
            "select d.event_id, d.id, d.webhook_id, d.status, d.attempt_count, d.revision
             from unnest($2::uuid[], $3::uuid[], $4::uuid[]) as wanted(event_id, low, high)
             cross join lateral (
                 select d.event_id, d.id, d.webhook_id, d.status, d.attempt_count, d.revision
                 from deliveries d
                 where d.id between wanted.low and wanted.high and d.event_id = wanted.event_id
                   and d.redelivery_of is null and d.workspace_id = $1
                 offset 0
             ) d
             union all
             select d.event_id, d.id, d.webhook_id, d.status, d.attempt_count, d.revision
             from deliveries d
             where d.event_id = any($2) and d.redelivery_of is not null and d.workspace_id = $1",
            &[&workspace, &events, &from, &to],
        )
        .await?;
    let mut found: HashMap<Uuid, Vec<EventDelivery>> = HashMap::new();
    for row in &rows {
        let (webhook_id, rule_id) = shown_ids(row.get(2), row.get(5));
        found.entry(row.get(0)).or_default().push(EventDelivery {
            id: row.get(1),
            webhook_id,
            rule_id,
            status: Status::of(row.get(3)),
            attempt_count: u16::try_from(row.get::<_, i16>(4)).unwrap_or_default(),
        });
    }
    for deliveries in found.values_mut() {
        deliveries.sort_by_key(|delivery| delivery.id);
    }
    Ok(found)
}

/// Those of `ids` that are in the log.
pub async fn existing(db: &Db, ids: &[Uuid]) -> Result<Vec<Uuid>, DbError> {
    let client = db.client().await?;
    let rows = client
        .query("select id from deliveries where id = any($1)", &[&ids])
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// A delivery of [`COLUMNS`] and the time of its next attempt.
pub(super) fn delivery(row: &Row) -> Delivery {
    let id: DeliveryId = row.get(0);
    let event: Uuid = row.get(1);
    let client_id: Option<String> = row.get(2);
    let revision: Option<i32> = row.get(11);
    let (webhook_id, rule_id) = shown_ids(row.get(3), revision);
    let result: Option<String> = row.get(12);
    Delivery {
        id,
        event_id: client_id.unwrap_or_else(|| EventId::from_uuid(event).to_string()),
        webhook_id,
        rule_id,
        rule_revision: revision,
        r#type: row.get(4),
        status: Status::of(row.get(5)),
        created_at: Millis(uuid_millis(id.uuid())),
        next_attempt_at: row.get(13),
        redelivery_of: row.get(6),
        attempt_count: count(row, 7),
        last_status_code: row
            .get::<_, Option<i16>>(9)
            .and_then(|code| u16::try_from(code).ok()),
        last_error_code: row.get::<_, Option<i16>>(10).and_then(ErrorCode::of),
        result: result.and_then(|text| RawValue::from_string(text).ok()),
        test: row.get(8),
    }
}

fn detail(row: &Row) -> DeliveryDetail {
    let delivery = delivery(row);
    let attempts: &str = row.get(14);
    let attempts = format!("[{}]", attempts.replace('\n', ","));
    let event: Uuid = row.get(1);
    let occurred_at: Option<Millis> = row.get(16);
    let timestamp = occurred_at.unwrap_or(Millis(uuid_millis(event)));
    let data: Option<&str> = row.get(17);
    let sent = |data: &str| {
        let bytes = body(&delivery.event_id, &delivery.r#type, timestamp, data.as_bytes());
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let test_body: Option<String> = row.get(15);
    // A destination with revisions has its requests made anew: each attempt tells its own.
    let request_body = match delivery.rule_revision {
        None => test_body.or_else(|| data.map(sent)),
        Some(_) => None,
    };
    DeliveryDetail {
        delivery,
        request_body,
        // Each line was written as a JSON object without line breaks.
        attempts: RawValue::from_string(attempts).unwrap_or_else(|_| RawValue::NULL.to_owned()),
    }
}

fn count(row: &Row, column: usize) -> u16 {
    u16::try_from(row.get::<_, i16>(column)).unwrap_or_default()
}
