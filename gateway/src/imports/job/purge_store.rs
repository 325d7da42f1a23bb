//! Removes an import's undo logs and failed rows `imports.retention_days` after its end; from then on it cannot be
//! undone. The job itself stays, unless `imports.jobs_retention_months` is set.
//!
//! The rows go a few thousand at a time, under the lock that an undo holds, so neither sees half of the other's work.
//! A purge that broke off is found and continued by the next.

use tokio_postgres::Client;

use crate::db::{DbError, purge_slowly};
use crate::imports::store::{try_lock, unlock};

/// Jobs that are looked at in one go.
const MAX_JOBS: i64 = 100;
/// An undo log may have some ten kilobytes.
const CHUNK_ROWS: i64 = 500;
const FAILURE_ROWS: i64 = 5_000;

/// Purges jobs that ended longer ago than that.
pub async fn purge(client: &Client, retention_days: u32) -> Result<(), DbError> {
    let statement = "select number from imports
                     where purged_at is null and finished_at < now() - make_interval(days => $1)
                     order by finished_at limit $2";
    // `between(1, 3650)`, as the configuration reads it.
    let days = i32::try_from(retention_days).unwrap_or(i32::MAX);
    for row in client.query(statement, &[&days, &MAX_JOBS]).await? {
        let number: i32 = row.get(0);
        if !try_lock(client, number).await? {
            continue;
        }
        let purged = purge_job(client, number).await;
        unlock(client, number).await?;
        purged?;
    }
    Ok(())
}

/// Deletes jobs that ended more than so many whole months ago and have no traces left; 0 keeps all.
pub async fn purge_jobs(client: &Client, retention_months: u32) -> Result<(), DbError> {
    if retention_months == 0 {
        return Ok(());
    }
    // `between(0, 1200)`, as the configuration reads it.
    let months = i32::try_from(retention_months).unwrap_or(i32::MAX);
    let statement = "delete from imports where number = any(array(
                         select number from imports
                         where purged_at is not null and finished_at <
                             (date_trunc('month', now() at time zone 'utc') - make_interval(months => $1))
                                 at time zone 'utc'
                         limit 500))";
    purge_slowly(client, statement, &[&months]).await
}

async fn purge_job(client: &Client, number: i32) -> Result<(), DbError> {
    let statement = "update imports set traces_kept = false where number = $1";
    client.execute(statement, &[&number]).await?;
    let chunks = "delete from import_chunks where import_no = $1 and chunk in (
                      select chunk from import_chunks where import_no = $1 order by chunk limit $2)";
    delete_all(client, chunks, number, CHUNK_ROWS).await?;
    let failures = "delete from import_failures where import_no = $1 and row_number in (
                        select row_number from import_failures where import_no = $1 order by row_number limit $2)";
    delete_all(client, failures, number, FAILURE_ROWS).await?;
    let causes = "delete from import_faults where import_no = $1 and part in (
                      select part from import_faults where import_no = $1 order by part limit $2)";
    delete_all(client, causes, number, FAILURE_ROWS).await?;
    let statement = "update imports set purged_at = now() where number = $1";
    client.execute(statement, &[&number]).await?;
    Ok(())
}

async fn delete_all(client: &Client, statement: &str, number: i32, row_count: i64) -> Result<(), DbError> {
    let statement = client.prepare(statement).await?;
    while client.execute(&statement, &[&number, &row_count]).await? > 0 {}
    Ok(())
}
