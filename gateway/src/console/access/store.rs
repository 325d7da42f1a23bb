//! All SQL of sessions and links.

use tokio_postgres::{Client, Row, Transaction};

use super::model::{ConsoleLink, ConsoleSession, Digest, NewLink, NewSession, OpenLink, StoredSession};
use crate::base::caller::WorkspaceId;
use crate::base::id::{KeyId, LinkId, SessionId};
use crate::base::page::Page;
use crate::base::scope::{Scope, Scopes};
use crate::db::{DbError, purge_slowly};
use crate::keys::model::ApiKey;
use crate::keys::store as keys;

/// How long a session's last use may be behind, as a share of the time after which it is idle.
const TOUCH_SHARE: f64 = 0.1;
/// Links are kept for a while after they ended, so that the list tells what became of them.
const LINKS_KEPT: &str = "7 days";

/// The live session with that cookie; its last use is noted now and then.
pub async fn find(client: &Client, digest: &Digest, idle: f64) -> Result<Option<StoredSession>, DbError> {
    let touched = "with touched as (
            update console_sessions set last_seen_at = now()
            where digest = $1 and expires_at > now() and last_seen_at > now() - $2 * interval '1 second'
                and last_seen_at < now() - $2 * $3 * interval '1 second')";
    match ask(client, touched, &[&digest.as_slice(), &idle, &TOUCH_SHARE]).await {
        // On a server that takes no writes pages can be read all the same.
        Err(fault) if fault.unwritable().is_some() => ask(client, "", &[&digest.as_slice(), &idle]).await,
        found => found,
    }
}

async fn ask(
    client: &Client,
    before: &str,
    bound: &[&(dyn crate::db::ToSql + Sync)],
) -> Result<Option<StoredSession>, DbError> {
    // What the frame tells comes along: a page has few queries.
    let statement = format!(
        "{before}
         select s.key_digest, s.scopes,
             (select count(*) from webhooks w
              where w.workspace_id = s.workspace_id and w.enabled and w.health in ('failing', 'paused'))
         from console_sessions s
         where s.digest = $1 and s.expires_at > now() and s.last_seen_at > now() - $2 * interval '1 second'"
    );
    let row = client.query_opt(&statement, bound).await?;
    Ok(row.and_then(|row| {
        Some(StoredSession {
            // The key's own check holds the length.
            key_digest: row.get::<_, &[u8]>(0).try_into().ok()?,
            scopes: scopes(&row, 1),
            failing_count: row.get(2),
        })
    }))
}

/// Opens a session, which ends no later than its key.
pub async fn insert_session(transaction: &Transaction<'_>, new: &NewSession) -> Result<(), DbError> {
    transaction
        .execute(
            "insert into console_sessions (id, workspace_id, key_id, key_digest, link_id, digest, scopes, ip,
                 user_agent, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9,
                 least(now() + $10::float8 * interval '1 second',
                       (select expires_at from api_keys where id = $3)))",
            &[
                &SessionId::generate(),
                &new.workspace,
                &new.key_id,
                &new.key_digest.as_slice(),
                &new.link_id,
                &new.digest.as_slice(),
                &new.scopes.names(),
                &new.ip.to_string(),
                &new.user_agent,
                &new.seconds,
            ],
        )
        .await?;
    Ok(())
}

/// Ends the session with that cookie.
pub async fn end_session(transaction: &Transaction<'_>, digest: &Digest) -> Result<(), DbError> {
    let statement = "delete from console_sessions where digest = $1";
    transaction.execute(statement, &[&digest.as_slice()]).await?;
    Ok(())
}

/// Ends all sessions of a key; how many there were.
pub async fn end_sessions_of(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: KeyId,
) -> Result<u64, DbError> {
    let statement = "delete from console_sessions where workspace_id = $1 and key_id = $2";
    Ok(transaction.execute(statement, &[&workspace, &key]).await?)
}

/// A page of a key's live sessions, the youngest first.
pub async fn list_sessions(
    client: &Client,
    workspace: WorkspaceId,
    key: KeyId,
    idle: f64,
    page: &Page,
) -> Result<Vec<ConsoleSession>, DbError> {
    let after = page.after.as_deref().and_then(SessionId::parse);
    let rows = client
        .query(
            &format!(
                "select {SESSION} from console_sessions
                 where workspace_id = $1 and key_id = $2 and ($3::uuid is null or id < $3)
                     and expires_at > now() and last_seen_at > now() - $4 * interval '1 second'
                 order by id desc limit $5"
            ),
            &[&workspace, &key, &after, &idle, &page.fetch_count()],
        )
        .await?;
    Ok(rows.iter().filter_map(|row| session(row, 0)).collect())
}

/// A key and its youngest sessions, by one query: the key's page has more to ask.
pub async fn find_key_with_sessions(
    client: &Client,
    workspace: WorkspaceId,
    key: KeyId,
    idle: f64,
    count: i64,
) -> Result<Option<(ApiKey, Vec<ConsoleSession>)>, DbError> {
    let shown = keys::SHOWN;
    let rows = client
        .query(
            &format!(
                "select * from (select {shown} from api_keys where workspace_id = $1 and id = $2) as k
                 left join lateral (
                     select {SESSION} from console_sessions
                     where key_id = $2 and expires_at > now() and last_seen_at > now() - $3 * interval '1 second'
                     order by id desc limit $4) as s on true"
            ),
            &[&workspace, &key, &idle, &count],
        )
        .await?;
    let columns_of_key = shown.split(',').count();
    let sessions = rows
        .iter()
        .filter_map(|row| session(row, columns_of_key))
        .collect();
    Ok(rows.first().map(|row| (keys::shown(row), sessions)))
}

