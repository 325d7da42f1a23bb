//! All SQL of API keys.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use super::entry::{Entry, Rare, Workspaces};
use super::model::{ApiKey, NewKey, limiter};
use super::token::{Digest, Token};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::KeyId;
use crate::base::network::parse_network;
use crate::base::page::Page;
use crate::base::scope::Scope;
use crate::db::{Db, DbError};

/// The columns of [`shown`].
pub const SHOWN: &str = "id, name, hint, scopes, ip_allowlist, rate_limit_per_second, rotated_from,
                     created_at, expires_at, last_used_at, revoked_at";

const LIVE: &str = "k.id, k.workspace_id, w.name, k.name, k.digest, k.scopes, k.ip_allowlist,
                    k.rate_limit_per_second, k.expires_at, k.revoked_at is not null
                    from api_keys k join workspaces w on w.id = k.workspace_id";

/// Writes a new key and gives it as the API shows it.
pub async fn insert(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    new: &NewKey,
    token: &Token,
) -> Result<ApiKey, DbError> {
    let rate = new
        .rate_limit_per_second
        .and_then(|rate| i32::try_from(rate).ok());
    let row = transaction
        .query_one(
            &format!(
                "insert into api_keys (id, workspace_id, name, digest, hint, scopes, ip_allowlist,
                     rate_limit_per_second, rotated_from, created_at, expires_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now(), $10) returning {SHOWN}"
            ),
            &[
                &KeyId::generate(),
                &workspace,
                &new.name,
                &token.digest().as_slice(),
                &token.hint(),
                &new.scopes.names(),
                &new.ip_allowlist,
                &rate,
                &new.rotated_from,
                &new.expires_at,
            ],
        )
        .await?;
    Ok(shown(&row))
}

/// One key of a workspace.
pub async fn find(client: &Client, workspace: WorkspaceId, id: KeyId) -> Result<Option<ApiKey>, DbError> {
    let row = client
        .query_opt(
            &format!("select {SHOWN} from api_keys where workspace_id = $1 and id = $2"),
            &[&workspace, &id],
        )
        .await?;
    Ok(row.as_ref().map(shown))
}

/// One key of a workspace, locked until the transaction ends.
pub async fn lock(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: KeyId,
) -> Result<Option<ApiKey>, DbError> {
    let row = transaction
        .query_opt(
            &format!("select {SHOWN} from api_keys where workspace_id = $1 and id = $2 for update"),
            &[&workspace, &id],
        )
        .await?;
    Ok(row.as_ref().map(shown))
}

