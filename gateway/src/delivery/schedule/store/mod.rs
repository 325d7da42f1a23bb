//! All SQL of `scheduled_deliveries`. A row is in one of these states:
//!
//! | state | `due_at` | `order_key` | `owner` | which instance may take it |
//! | --- | --- | --- | --- | --- |
//! | due | a time | any | null | the first to look after that time |
//! | waiting | null | null | null | any with room in the destination's lane |
//! | in line | null | its key | null | the same, once it is the first of its key and none of the key is due or leased |
//! | leased | the lease's end | any | the instance | only its owner; after the lease's end it is due |
//!
//! `fence` goes up with every lease and every retry. An outcome carries the fence of its lease; if the row has another by
//! then, nothing changes. The row of an ended delivery is deleted.
//!
//! Every `due_at` is set by the database's clock and compared only with it; instances measure from its answer. So their own
//! clocks may differ from it, or step.

pub mod leases;
pub mod outcomes;
pub mod recover;
pub mod turns;

use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::id::{DeliveryId, DestinationId};
use crate::bus::Answer;
use crate::db::{Db, DbError, Dedicated};
use crate::delivery::log::Status;

/// The column of the schedule that the log shows beside a delivery `d`: when its next attempt comes, if none is under way.
pub const NEXT_ATTEMPT_AT: &str = "case when s.owner is null then s.due_at end";
/// How many deliveries are scheduled for the destination `$2`, up to `$3`.
pub const COUNT_SCHEDULED: &str =
    "select count(*) from (select from scheduled_deliveries where webhook_id = $2 limit $3) counted";
/// The join that [`NEXT_ATTEMPT_AT`] needs.
pub const JOIN_SCHEDULED: &str = "left join scheduled_deliveries s on s.delivery_id = d.id";

/// The two ways to wait for a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Until it has room.
    Waiting,
    /// In line with others of the same key.
    Ordered,
}

/// The destinations for which something waits: one step in the index for each, however much it is.
pub async fn destinations_with(db: &Db, line: Line) -> Result<Vec<DestinationId>, DbError> {
    let key = match line {
        Line::Waiting => "null",
        Line::Ordered => "not null",
    };
    let client = db.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "with recursive found as (
                 (select webhook_id from scheduled_deliveries where due_at is null and order_key is {key}
                  order by webhook_id limit 1)
                 union all
                 select (select s.webhook_id from scheduled_deliveries s
                         where s.due_at is null and s.order_key is {key} and s.webhook_id > found.webhook_id
                         order by s.webhook_id limit 1)
                 from found where found.webhook_id is not null
             ) select webhook_id from found where webhook_id is not null"
        ))
        .await?;
    let rows = client.query(&statement, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Gives all leases of `owner` back: their deliveries are due at once, for any instance.
pub async fn hand_back(db: &Db, owner: i32) -> Result<(), DbError> {
    let statement =
        "update scheduled_deliveries set due_at = now(), owner = null, fence = fence + 1 where owner = $1";
    db.client().await?.execute(statement, &[&owner]).await?;
    Ok(())
}

/// Has the leases of an instance that died end now, so that any instance takes them; over the session that holds its lock.
pub fn release(session: &Dedicated, owner: i32) -> Answer<'_, Result<(), DbError>> {
    Box::pin(async move {
        let statement = "update scheduled_deliveries set due_at = now() where owner = $1 and due_at > now()";
        session.execute(statement, &[&owner]).await?;
        Ok(())
    })
}

/// Ends a delivery that cannot be attempted any more.
pub async fn give_up(db: &Db, delivery: DeliveryId) -> Result<(), DbError> {
    db.client()
        .await?
        .execute(
            "with gone as (delete from scheduled_deliveries where delivery_id = $1)
             update deliveries set status = $2 where id = $1",
            &[&delivery, &Status::Failed.number()],
        )
        .await?;
    Ok(())
}

/// Ends what is still scheduled for a destination that was deleted: an outcome that was on its way then came after.
pub async fn give_up_deleted(db: &Db, destination: DestinationId) -> Result<(), DbError> {
    db.client()
        .await?
        .execute(
            "with gone as (
                 delete from scheduled_deliveries
                 where webhook_id = $1 and not exists (select from destinations where id = $1)
                 returning delivery_id)
             update deliveries d set status = $2 from gone where d.id = gone.delivery_id",
            &[&destination, &Status::Failed.number()],
        )
        .await?;
    Ok(())
}

/// Schedules a delivery for now.
pub async fn insert(
    transaction: &Transaction<'_>,
    delivery: DeliveryId,
    destination: DestinationId,
    workspace: WorkspaceId,
    event: Uuid,
    label: &str,
) -> Result<(), DbError> {
    transaction
        .execute(
            "insert into scheduled_deliveries
                 (delivery_id, workspace_id, webhook_id, event_id, type, attempt_count, due_at)
             values ($1, $2, $3, $4, $5, 0, now())",
            &[&delivery, &workspace, &destination, &event, &label],
        )
        .await?;
    Ok(())
}

/// Takes everything out that is scheduled for a destination, which is being deleted.
pub async fn delete_of(transaction: &Transaction<'_>, destination: DestinationId) -> Result<(), DbError> {
    let statement = "delete from scheduled_deliveries where webhook_id = $1";
    transaction.execute(statement, &[&destination]).await?;
    Ok(())
}