const SESSION: &str = "id, link_id, scopes, ip, user_agent, created_at, last_seen_at, expires_at";

fn session(row: &Row, first: usize) -> Option<ConsoleSession> {
    Some(ConsoleSession {
        id: row.get::<_, Option<SessionId>>(first)?,
        link_id: row.get(first + 1),
        scopes: row.get(first + 2),
        ip: row.get(first + 3),
        user_agent: row.get(first + 4),
        created_at: row.get(first + 5),
        last_seen_at: row.get(first + 6),
        expires_at: row.get(first + 7),
    })
}

const LINK: &str = "id, label, scopes, created_at, expires_at, used_at, session_hours";

/// Makes a link.
pub async fn insert_link(transaction: &Transaction<'_>, new: &NewLink) -> Result<ConsoleLink, DbError> {
    let row = transaction
        .query_one(
            &format!(
                "insert into console_links (id, workspace_id, key_id, digest, label, scopes, next, session_hours,
                     expires_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9::float8 * interval '1 second') returning {LINK}"
            ),
            &[
                &LinkId::generate(),
                &new.workspace,
                &new.key_id,
                &new.digest.as_slice(),
                &new.label,
                &new.scopes.names(),
                &new.next,
                &new.session_hours,
                &new.seconds,
            ],
        )
        .await?;
    Ok(link(&row))
}

/// The link with that code; `None` if it is unknown, spent or expired.
pub async fn find_link(client: &Client, digest: &Digest) -> Result<Option<OpenLink>, DbError> {
    let row = client
        .query_opt(
            "select l.id, k.digest, l.scopes, l.next, l.session_hours
             from console_links l join api_keys k on k.id = l.key_id
             where l.digest = $1 and l.used_at is null and l.expires_at > now()",
            &[&digest.as_slice()],
        )
        .await?;
    Ok(row.and_then(|row| {
        Some(OpenLink {
            id: row.get(0),
            key_digest: row.get::<_, &[u8]>(1).try_into().ok()?,
            scopes: scopes(&row, 2),
            next: row.get(3),
            session_hours: row.get(4),
        })
    }))
}

/// Spends a link; `false` if it was spent or has expired meanwhile. Of two who try, on whatever instances, one gets it.
pub async fn spend_link(transaction: &Transaction<'_>, id: LinkId) -> Result<bool, DbError> {
    let statement = "update console_links set used_at = now()
                     where id = $1 and used_at is null and expires_at > now()";
    Ok(transaction.execute(statement, &[&id]).await? == 1)
}

/// A page of a workspace's links, newest first.
pub async fn list_links(
    client: &Client,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<ConsoleLink>, DbError> {
    let after = page.after.as_deref().and_then(LinkId::parse);
    let statement = format!(
        "select {LINK} from console_links where workspace_id = $1 and ($2::uuid is null or id < $2)
         order by id desc limit $3"
    );
    let rows = client
        .query(&statement, &[&workspace, &after, &page.fetch_count()])
        .await?;
    Ok(rows.iter().map(link).collect())
}

/// Removes a link, and with it the sessions that it opened.
pub async fn delete_link(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: LinkId,
) -> Result<Option<ConsoleLink>, DbError> {
    let statement = format!("delete from console_links where workspace_id = $1 and id = $2 returning {LINK}");
    let row = transaction.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.as_ref().map(link))
}

fn link(row: &Row) -> ConsoleLink {
    ConsoleLink {
        id: row.get(0),
        label: row.get(1),
        scopes: row.get(2),
        created_at: row.get(3),
        expires_at: row.get(4),
        used_at: row.get(5),
        session_hours: row.get(6),
    }
}

/// The newest live key of a workspace that holds every scope.
pub async fn widest_key(client: &Client, workspace: &str) -> Result<Option<KeyId>, DbError> {
    let row = client
        .query_opt(
            "select k.id from api_keys k join workspaces w on w.id = k.workspace_id
             where w.name = $1 and k.scopes @> $2 and k.revoked_at is null
                 and (k.expires_at is null or k.expires_at > now())
             order by k.id desc limit 1",
            &[&workspace, &Scopes::all().names()],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// Workspace and scopes of a key that has not ended.
pub async fn live_key(client: &Client, id: KeyId) -> Result<Option<(WorkspaceId, Scopes)>, DbError> {
    let row = client
        .query_opt(
            "select workspace_id, scopes from api_keys
             where id = $1 and revoked_at is null and (expires_at is null or expires_at > now())",
            &[&id],
        )
        .await?;
    Ok(row.map(|row| (row.get(0), scopes(&row, 1))))
}

/// Forgets sessions that have ended, and links that ended a week ago and whose sessions are gone.
pub async fn purge(client: &Client) -> Result<(), DbError> {
    let statement = "delete from console_sessions where ctid = any(array(
                         select ctid from console_sessions where expires_at < now() limit 10000))";
    purge_slowly(client, statement, &[]).await?;
    let statement = format!(
        "delete from console_links where ctid = any(array(
             select ctid from console_links l where expires_at < now() - interval '{LINKS_KEPT}'
                 and not exists (select from console_sessions s where s.link_id = l.id) limit 10000))"
    );
    purge_slowly(client, &statement, &[]).await?;
    Ok(())
}

fn scopes(row: &Row, column: usize) -> Scopes {
    let names: Vec<&str> = row.get(column);
    names.into_iter().filter_map(Scope::parse).collect()
}
