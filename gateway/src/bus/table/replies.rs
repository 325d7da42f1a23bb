//! The SQL of the replies that are kept for repeated requests.
//!
//! Each statement takes arrays, so that one request and a whole group of events use the same.

use tokio_postgres::{Client, Row, ToStatement};
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::bus::KeptReply;
use crate::db::DbError;

/// A workspace and a key of its requests.
pub type Key<'a> = (WorkspaceId, &'a str);

/// A key whose request is not the first.
#[derive(Debug)]
pub struct Taken {
    pub workspace: WorkspaceId,
    pub key: String,
    pub by: Holder,
}

/// What is known of a key that was used before.
#[derive(Debug)]
pub enum Holder {
    Kept(KeptReply),
    /// `is_held`: the request that reserved it may still be running.
    Reserved {
        token: Uuid,
        is_held: bool,
    },
}

/// Takes the locks on keys for the rest of the transaction, and gives those that other requests hold.
pub const LOCK: &str = "
    select workspace_id, key from unnest($1::int4[], $2::text[]) as asked(workspace_id, key)
    where not pg_try_advisory_xact_lock(hashtextextended(key, workspace_id))";

/// The replies that are kept for keys, and their reservations; the keys must be locked by an earlier statement.
///
/// One statement, so that it sees a reservation or the reply that replaces it. A reservation is free once its instance has
/// been silent for 60 seconds. A job is declared dead with more care than a heartbeat's age allows: while the database is
/// away no instance can write one.
pub const FIND: &str = "
    with asked as (select * from unnest($1::int4[], $2::text[]) as asked(workspace_id, key))
    select a.workspace_id, a.key, null::uuid as token, false as is_held, k.path, k.body_digest, k.status, k.reply
    from asked a join idempotency_replies k on k.workspace_id = a.workspace_id and k.key = a.key
    where k.created_at > now() - interval '24 hours'
    union all
    select a.workspace_id, a.key, r.token,
        coalesce(i.heartbeat_at, r.reserved_at) > now() - interval '60 seconds'
            or exists (select from imports j where j.workspace_id = r.workspace_id and j.id = r.import_id
                       and j.status = 'running'),
        r.path, null, null, null
    from asked a join idempotency_reservations r on r.workspace_id = a.workspace_id and r.key = a.key
    left join instances i on i.id = r.instance
    order by token nulls first";

/// Keeps replies under keys that are locked and free.
pub const KEEP: &str = "
    insert into idempotency_replies (workspace_id, key, path, body_digest, status, reply)
    select * from unnest($1::int4[], $2::text[], $3::text[], $4::bytea[], $5::int2[], $6::bytea[])
    on conflict (workspace_id, key) do update set path = excluded.path, body_digest = excluded.body_digest,
        status = excluded.status, reply = excluded.reply, created_at = now()";

/// Runs [`LOCK`], given as itself or prepared.
pub async fn lock<S: ToStatement + ?Sized + Sync>(
    client: &Client,
    statement: &S,
    keys: &[Key<'_>],
) -> Result<Vec<(WorkspaceId, String)>, DbError> {
    let (workspaces, keys): (Vec<_>, Vec<_>) = keys.iter().copied().unzip();
    let rows = client.query(statement, &[&workspaces, &keys]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Runs [`FIND`], given as itself or prepared; a kept reply comes before a reservation of its key.
pub async fn find<S: ToStatement + ?Sized + Sync>(
    client: &Client,
    statement: &S,
    keys: &[Key<'_>],
) -> Result<Vec<Taken>, DbError> {
    let (workspaces, keys): (Vec<_>, Vec<_>) = keys.iter().copied().unzip();
    let rows = client.query(statement, &[&workspaces, &keys]).await?;
    Ok(rows.iter().map(taken).collect())
}

fn taken(row: &Row) -> Taken {
    let by = match row.get("token") {
        Some(token) => Holder::Reserved {
            token,
            is_held: row.get("is_held"),
        },
        None => Holder::Kept(KeptReply {
            path: row.get("path"),
            body_digest: row.get("body_digest"),
            status: row.get("status"),
            reply: row.get("reply"),
        }),
    };
    Taken {
        workspace: row.get("workspace_id"),
        key: row.get("key"),
        by,
    }
}

/// Runs [`KEEP`], given as itself or prepared.
pub async fn keep<S: ToStatement + ?Sized + Sync>(
    client: &Client,
    statement: &S,
    replies: &[(Key<'_>, &KeptReply)],
) -> Result<(), DbError> {
    let workspaces: Vec<WorkspaceId> = replies.iter().map(|(key, _)| key.0).collect();
    let keys: Vec<&str> = replies.iter().map(|(key, _)| key.1).collect();
    let paths: Vec<&str> = replies.iter().map(|(_, kept)| &*kept.path).collect();
    let digests: Vec<&[u8]> = replies.iter().map(|(_, kept)| &*kept.body_digest).collect();
    let statuses: Vec<i16> = replies.iter().map(|(_, kept)| kept.status).collect();
    let bodies: Vec<&[u8]> = replies.iter().map(|(_, kept)| &*kept.reply).collect();
    client
        .execute(
            statement,
            &[&workspaces, &keys, &paths, &digests, &statuses, &bodies],
        )
        .await?;
    Ok(())
}
