//! The SQL of the schedule.
//!
//! Every `due_at` is by the database's clock and compared with it alone; instances count from the moment of its answer.
//! So it does no harm if their clocks disagree with it, or step.

use uuid::Uuid;

use super::record_store::FAILED;
use crate::base::id::{DeliveryId, WebhookId};
use crate::db::{Db, DbError, Transaction};

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
