//! The SQL of the delivery log, for readers.

use serde_json::value::RawValue;
use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use super::job::body;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{DeliveryId, EventId, WebhookId, uuid_millis};
use crate::base::page::Page;
use crate::db::{Db, DbError};
use crate::deliveries::{Delivery, DeliveryDetail, Status};

const COLUMNS: &str = "d.id, d.event_id, e.client_id, d.webhook_id, d.type, d.status, d.redelivery_of,
    d.attempt_count, d.test_body is not null,
    case when s.owner is null then s.due_at end";
const FROM: &str = "from deliveries d
    left join events e on e.id = d.event_id
    left join scheduled_deliveries s on s.delivery_id = d.id";

/// A page of an endpoint's deliveries, newest first.
pub async fn list(
    client: &Client,
    workspace: WorkspaceId,
    webhook: WebhookId,
    statuses: &[Status],
    page: &Page,
) -> Result<Vec<Delivery>, DbError> {
    let after = page.after.as_deref().and_then(DeliveryId::parse);
    let count = page.fetch_count();
    let numbers: Vec<i16> = statuses.iter().map(|status| status.number()).collect();
    // A status stands in the text of the query, so that its partial index can serve it.
    let filter = match statuses {
        [] => String::new(),
        [only] => format!("and d.status = {}", only.number()),
        _ => {
            let numbers: Vec<String> = numbers.iter().map(i16::to_string).collect();
            format!("and d.status in ({})", numbers.join(", "))
        }
    };
    let statement = format!(
        "select {COLUMNS} from (
             select * from deliveries d
             where d.webhook_id = $2 and d.workspace_id = $1 and ($3::uuid is null or d.id < $3) {filter}
             order by d.id desc limit $4
         ) d
         left join events e on e.id = d.event_id
         left join scheduled_deliveries s on s.delivery_id = d.id
         order by d.id desc"
    );
    let rows = client
        .query(&statement, &[&workspace, &webhook, &after, &count])
        .await?;
    Ok(rows.iter().map(delivery).collect())
}

/// One delivery with its body and attempts.
pub async fn find(
    client: &Client,
    workspace: WorkspaceId,
    id: DeliveryId,
) -> Result<Option<DeliveryDetail>, DbError> {
    let statement = format!(
        "select {COLUMNS}, d.attempts, d.test_body, e.occurred_at, e.data
         {FROM} where d.workspace_id = $1 and d.id = $2"
    );
    let row = client.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.as_ref().map(detail))
}

/// What a redelivery repeats: endpoint, event, type, and the body of a test.
pub struct Repeated {
    pub webhook: WebhookId,
    pub event: Uuid,
    pub label: String,
    pub test_body: Option<String>,
}

/// What redelivering `id` would send, and where to.
pub async fn find_repeated(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: DeliveryId,
) -> Result<Option<Repeated>, DbError> {
    let row = transaction
        .query_opt(
            "select webhook_id, event_id, type, test_body from deliveries
             where workspace_id = $1 and id = $2",
            &[&workspace, &id],
        )
        .await?;
    Ok(row.map(|row| Repeated {
        webhook: row.get(0),
        event: row.get(1),
        label: row.get(2),
        test_body: row.get(3),
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
                 redelivery_of, test_body, attempts)
             values ($1, $2, $3, $4, $5, 0, 0, $6, $7, '')",
            &[
                &id,
                &workspace,
                &repeated.webhook,
                &repeated.event,
                &repeated.label,
                &redelivery_of,
                &repeated.test_body,
            ],
        )
        .await?;
    Ok(())
}

/// Those of `ids` that are in the log.
pub async fn existing(db: &Db, ids: &[Uuid]) -> Result<Vec<Uuid>, DbError> {
    let client = db.client().await?;
    let rows = client
        .query("select id from deliveries where id = any($1)", &[&ids])
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn delivery(row: &Row) -> Delivery {
    let id: DeliveryId = row.get(0);
    let event: Uuid = row.get(1);
    let client_id: Option<String> = row.get(2);
    Delivery {
        id,
        event_id: client_id.unwrap_or_else(|| EventId::from_uuid(event).to_string()),
        webhook_id: row.get(3),
        r#type: row.get(4),
        status: Status::of(row.get(5)),
        created_at: Millis(uuid_millis(id.uuid())),
        next_attempt_at: row.get(9),
        redelivery_of: row.get(6),
        attempt_count: count(row, 7),
        test: row.get(8),
    }
}

fn detail(row: &Row) -> DeliveryDetail {
    let delivery = delivery(row);
    let attempts: &str = row.get(10);
    let attempts = format!("[{}]", attempts.replace('\n', ","));
    let event: Uuid = row.get(1);
    let occurred_at: Option<Millis> = row.get(12);
    let timestamp = occurred_at.unwrap_or(Millis(uuid_millis(event)));
    let data: Option<&str> = row.get(13);
    let sent = |data: &str| {
        let bytes = body(&delivery.event_id, &delivery.r#type, timestamp, data.as_bytes());
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let test_body: Option<String> = row.get(11);
    let request_body = test_body.or_else(|| data.map(sent));
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