/// The workspace of a key, for operators, who are in none.
pub async fn workspace_of(client: &Client, id: KeyId) -> Result<Option<WorkspaceId>, DbError> {
    let row = client
        .query_opt("select workspace_id from api_keys where id = $1", &[&id])
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// A page of a workspace's keys, newest first.
pub async fn list(client: &Client, workspace: WorkspaceId, page: &Page) -> Result<Vec<ApiKey>, DbError> {
    let after = page.after.as_deref().and_then(KeyId::parse);
    let rows = client
        .query(
            &format!(
                "select {SHOWN} from api_keys
                 where workspace_id = $1 and ($2::uuid is null or id < $2)
                 order by id desc limit $3"
            ),
            &[&workspace, &after, &page.fetch_count()],
        )
        .await?;
    Ok(rows.iter().map(shown).collect())
}

const ENDED: &str = "(revoked_at is not null or coalesce(expires_at <= now(), false))";

/// The same page without the keys that have ended.
pub async fn list_live(client: &Client, workspace: WorkspaceId, page: &Page) -> Result<Vec<ApiKey>, DbError> {
    let after = page.after.as_deref().and_then(KeyId::parse);
    let statement = format!(
        "select {SHOWN} from api_keys
         where workspace_id = $1 and ($2::uuid is null or id < $2) and not {ENDED}
         order by id desc limit $3"
    );
    let rows = client
        .query(&statement, &[&workspace, &after, &page.fetch_count()])
        .await?;
    Ok(rows.iter().map(shown).collect())
}

/// How many keys of a workspace have ended.
pub async fn count_ended(client: &Client, workspace: WorkspaceId) -> Result<i64, DbError> {
    let statement = format!("select count(*) from api_keys where workspace_id = $1 and {ENDED}");
    Ok(client.query_one(&statement, &[&workspace]).await?.get(0))
}

/// Marks a key as revoked, by the database's clock; one that is revoked already keeps its time.
pub async fn revoke(transaction: &Transaction<'_>, id: KeyId) -> Result<ApiKey, DbError> {
    let row = transaction
        .query_one(
            &format!(
                "update api_keys set revoked_at = coalesce(revoked_at, now()) where id = $1
                 returning {SHOWN}"
            ),
            &[&id],
        )
        .await?;
    Ok(shown(&row))
}

/// Whether a key was revoked or has expired, by the database's clock.
pub async fn has_ended(transaction: &Transaction<'_>, id: KeyId) -> Result<bool, DbError> {
    let statement = "select revoked_at is not null or coalesce(expires_at <= now(), false)
                     from api_keys where id = $1";
    Ok(transaction.query_one(statement, &[&id]).await?.get(0))
}

/// Has a key end in so many seconds by the database's clock, unless it ends before. The moment of its end.
pub async fn end_after(transaction: &Transaction<'_>, id: KeyId, seconds: i64) -> Result<Millis, DbError> {
    let statement = "update api_keys
                     set expires_at = least(expires_at, now() + $2::float8 * interval '1 second')
                     where id = $1 returning expires_at";
    let row = transaction
        .query_one(statement, &[&id, &(seconds as f64)])
        .await?;
    Ok(row.get(0))
}

/// Removes a key, and leaves word of its digest for those who have it in memory.
pub async fn delete(transaction: &Transaction<'_>, id: KeyId) -> Result<(), DbError> {
    transaction
        .execute(
            "with gone as (delete from api_keys where id = $1 returning id, digest)
             insert into deleted_api_keys (id, digest) select id, digest from gone",
            &[&id],
        )
        .await?;
    Ok(())
}

/// The digests of those of these keys that were deleted within the last day.
pub async fn deleted_digests(client: &Client, ids: &[Uuid]) -> Result<Vec<Digest>, DbError> {
    let statement = "select digest from deleted_api_keys where id = any($1)";
    let rows = client.query(statement, &[&ids]).await?;
    let digests = rows.iter().map(|row| row.get::<_, &[u8]>(0));
    Ok(digests.filter_map(|digest| digest.try_into().ok()).collect())
}

/// Removes deleted keys after a day; an instance that was away for longer reloads all keys.
pub async fn purge_deleted(client: &Client) -> Result<(), DbError> {
    let statement = "delete from deleted_api_keys where deleted_at < now() - interval '1 day'";
    client.execute(statement, &[]).await?;
    Ok(())
}

/// The keys with these ids as requests are checked against them.
pub async fn load_some(
    client: &Client,
    workspaces: &Workspaces,
    ids: &[Uuid],
) -> Result<Vec<Entry>, DbError> {
    let statement = format!("select {LIVE} where k.id = any($1)");
    let rows = client.query(&statement, &[&ids]).await?;
    Ok(rows.iter().filter_map(|row| entry(row, workspaces)).collect())
}

/// Hands every key to `take`, one after another: a million of them must not stand in memory twice.
pub async fn load_all(
    client: &Client,
    workspaces: &Workspaces,
    mut take: impl FnMut(Entry),
) -> Result<(), DbError> {
    let rows = client
        .query_raw(&format!("select {LIVE}"), std::iter::empty::<i32>())
        .await?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await? {
        if let Some(entry) = entry(&row, workspaces) {
            take(entry);
        }
    }
    Ok(())
}

/// How many keys there are.
pub async fn count(client: &Client) -> Result<usize, DbError> {
    let row = client.query_one("select count(*) from api_keys", &[]).await?;
    Ok(usize::try_from(row.get::<_, i64>(0)).unwrap_or_default())
}

/// The id of a key, by the key itself.
pub async fn find_id(client: &Client, token: &str) -> Result<Option<KeyId>, DbError> {
    let digest = super::token::digest_of(token.as_bytes());
    let statement = "select id from api_keys where digest = $1";
    let row = client.query_opt(statement, &[&digest.as_slice()]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Whether a key exists and has not ended.
pub async fn is_live(db: &Db, token: &str) -> Result<bool, DbError> {
    let digest = super::token::digest_of(token.as_bytes());
    let row = db
        .client()
        .await?
        .query_opt(
            "select from api_keys where digest = $1 and revoked_at is null
                 and (expires_at is null or expires_at > now())",
            &[&digest.as_slice()],
        )
        .await?;
    Ok(row.is_some())
}

/// Writes when keys were last used; never backwards.
pub async fn update_last_used(db: &Db, used: &HashMap<Uuid, Millis>) -> Result<(), DbError> {
    // Ordered, so that two instances never wait for each other in a circle.
    let mut used: Vec<(Uuid, Millis)> = used.iter().map(|(id, at)| (*id, *at)).collect();
    used.sort_unstable();
    let (ids, moments): (Vec<Uuid>, Vec<Millis>) = used.into_iter().unzip();
    db.client()
        .await?
        .execute(
            "update api_keys k set last_used_at = greatest(k.last_used_at, u.at, k.created_at)
             from unnest($1::uuid[], $2::timestamptz[]) as u(id, at) where k.id = u.id",
            &[&ids, &moments],
        )
        .await?;
    Ok(())
}

/// A key from a row that begins with the columns [`SHOWN`].
pub fn shown(row: &Row) -> ApiKey {
    ApiKey {
        id: row.get(0),
        name: row.get(1),
        hint: row.get(2),
        scopes: row.get(3),
        ip_allowlist: row.get(4),
        rate_limit_per_second: rate(row, 5),
        rotated_from: row.get(6),
        created_at: row.get(7),
        expires_at: row.get(8),
        last_used_at: row.get(9),
        revoked_at: row.get(10),
    }
}

fn rate(row: &Row, column: usize) -> Option<u32> {
    let rate: Option<i32> = row.get(column);
    rate.and_then(|rate| u32::try_from(rate).ok())
}

fn entry(row: &Row, workspaces: &Workspaces) -> Option<Entry> {
    let scopes: Vec<&str> = row.get(5);
    let nets: Option<Vec<&str>> = row.get(6);
    let rate_limit_per_second = rate(row, 7);
    let digest: &[u8] = row.get(4);
    let rare = Rare {
        is_revoked: row.get(9),
        ip_allowlist: nets.into_iter().flatten().filter_map(parse_network).collect(),
        rate_limit_per_second,
        limiter: rate_limit_per_second.and_then(limiter),
    };
    Some(Entry::new(
        // The table's check holds the length.
        Digest::try_from(digest).ok()?,
        row.get(0),
        row.get::<_, &str>(3).into(),
        workspaces.share(row.get(1), row.get(2)),
        scopes.into_iter().filter_map(Scope::parse).collect(),
        row.get(8),
        rare,
    ))
}
