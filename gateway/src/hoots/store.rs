//! The SQL of hoots.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use tokio_postgres::{Client, GenericClient, Row, Transaction};
use uuid::Uuid;

use super::model::{HootSentry, HootState, Override, StoredHoot};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{HootId, SentryId};
use crate::base::page::Page;
use crate::db::DbError;
use crate::sentries::history::Source;
use crate::sentries::model::State;

/// Entries of the history that the public sees.
const MAX_ENTRIES: i64 = 20;

const COLUMNS: &str =
    "id, workspace_id, name, description, resource_url, enabled, public, message, links::text,
    faqs::text, override_state, override_message, override_until, created_at, updated_at";

/// An entry of a sentry's history, as far as the public sees it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PublicEntry {
    pub at: Millis,
    pub source: Source,
    pub state: Option<State>,
    pub user_message: Option<String>,
    /// None where the entry is private.
    pub history_note: Option<String>,
}

fn stored(row: &Row) -> StoredHoot {
    let override_state: Option<&str> = row.get(10);
    StoredHoot {
        id: row.get(0),
        workspace: row.get(1),
        name: row.get(2),
        description: row.get(3),
        resource_url: row.get(4),
        enabled: row.get(5),
        public: row.get(6),
        message: row.get(7),
        links: read(row.get(8)),
        faqs: read(row.get(9)),
        override_: override_state
            .and_then(HootState::parse_override)
            .map(|state| Override {
                state,
                message: row.get(11),
                until: row.get(12),
            }),
        sentries: Vec::new(),
        created_at: row.get(13),
        updated_at: row.get(14),
    }
}

/// Where the sentry's columns begin behind those of the hoot.
const SENTRY_COLUMN: usize = 15;

fn sentry(row: &Row, first: usize) -> HootSentry {
    HootSentry {
        id: row.get(first),
        name: row.get(first + 1),
        state: row.get::<_, Option<&str>>(first + 2).and_then(State::parse),
        user_message: row.get(first + 3),
        latest_record_at: row.get(first + 4),
        enabled: row.get(first + 5),
        last_report_at: row.get(first + 6),
    }
}

/// Only lists that were checked are stored.
fn read<T: DeserializeOwned>(text: &str) -> Vec<T> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Adds the sentries of each.
async fn with_sentries(
    client: &impl GenericClient,
    mut hoots: Vec<StoredHoot>,
) -> Result<Vec<StoredHoot>, DbError> {
    if hoots.is_empty() {
        return Ok(hoots);
    }
    let ids: Vec<HootId> = hoots.iter().map(|hoot| hoot.id).collect();
    let statement =
        "select l.hoot_id, s.id, s.name, s.state::text, s.user_message, s.latest_record_at, s.enabled,
                         s.last_report_at
                     from hoot_sentries l join sentries s on s.id = l.sentry_id
                     where l.hoot_id = any($1) order by l.of_hoot, s.id";
    let mut found: HashMap<HootId, Vec<HootSentry>> = HashMap::new();
    for row in client.query(statement, &[&ids]).await? {
        found.entry(row.get(0)).or_default().push(sentry(&row, 1));
    }
    for hoot in &mut hoots {
        hoot.sentries = found.remove(&hoot.id).unwrap_or_default();
    }
    Ok(hoots)
}

/// One hoot of a workspace, in one query.
pub async fn find(
    client: &Client,
    workspace: WorkspaceId,
    id: HootId,
) -> Result<Option<StoredHoot>, DbError> {
    let statement = format!(
        "select h.*, s.id, s.name, s.state::text, s.user_message, s.latest_record_at, s.enabled, s.last_report_at
         from (select {COLUMNS} from hoots where workspace_id = $1 and id = $2) h
         left join (hoot_sentries l join sentries s on s.id = l.sentry_id) on l.hoot_id = h.id
         order by l.of_hoot, s.id"
    );
    let rows = client.query(&statement, &[&workspace, &id]).await?;
    Ok(rows.first().map(|first| {
        let is_sentry = |row: &&Row| row.get::<_, Option<SentryId>>(SENTRY_COLUMN).is_some();
        let sentries = rows.iter().filter(is_sentry);
        StoredHoot {
            sentries: sentries.map(|row| sentry(row, SENTRY_COLUMN)).collect(),
            ..stored(first)
        }
    }))
}

/// One hoot of a workspace, locked until the transaction ends.
pub async fn lock(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: HootId,
) -> Result<Option<StoredHoot>, DbError> {
    let statement =
        format!("select {COLUMNS} from hoots where workspace_id = $1 and id = $2 for no key update");
    let row = transaction.query_opt(&statement, &[&workspace, &id]).await?;
    let found = row.iter().map(stored).collect();
    Ok(with_sentries(transaction, found).await?.pop())
}

/// A page of a workspace's hoots, newest first.
pub async fn list(client: &Client, workspace: WorkspaceId, page: &Page) -> Result<Vec<StoredHoot>, DbError> {
    let after = page.after.as_deref().and_then(HootId::parse);
    let statement = format!(
        "select {COLUMNS} from hoots where workspace_id = $1 and ($2::uuid is null or id < $2)
         order by id desc limit $3"
    );
    let rows = client
        .query(&statement, &[&workspace, &after, &page.fetch_count()])
        .await?;
    with_sentries(client, rows.iter().map(stored).collect()).await
}

