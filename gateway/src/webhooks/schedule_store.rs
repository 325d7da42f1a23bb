//! The SQL of the schedule.
//!
//! Every `due_at` is by the database's clock and compared with it alone; instances count from the moment of its answer.
//! So it does no harm if their clocks disagree with it, or step.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Row;
use uuid::Uuid;

use super::job::{Payload, body};
use super::record_store::FAILED;
use crate::base::clock::Millis;
use crate::base::id::{DeliveryId, EventId, WebhookId, uuid_millis};
use crate::db::{Db, DbError, Transaction};

/// A scheduled delivery that this instance holds.
pub struct Leased {
    pub delivery: DeliveryId,
    pub webhook: WebhookId,
    pub attempt_count: u16,
    pub fence: i32,
    /// When it is or was due; absent if it waited for its endpoint.
    pub due: Option<Instant>,
    pub leased_at: Instant,
    /// Absent if the event is no longer kept.
    pub payload: Option<Payload>,
}

/// Moves the lease's end into `due_at` and counts the fence up; the rest is what an attempt needs.
///
/// The array has the rows found by their key: the join alone would have the planner read a schedule of 100,000 from end to
/// end to find a thousand.
pub(super) const LEASE_PICKED: &str = "
    update scheduled_deliveries s
    set due_at = now() + make_interval(secs => $2), owner = $1, fence = s.fence + 1
    from picked
    left join events e on e.id = picked.event_id
    left join deliveries d on d.id = picked.delivery_id
    where s.delivery_id = picked.delivery_id and s.delivery_id = any(array(select delivery_id from picked))
    returning s.delivery_id, s.webhook_id, s.attempt_count, s.fence,
              extract(epoch from picked.due_at - now())::float8,
              s.workspace_id, s.event_id, s.type, e.client_id, e.occurred_at, e.data, d.test_body, s.order_key";

/// Leases up to `count` deliveries that are due within `ahead`, the longest due first.
pub async fn lease_due(
    db: &Db,
    owner: i32,
    ahead: Duration,
    lease: Duration,
    count: i64,
) -> Result<Vec<Leased>, DbError> {
    let client = db.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "with picked as materialized (
                 select delivery_id, event_id, due_at from scheduled_deliveries
                 where due_at <= now() + make_interval(secs => $3) order by due_at limit $4 for update skip locked
             ) {LEASE_PICKED}"
        ))
        .await?;
    let leased_at = Instant::now();
    let (lease, ahead) = (lease.as_secs_f64(), ahead.as_secs_f64());
    let rows = client
        .query(&statement, &[&owner, &lease, &ahead, &count])
        .await?;
    Ok(rows.iter().map(|row| leased(row, leased_at)).collect())
}

/// Leases up to `count` deliveries that wait for an endpoint, oldest first.
pub async fn lease_waiting(
    db: &Db,
    owner: i32,
    webhook: WebhookId,
    lease: Duration,
    count: i64,
) -> Result<Vec<Leased>, DbError> {
    let client = db.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "with picked as materialized (
                 select delivery_id, event_id, due_at from scheduled_deliveries
                 where webhook_id = $3 and due_at is null and order_key is null
                 order by delivery_id limit $4 for update skip locked
             ) {LEASE_PICKED}"
        ))
        .await?;
    let leased_at = Instant::now();
    let lease = lease.as_secs_f64();
    let rows = client
        .query(&statement, &[&owner, &lease, &webhook, &count])
        .await?;
    Ok(rows.iter().map(|row| leased(row, leased_at)).collect())
}

