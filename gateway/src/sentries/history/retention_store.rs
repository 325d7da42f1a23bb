//! Removes entries of the history beyond `sentries.history_days`, and those of deleted sentries: a bounded number at a time.

use tokio_postgres::{Client, Transaction};

use crate::db::{DbError, purge_slowly};
use crate::sentries::model::Sentry;

/// What goes with the sentry itself; the rest goes later.
const AT_ONCE: i64 = 5_000;
/// Rows that go in one statement.
const AT_A_TIME: i64 = 10_000;

/// Removes the history of a sentry that is being deleted, or a part of it with a note of the rest.
pub async fn forget(transaction: &Transaction<'_>, sentry: &Sentry) -> Result<(), DbError> {
    let statement = "delete from sentry_history where sentry_id = $1 and at in (
                         select at from sentry_history where sentry_id = $1 order by at desc limit $2)";
    let count = transaction.execute(statement, &[&sentry.id, &AT_ONCE]).await?;
    if i64::try_from(count).is_ok_and(|count| count == AT_ONCE) {
        let statement = "insert into deleted_sentries (id) values ($1)";
        transaction.execute(statement, &[&sentry.id]).await?;
    }
    Ok(())
}

/// Removes entries that are older than so many days, and what is left of sentries that were deleted.
pub async fn purge(client: &Client, history_days: u32) -> Result<(), DbError> {
    // `between(1, 3650)`, as the configuration reads it.
    let days = i32::try_from(history_days).unwrap_or(i32::MAX);
    // Each sentry's oldest entries stand first in the primary key, so one look there tells that nothing is due.
    let statement = "delete from sentry_history where ctid = any(array(
                         select old.ctid from sentries s cross join lateral (
                             select ctid from sentry_history
                             where sentry_id = s.id and at < now() - make_interval(days => $1) order by at limit $2
                         ) as old limit $2))";
    purge_slowly(client, statement, &[&days, &AT_A_TIME]).await?;
    let rows = client.query("select id from deleted_sentries", &[]).await?;
    for row in rows {
        let id: uuid::Uuid = row.get(0);
        let statement = "delete from sentry_history where sentry_id = $1 and at in (
                             select at from sentry_history where sentry_id = $1 order by at limit $2)";
        purge_slowly(client, statement, &[&id, &AT_A_TIME]).await?;
        client
            .execute("delete from deleted_sentries where id = $1", &[&id])
            .await?;
    }
    Ok(())
}
