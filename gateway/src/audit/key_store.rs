//! The SQL of `Idempotency-Key`: the replies kept for repeated requests, and the keys reserved for long ones.

use http::StatusCode;
use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::id::{ImportId, InstanceId};
use crate::db::{DbError, purge_slowly};

/// Silence of its instance after which a reservation is free.
const FREED_AFTER: &str = "60 seconds";

/// A kept reply.
pub(super) struct KeptReply {
    pub path: String,
    pub body_digest: Vec<u8>,
    pub status: i16,
    pub reply: Vec<u8>,
}

impl KeptReply {
    /// The reply to a request of this path and body.
    pub fn new(path: &str, body_digest: [u8; 32], status: StatusCode, reply: Vec<u8>) -> Self {
        Self {
            path: path.to_owned(),
            body_digest: body_digest.to_vec(),
            // Statuses are below 600.
            status: i16::try_from(status.as_u16()).unwrap_or(200),
            reply,
        }
    }
}

/// What is known of a key.
pub(super) enum Found {
    Kept(KeptReply),
    /// `is_held`: the request that reserved it may still be running.
    Reserved {
        token: Uuid,
        is_held: bool,
    },
}

/// Takes the lock on a key for the rest of the transaction; `false` if another request holds it.
pub(super) async fn try_lock_key(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: &str,
) -> Result<bool, DbError> {
    let row = transaction
        .query_one(
            "select pg_try_advisory_xact_lock(hashtextextended($1::text, $2::int4))",
            &[&key, &workspace],
        )
        .await?;
    Ok(row.get(0))
}

/// The reply that is kept for a key, or its reservation.
pub(super) async fn find_key(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: &str,
) -> Result<Option<Found>, DbError> {
    // One statement, so that it sees a reservation or the reply that replaces it. A job is declared dead with more care
    // than a heartbeat's age allows: while the database is away no instance can write one.
    let statement = format!(
        "select null::uuid as token, false as is_held, path, body_digest, status, reply
         from idempotency_replies
         where workspace_id = $1 and key = $2 and created_at > now() - interval '24 hours'
         union all
         select r.token,
             coalesce(i.heartbeat_at, r.reserved_at) > now() - interval '{FREED_AFTER}'
                 or exists (select from imports j where j.workspace_id = r.workspace_id and j.id = r.import_id
                            and j.status = 'running'),
             r.path, null, null, null
         from idempotency_reservations r left join instances i on i.id = r.instance
         where r.workspace_id = $1 and r.key = $2
         order by token nulls first limit 1"
    );
    let row = transaction.query_opt(&statement, &[&workspace, &key]).await?;
    Ok(row.as_ref().map(found))
}

fn found(row: &Row) -> Found {
    match row.get("token") {
        Some(token) => Found::Reserved {
            token,
            is_held: row.get("is_held"),
        },
        None => Found::Kept(KeptReply {
            path: row.get("path"),
            body_digest: row.get("body_digest"),
            status: row.get("status"),
            reply: row.get("reply"),
        }),
    }
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

pub(super) async fn keep_reply(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: &str,
    kept: &KeptReply,
) -> Result<(), DbError> {
    transaction
        .execute(
            "insert into idempotency_replies (workspace_id, key, path, body_digest, status, reply)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (workspace_id, key) do update set path = excluded.path,
                 body_digest = excluded.body_digest, status = excluded.status,
                 reply = excluded.reply, created_at = now()",
            &[
                &workspace,
                &key,
                &kept.path,
                &kept.body_digest,
                &kept.status,
                &kept.reply,
            ],
        )
        .await?;
    Ok(())
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
