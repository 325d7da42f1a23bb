//! The SQL of leases: who may ask for a connection's token, and what came of it.

use tokio_postgres::{Client, Transaction};

use super::fresh::Fresh;
use crate::base::id::ConnectionId;
use crate::connections::store::{COLUMNS, stored};
use crate::connections::stored::StoredConnection;
use crate::db::DbError;

/// How long a lease holds. A token call and the commit of its answer take far less.
const LEASE_SECONDS: f64 = 60.0;
/// A connection whose token was not wanted for so long counts as unused, if no rule and no source has it.
const UNUSED_AFTER_HOURS: f64 = 24.0;

/// A connection that this instance alone may ask a token for.
#[derive(Debug, Clone)]
pub struct Leased {
    pub connection: StoredConnection,
    pub fence: i64,
    /// A token was asked for before, and nobody knows what the vendor answered.
    pub is_in_doubt: bool,
    pub is_unused: bool,
    pub failure_count: i32,
    /// Seconds since the last token came; none came yet if absent.
    pub refreshed_seconds_ago: Option<f64>,
}

/// Takes a lease on the connection that is due for longest, but for those of the connectors in `full`, and writes that its
/// token is about to be asked for.
pub async fn lease(client: &Client, full: &[String]) -> Result<Option<Leased>, DbError> {
    let statement = format!(
        "with due as (
             select id, asked_at, refresh_failures from connections
             where refresh_at <= now() and (leased_until is null or leased_until <= now())
               and connector <> all($1)
             order by refresh_at limit 1 for update skip locked
         )
         update connections c
         set leased_until = now() + make_interval(secs => $2), fence = c.fence + 1, asked_at = now()
         from due where c.id = due.id
         returning {COLUMNS}, c.fence, due.asked_at is not null,
             (c.used_at is null or c.used_at < now() - make_interval(hours => $3::int))
                 and not exists (select from connection_uses u where u.connection_id = c.id),
             c.refresh_failures, extract(epoch from now() - c.refreshed_at)::float8"
    );
    let hours = UNUSED_AFTER_HOURS as i32;
    let row = client
        .query_opt(&statement, &[&full, &LEASE_SECONDS, &hours])
        .await?;
    Ok(row.map(|row| Leased {
        connection: stored(&row),
        fence: row.get(15),
        is_in_doubt: row.get(16),
        is_unused: row.get(17),
        failure_count: row.get(18),
        refreshed_seconds_ago: row.get(19),
    }))
}

/// Gives a lease back without having asked: it is due again after so many seconds, or never by itself.
pub async fn give_back(client: &Client, leased: &Leased, due_after: Option<f64>) -> Result<(), DbError> {
    client
        .execute(
            "update connections set leased_until = null, refresh_at = now() + make_interval(secs => $3),
                 asked_at = case when $4 then asked_at end
             where id = $1 and fence = $2",
            &[
                &leased.connection.id,
                &leased.fence,
                &due_after,
                &leased.is_in_doubt,
            ],
        )
        .await?;
    Ok(())
}

/// Writes tokens that came, if `fence` is still the connection's; whether it was.
pub async fn put_fresh(
    transaction: &Transaction<'_>,
    id: ConnectionId,
    fence: i64,
    fresh: &Fresh<'_>,
) -> Result<bool, DbError> {
    let count = transaction
        .execute(
            "update connections set tokens = $3, scopes = coalesce($4, scopes), account = coalesce($5, account),
                 expires_at = now() + make_interval(secs => $6),
                 grant_expires_at = coalesce(now() + make_interval(secs => $7), grant_expires_at),
                 refresh_at = now() + make_interval(secs => $8), refreshed_at = now(),
                 refresh_failures = 0, leased_until = null, asked_at = null, status = 'ready', status_detail = null
             where id = $1 and fence = $2",
            &[
                &id,
                &fence,
                &fresh.tokens,
                &fresh.scopes,
                &fresh.account,
                &fresh.lifetime_seconds,
                &fresh.grant_lifetime_seconds,
                &fresh.due_after_seconds,
            ],
        )
        .await?;
    Ok(count == 1)
}

/// Writes that the vendor refused, if `fence` is still the connection's; the connection then.
pub async fn put_refused(
    transaction: &Transaction<'_>,
    id: ConnectionId,
    fence: i64,
    detail: &str,
) -> Result<Option<StoredConnection>, DbError> {
    let statement = format!(
        "update connections c set status = 'reconnect', status_detail = $3, refresh_at = null, leased_until = null,
             asked_at = null
         where c.id = $1 and c.fence = $2 returning {COLUMNS}"
    );
    let row = transaction.query_opt(&statement, &[&id, &fence, &detail]).await?;
    Ok(row.as_ref().map(stored))
}

/// Writes that no answer came that counts, if `fence` is still the connection's; whether it was. With `keeps_doubt` the
/// refresh token may be spent. A connection that never had a token stays pending.
pub async fn put_failed(
    transaction: &Transaction<'_>,
    id: ConnectionId,
    fence: i64,
    detail: &str,
    due_after_seconds: f64,
    keeps_doubt: bool,
) -> Result<bool, DbError> {
    let count = transaction
        .execute(
            "update connections set status = case when status in ('pending', 'reconnect') then status else 'failing' end,
                 status_detail = $3, refresh_at = now() + make_interval(secs => $4),
                 refresh_failures = refresh_failures + 1, leased_until = null,
                 asked_at = case when $5 then asked_at end
             where id = $1 and fence = $2",
            &[&id, &fence, &detail, &due_after_seconds, &keeps_doubt],
        )
        .await?;
    Ok(count == 1)
}
