//! The SQL of `Idempotency-Key`: the replies kept for repeated requests, and the keys reserved for long ones.

use http::StatusCode;
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::id::{ImportId, InstanceId};
use crate::bus::KeptReply;
use crate::bus::table::replies::{self, Holder};
use crate::db::{DbError, purge_slowly};

/// The reply to a request of this path and body.
pub(super) fn kept_reply(path: &str, body_digest: [u8; 32], status: StatusCode, reply: Vec<u8>) -> KeptReply {
    KeptReply {
        path: path.to_owned(),
        body_digest: body_digest.to_vec(),
        // Statuses are below 600.
        status: i16::try_from(status.as_u16()).unwrap_or(200),
        reply,
    }
}

/// Takes the lock on a key for the rest of the transaction; `false` if another request holds it.
pub(super) async fn try_lock_key(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: &str,
) -> Result<bool, DbError> {
    let held = replies::lock(transaction.client(), replies::LOCK, &[(workspace, key)]).await?;
    Ok(held.is_empty())
}

/// The reply that is kept for a key, or its reservation.
pub(super) async fn find_key(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: &str,
) -> Result<Option<Holder>, DbError> {
    let taken = replies::find(transaction.client(), replies::FIND, &[(workspace, key)]).await?;
    Ok(taken.into_iter().next().map(|taken| taken.by))
}

/// Reserves a key that is locked and free.
pub(super) async fn reserve(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: &str,
    path: &str,
    token: Uuid,
    instance: InstanceId,
) -> Result<(), DbError> {
    let statement = "insert into idempotency_reservations (workspace_id, key, path, token, instance)
                     values ($1, $2, $3, $4, $5)";
    transaction
        .execute(statement, &[&workspace, &key, &path, &token, &instance])
        .await?;
    Ok(())
}

/// Notes the import of a reservation; `false` if that is gone.
pub(super) async fn attach(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: &str,
    token: Uuid,
    import: ImportId,
) -> Result<bool, DbError> {
    let statement = "update idempotency_reservations set import_id = $4
                     where workspace_id = $1 and key = $2 and token = $3";
    let count = transaction
        .execute(statement, &[&workspace, &key, &token, &import])
        .await?;
    Ok(count > 0)
}

/// Removes a reservation; `false` if it is gone.
pub(super) async fn release(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: &str,
    token: Uuid,
) -> Result<bool, DbError> {
    let statement =
        "delete from idempotency_reservations where workspace_id = $1 and key = $2 and token = $3";
    let count = transaction
        .execute(statement, &[&workspace, &key, &token])
        .await?;
    Ok(count > 0)
}

/// Keeps a reply under a key that is locked.
pub(super) async fn keep_reply(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: &str,
    kept: &KeptReply,
) -> Result<(), DbError> {
    replies::keep(transaction.client(), replies::KEEP, &[((workspace, key), kept)]).await
}

/// Replaces the body of a reply that is kept.
pub(super) async fn amend_reply(
    client: &Client,
    workspace: WorkspaceId,
    key: &str,
    reply: &[u8],
) -> Result<(), DbError> {
    let statement = "update idempotency_replies set reply = $3 where workspace_id = $1 and key = $2";
    client.execute(statement, &[&workspace, &key, &reply]).await?;
    Ok(())
}

/// Forgets replies older than a day, a bounded number at a time.
pub async fn purge_replies(client: &Client) -> Result<(), DbError> {
    let statement = "delete from idempotency_replies where ctid = any(array(
                         select ctid from idempotency_replies
                         where created_at < now() - interval '24 hours' limit 10000))";
    purge_slowly(client, statement, &[]).await?;
    // A live instance frees its own; an upload may take longer than a day.
    let statement = "delete from idempotency_reservations r where reserved_at < now() - interval '24 hours'
                     and not exists (select from instances i where i.id = r.instance)";
    client.execute(statement, &[]).await?;
    Ok(())
}
