//! The SQL of recoveries: all failed deliveries of a destination go into the schedule again, however many there are.
//!
//! It goes in chunk by chunk, in the order of the log, so that no statement is larger than its chunk; and in one
//! transaction with the audit entry and the reply, so that a recovery that breaks off has done nothing, and one that is
//! repeated under its key does nothing again. Whatever else is done to the destination goes on meanwhile, but for deleting
//! it and another recovery.

use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::id::DestinationId;
use crate::db::DbError;

/// Failed deliveries that one statement looks at.
const CHUNK: i64 = 5_000;

/// Schedules again everything that failed for a destination from `since` until before `until`, except what was redelivered
/// since; the number of new deliveries.
pub async fn recover(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    destination: DestinationId,
    since: Uuid,
    until: Uuid,
) -> Result<u64, DbError> {
    // New ids are made in the database: the time of now, and random bits as gen_random_uuid gives them.
    let statement = transaction
        .prepare(
            "with failed as materialized (
                 select d.id, d.event_id, d.type, d.test_body from deliveries d
                 where d.webhook_id = $2 and d.workspace_id = $1 and d.status = 2
                   and d.id > $3 and d.id < $4
                 order by d.id limit $5
             ), made as materialized (
                 select id as old_id, event_id, type, test_body,
                        (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
                         || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14, 19))::uuid as id
                 from failed
                 where not exists (
                     select from deliveries a where a.event_id = failed.event_id
                       and a.redelivery_of = failed.id)
             ), logged as (
                 insert into deliveries (id, workspace_id, webhook_id, event_id, type, status,
                                         attempt_count, redelivery_of, test_body, attempts)
                 select id, $1, $2, event_id, type, 0, 0, old_id, test_body, '' from made
             ), scheduled as (
                 insert into scheduled_deliveries (delivery_id, workspace_id, webhook_id, event_id, type,
                                                   attempt_count)
                 select id, $1, $2, event_id, type, 0 from made
             )
             select (select count(*) from made), (select id from failed order by id desc limit 1),
                    (select count(*) from failed)",
        )
        .await?;
    // From the first id of that moment on, which may itself be taken.
    let mut after = Uuid::from_u128(since.as_u128().saturating_sub(1));
    let mut count = 0_u64;
    loop {
        let row = transaction
            .query_one(&statement, &[&workspace, &destination, &after, &until, &CHUNK])
            .await?;
        count += u64::try_from(row.get::<_, i64>(0)).unwrap_or_default();
        let last: Option<Uuid> = row.get(1);
        match last {
            Some(last) if row.get::<_, i64>(2) == CHUNK => after = last,
            _ => return Ok(count),
        }
    }
}