/// Writes a new hoot, without its sentries.
pub async fn insert(transaction: &Transaction<'_>, hoot: &StoredHoot) -> Result<(), DbError> {
    transaction
        .execute(
            "insert into hoots (id, workspace_id, name, description, resource_url, public, message, links, faqs,
                 created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8::text::json, $9::text::json, $10, $10)",
            &[
                &hoot.id,
                &hoot.workspace,
                &hoot.name,
                &hoot.description,
                &hoot.resource_url,
                &hoot.public,
                &hoot.message,
                &text(&hoot.links),
                &text(&hoot.faqs),
                &hoot.created_at,
            ],
        )
        .await?;
    Ok(())
}

/// Writes all that a request can change, but its sentries.
pub async fn update(transaction: &Transaction<'_>, hoot: &StoredHoot) -> Result<(), DbError> {
    let override_ = hoot.override_.as_ref();
    transaction
        .execute(
            "update hoots set name = $3, description = $4, resource_url = $5, public = $6, message = $7,
                 links = $8::text::json, faqs = $9::text::json, enabled = $10, override_state = $11,
                 override_message = $12, override_until = $13, updated_at = $14
             where workspace_id = $1 and id = $2",
            &[
                &hoot.workspace,
                &hoot.id,
                &hoot.name,
                &hoot.description,
                &hoot.resource_url,
                &hoot.public,
                &hoot.message,
                &text(&hoot.links),
                &text(&hoot.faqs),
                &hoot.enabled,
                &override_.map(|override_| override_.state.name()),
                &override_.and_then(|override_| override_.message.as_ref()),
                &override_.and_then(|override_| override_.until),
                &hoot.updated_at,
            ],
        )
        .await?;
    Ok(())
}

fn text(list: &impl serde::Serialize) -> String {
    // Lists of texts cannot fail to serialise.
    serde_json::to_string(list).unwrap_or_else(|_| "[]".to_owned())
}

/// Removes a hoot; sentries lose it.
pub async fn delete(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: HootId,
) -> Result<(), DbError> {
    let statement = "delete from hoots where workspace_id = $1 and id = $2";
    transaction.execute(statement, &[&workspace, &id]).await?;
    Ok(())
}

/// Has a hoot show these sentries and no others; it follows in their lists.
pub async fn put_sentries(
    transaction: &Transaction<'_>,
    id: HootId,
    sentries: &[SentryId],
) -> Result<(), DbError> {
    let statement = "delete from hoot_sentries where hoot_id = $1 and sentry_id <> all($2)";
    transaction.execute(statement, &[&id, &sentries]).await?;
    let statement = "insert into hoot_sentries (hoot_id, sentry_id, of_hoot, of_sentry)
                     select $1, sentry, place,
                         coalesce((select max(of_sentry) + 1 from hoot_sentries where sentry_id = sentry), 0)
                     from unnest($2::uuid[]) with ordinality as told(sentry, place)
                     on conflict (hoot_id, sentry_id) do update set of_hoot = excluded.of_hoot";
    transaction.execute(statement, &[&id, &sentries]).await?;
    Ok(())
}

/// The ids of all public hoots, of all workspaces.
pub async fn public_ids(client: &Client) -> Result<Vec<Uuid>, DbError> {
    let rows = client.query("select id from hoots where public", &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Those of these hoots that are public, with the last entries of their sentries, newest first.
pub async fn load_public(
    client: &Client,
    ids: &[Uuid],
) -> Result<Vec<(StoredHoot, Vec<PublicEntry>)>, DbError> {
    let statement = format!("select {COLUMNS} from hoots where id = any($1) and public");
    let rows = client.query(&statement, &[&ids]).await?;
    let hoots = with_sentries(client, rows.iter().map(stored).collect()).await?;
    let ids: Vec<HootId> = hoots.iter().map(|hoot| hoot.id).collect();
    let mut entries = history_of(client, &ids).await?;
    let with_entries = hoots.into_iter().map(|hoot| {
        let entries = entries.remove(&hoot.id).unwrap_or_default();
        (hoot, entries)
    });
    Ok(with_entries.collect())
}

/// The last entries of the sentries of each hoot, newest first, as far as the public sees them.
pub async fn history_of(
    client: &Client,
    ids: &[HootId],
) -> Result<HashMap<HootId, Vec<PublicEntry>>, DbError> {
    let statement = "
        select h.id, e.at, e.source, e.state::text, e.user_message, e.note
        from unnest($1::uuid[]) as h(id) cross join lateral (
            select e.* from hoot_sentries l join sentries s on s.id = l.sentry_id and s.enabled
            cross join lateral (
                select at, source, state, user_message, case when not private_entry then history_note end as note
                from sentry_history where sentry_id = l.sentry_id order by at desc limit $2
            ) as e
            where l.hoot_id = h.id order by e.at desc limit $2
        ) as e order by h.id, e.at desc";
    let mut entries: HashMap<HootId, Vec<PublicEntry>> = HashMap::new();
    for row in client.query(statement, &[&ids, &MAX_ENTRIES]).await? {
        entries.entry(row.get(0)).or_default().push(PublicEntry {
            at: row.get(1),
            source: Source::of(row.get(2)),
            state: row.get::<_, Option<&str>>(3).and_then(State::parse),
            user_message: row.get(4),
            history_note: row.get(5),
        });
    }
    Ok(entries)
}