/// The endpoints for which something waits: one step in the index for each, however much it is.
pub async fn endpoints_with_waiting(db: &Db) -> Result<Vec<WebhookId>, DbError> {
    let client = db.client().await?;
    let statement = client
        .prepare_cached(
            "with recursive found as (
                 (select webhook_id from scheduled_deliveries where due_at is null and order_key is null
                  order by webhook_id limit 1)
                 union all
                 select (select s.webhook_id from scheduled_deliveries s
                         where s.due_at is null and s.order_key is null and s.webhook_id > found.webhook_id
                         order by s.webhook_id limit 1)
                 from found where found.webhook_id is not null
             ) select webhook_id from found where webhook_id is not null",
        )
        .await?;
    let rows = client.query(&statement, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Gives leases back at the time for which they were due.
pub async fn give_back(db: &Db, held: &[(DeliveryId, i32, Instant)]) -> Result<(), DbError> {
    if held.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = held.iter().map(|(id, _, _)| id.uuid()).collect();
    let fences: Vec<i32> = held.iter().map(|(_, fence, _)| *fence).collect();
    let now = Instant::now();
    let waits: Vec<f64> = held
        .iter()
        .map(|(_, _, due)| due.saturating_duration_since(now).as_secs_f64())
        .collect();
    db.client()
        .await?
        .execute(
            "update scheduled_deliveries s set due_at = now() + make_interval(secs => t.wait), owner = null
             from unnest($1::uuid[], $2::int4[], $3::float8[]) as t(id, fence, wait)
             where s.delivery_id = t.id and s.fence = t.fence",
            &[&ids, &fences, &waits],
        )
        .await?;
    Ok(())
}

/// Gives everything that `owner` holds back to whoever comes: it is due at once.
pub async fn hand_back(db: &Db, owner: i32) -> Result<(), DbError> {
    let statement =
        "update scheduled_deliveries set due_at = now(), owner = null, fence = fence + 1 where owner = $1";
    db.client().await?.execute(statement, &[&owner]).await?;
    Ok(())
}

/// Ends a delivery that cannot be attempted any more.
pub async fn give_up(db: &Db, delivery: DeliveryId) -> Result<(), DbError> {
    db.client()
        .await?
        .execute(
            "with gone as (delete from scheduled_deliveries where delivery_id = $1)
             update deliveries set status = $2 where id = $1",
            &[&delivery, &FAILED],
        )
        .await?;
    Ok(())
}

/// Ends what is still scheduled for an endpoint that was deleted: an outcome that was on its way then came after.
pub async fn give_up_deleted(db: &Db, webhook: WebhookId) -> Result<(), DbError> {
    db.client()
        .await?
        .execute(
            "with gone as (
                 delete from scheduled_deliveries
                 where webhook_id = $1 and not exists (select from webhooks where id = $1)
                 returning delivery_id)
             update deliveries d set status = $2 from gone where d.id = gone.delivery_id",
            &[&webhook, &FAILED],
        )
        .await?;
    Ok(())
}

/// Schedules a delivery for now.
pub async fn insert(
    transaction: &Transaction<'_>,
    delivery: DeliveryId,
    webhook: WebhookId,
    workspace: crate::base::caller::WorkspaceId,
    event: Uuid,
    label: &str,
) -> Result<(), DbError> {
    transaction
        .execute(
            "insert into scheduled_deliveries
                 (delivery_id, workspace_id, webhook_id, event_id, type, attempt_count, due_at)
             values ($1, $2, $3, $4, $5, 0, now())",
            &[&delivery, &workspace, &webhook, &event, &label],
        )
        .await?;
    Ok(())
}

pub(super) fn leased(row: &Row, leased_at: Instant) -> Leased {
    let count: i16 = row.get(2);
    let due_in: Option<f64> = row.get(4);
    // From the answer on, so that a slow one makes nothing early.
    let now = Instant::now();
    let due = due_in.map(|seconds| {
        let distance = Duration::try_from_secs_f64(seconds.abs()).unwrap_or_default();
        let moment = match seconds < 0.0 {
            true => now.checked_sub(distance),
            false => now.checked_add(distance),
        };
        moment.unwrap_or(now)
    });
    Leased {
        delivery: row.get(0),
        webhook: row.get(1),
        attempt_count: u16::try_from(count).unwrap_or_default(),
        fence: row.get(3),
        due,
        leased_at,
        payload: payload(row),
    }
}

fn payload(row: &Row) -> Option<Payload> {
    let event: Uuid = row.get(6);
    let label: &str = row.get(7);
    let client_id: Option<String> = row.get(8);
    let event_id = client_id.unwrap_or_else(|| EventId::from_uuid(event).to_string());
    let test_body: Option<&str> = row.get(11);
    let body = match test_body {
        Some(text) => bytes::Bytes::copy_from_slice(text.as_bytes()),
        None => {
            let data: Option<&str> = row.get(10);
            let occurred_at: Option<Millis> = row.get(9);
            let timestamp = occurred_at.unwrap_or(Millis(uuid_millis(event)));
            body(&event_id, label, timestamp, data?.as_bytes())
        }
    };
    Some(Payload {
        event,
        event_id,
        workspace: row.get(5),
        label: label.into(),
        ordering_key: row.get::<_, Option<&str>>(12).map(Box::from),
        body,
    })
}
