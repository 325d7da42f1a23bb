//! The SQL of authorizations that were begun, and of what they bring.

use tokio_postgres::{Client, Transaction};

use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{ConnectionId, KeyId};
use crate::connections::refresh::fresh::Fresh;
use crate::db::DbError;

/// An authorization is good for so long.
pub const MINUTES: i32 = 10;

/// An authorization that was begun.
#[derive(Debug)]
pub struct Begun {
    pub connection: ConnectionId,
    pub workspace: WorkspaceId,
    /// Sealed.
    pub verifier: Option<Vec<u8>>,
    pub redirect_uri: String,
    pub scopes: Vec<String>,
    pub return_to: Option<String>,
    pub key_id: KeyId,
    pub key_name: String,
}

/// What a page that asks says of an authorization.
#[derive(Debug)]
pub struct Peeked {
    pub connection_name: String,
    pub connector: String,
    pub workspace_name: String,
    pub key_name: String,
    pub browser: Option<Vec<u8>>,
}

/// Writes an authorization under the digest of its state, and forgets those that nobody finished; when it ends.
pub async fn insert(
    transaction: &Transaction<'_>,
    digest: &[u8],
    begun: &Begun,
    browser: Option<&[u8]>,
) -> Result<Millis, DbError> {
    let ended = "delete from connection_grants where expires_at <= now()";
    transaction.execute(ended, &[]).await?;
    let row = transaction
        .query_one(
            "insert into connection_grants (digest, connection_id, workspace_id, verifier, redirect_uri, scopes,
                 return_to, key_id, key_name, browser, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + make_interval(mins => $11))
             returning expires_at",
            &[
                &digest,
                &begun.connection,
                &begun.workspace,
                &begun.verifier,
                &begun.redirect_uri,
                &begun.scopes,
                &begun.return_to,
                &begun.key_id,
                &begun.key_name,
                &browser,
                &MINUTES,
            ],
        )
        .await?;
    Ok(row.get(0))
}

/// An authorization that is still good, which stays.
pub async fn peek(client: &Client, digest: &[u8]) -> Result<Option<Peeked>, DbError> {
    let row = client
        .query_opt(
            "select c.name, c.connector, w.name, g.key_name, g.browser
             from connection_grants g join connections c on c.id = g.connection_id join workspaces w on w.id = g.workspace_id
             where g.digest = $1 and g.expires_at > now()",
            &[&digest],
        )
        .await?;
    Ok(row.map(|row| Peeked {
        connection_name: row.get(0),
        connector: row.get(1),
        workspace_name: row.get(2),
        key_name: row.get(3),
        browser: row.get(4),
    }))
}

/// Takes an authorization: once, over all instances.
pub async fn take(client: &Client, digest: &[u8]) -> Result<Option<Begun>, DbError> {
    let row = client
        .query_opt(
            "delete from connection_grants where digest = $1 and expires_at > now()
             returning connection_id, workspace_id, verifier, redirect_uri, scopes, return_to, key_id, key_name",
            &[&digest],
        )
        .await?;
    Ok(row.map(|row| Begun {
        connection: row.get(0),
        workspace: row.get(1),
        verifier: row.get(2),
        redirect_uri: row.get(3),
        scopes: row.get(4),
        return_to: row.get(5),
        key_id: row.get(6),
        key_name: row.get(7),
    }))
}

/// Writes the tokens of an authorization. An answer that is under way for those of before does not count.
pub async fn put_authorized(
    transaction: &Transaction<'_>,
    begun: &Begun,
    fresh: &Fresh<'_>,
) -> Result<bool, DbError> {
    let count = transaction
        .execute(
            "update connections set tokens = $3, scopes = coalesce($4::text[], $9), account = coalesce($5, account),
                 expires_at = now() + make_interval(secs => $6),
                 grant_expires_at = now() + make_interval(secs => $7),
                 refresh_at = now() + make_interval(secs => $8), refreshed_at = now(), used_at = now(),
                 refresh_failures = 0, leased_until = null, asked_at = null, fence = fence + 1,
                 status = 'ready', status_detail = null, updated_at = now()
             where workspace_id = $1 and id = $2",
            &[
                &begun.workspace,
                &begun.connection,
                &fresh.tokens,
                &fresh.scopes,
                &fresh.account,
                &fresh.lifetime_seconds,
                &fresh.grant_lifetime_seconds,
                &fresh.due_after_seconds,
                &begun.scopes,
            ],
        )
        .await?;
    Ok(count == 1)
}
