//! The SQL of sources. Secrets and tokens pass through here sealed.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::{Client, GenericClient, Row, Transaction};
use uuid::Uuid;

use super::label::MAX_TYPES;
use super::model::StoredSource;
use super::secret::StoredSecret;
use super::status::Activity;
use crate::base::caller::WorkspaceId;
use crate::base::id::SourceId;
use crate::base::page::Page;
use crate::db::{self, DbError, ToSql};
use crate::feed::ChangeKind;
use crate::filter::FilterText;

const COLUMNS: &str = "s.id, s.workspace_id, s.name, s.connector, s.enabled, s.options::text, s.filter,
    s.rate_limit_per_second, s.ip_allowlist, s.token, s.token_digest, s.previous_token_digest,
    s.previous_token_until, s.handshake_secret, s.handshake_at, s.created_at, s.updated_at";

/// How requests went, beside [`COLUMNS`].
const ACTIVITY: &str = "a.last_accepted_at, a.last_refused_at, a.last_refusal, coalesce(a.refused_in_row, 0),
    coalesce(c.accepted, 0)::bigint, coalesce(c.refused, 0)::bigint
    from sources s left join source_activity a on a.source_id = s.id
    left join lateral (
        select sum(accepted) as accepted, sum(refused) as refused from source_counts
        where source_id = s.id and since > now() - interval '24 hours'
    ) c on true";

/// Writes a new source with its secrets.
pub async fn insert(transaction: &Transaction<'_>, source: &StoredSource) -> Result<(), DbError> {
    transaction
        .execute(
            "insert into sources (id, workspace_id, name, connector, options, filter, rate_limit_per_second,
                 ip_allowlist, token, token_digest, created_at, updated_at)
             values ($1, $2, $3, $4, $5::text::json, $6, $7, $8, $9, $10, $11, $11)",
            &[
                &source.id,
                &source.workspace,
                &source.name,
                &source.connector,
                &options_text(source),
                &filter_text(source),
                &rate(source.rate_limit_per_second),
                &source.ip_allowlist,
                &source.token,
                &source.token_digest,
                &source.created_at,
            ],
        )
        .await?;
    for secret in &source.secrets {
        put_secret(transaction, source.id, secret).await?;
    }
    Ok(())
}

/// Writes all that a request can change, but its secrets.
pub async fn update(transaction: &Transaction<'_>, source: &StoredSource) -> Result<(), DbError> {
    transaction
        .execute(
            "update sources set name = $3, enabled = $4, options = $5::text::json, filter = $6,
                 rate_limit_per_second = $7, ip_allowlist = $8, token = $9, token_digest = $10,
                 previous_token_digest = $11, previous_token_until = $12, handshake_secret = $13,
                 handshake_at = $14, updated_at = $15
             where workspace_id = $1 and id = $2",
            &[
                &source.workspace,
                &source.id,
                &source.name,
                &source.enabled,
                &options_text(source),
                &filter_text(source),
                &rate(source.rate_limit_per_second),
                &source.ip_allowlist,
                &source.token,
                &source.token_digest,
                &source.previous_token_digest,
                &source.previous_token_until,
                &source.handshake_secret,
                &source.handshake_at,
                &source.updated_at,
            ],
        )
        .await?;
    Ok(())
}

/// Writes a secret.
pub async fn put_secret(
    transaction: &Transaction<'_>,
    id: SourceId,
    secret: &StoredSecret,
) -> Result<(), DbError> {
    transaction
        .execute(
            "insert into source_secrets (source_id, name, value, set_at, previous, previous_until)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (source_id, name) do update set value = excluded.value, set_at = excluded.set_at,
                 previous = excluded.previous, previous_until = excluded.previous_until",
            &[
                &id,
                &secret.name,
                &secret.value,
                &secret.set_at,
                &secret.previous,
                &secret.previous_until,
            ],
        )
        .await?;
    Ok(())
}

/// Forgets a secret.
pub async fn forget_secret(transaction: &Transaction<'_>, id: SourceId, name: &str) -> Result<(), DbError> {
    let statement = "delete from source_secrets where source_id = $1 and name = $2";
    transaction.execute(statement, &[&id, &name]).await?;
    Ok(())
}

/// Removes a source. Its events and their types stay.
pub async fn delete(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: SourceId,
) -> Result<(), DbError> {
    let statement = "delete from sources where workspace_id = $1 and id = $2";
    transaction.execute(statement, &[&workspace, &id]).await?;
    Ok(())
}

/// One source of a workspace, and how its requests went.
pub async fn find(
    client: &impl GenericClient,
    workspace: WorkspaceId,
    id: SourceId,
) -> Result<Option<(StoredSource, Activity)>, DbError> {
    let statement = format!("select {COLUMNS}, {ACTIVITY} where s.workspace_id = $1 and s.id = $2");
    let rows = client.query(&statement, &[&workspace, &id]).await?;
    let found = rows.iter().map(|row| (stored(row), activity(row))).collect();
    Ok(with_secrets(client, found).await?.pop())
}

/// One source of a workspace, locked until the transaction ends.
pub async fn lock(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: SourceId,
) -> Result<Option<(StoredSource, Activity)>, DbError> {
    let statement = "select from sources where workspace_id = $1 and id = $2 for no key update";
    transaction.execute(statement, &[&workspace, &id]).await?;
    find(transaction, workspace, id).await
}

/// A page of a workspace's sources, newest first.
pub async fn list(
    client: &Client,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<(StoredSource, Activity)>, DbError> {
    let after = page.after.as_deref().and_then(SourceId::parse);
    let statement = format!(
        "select {COLUMNS}, {ACTIVITY} where s.workspace_id = $1 and ($2::uuid is null or s.id < $2)
         order by s.id desc limit $3"
    );
    let rows = client
        .query(&statement, &[&workspace, &after, &page.fetch_count()])
        .await?;
    let found = rows.iter().map(|row| (stored(row), activity(row))).collect();
    with_secrets(client, found).await
}

/// A source as memory holds it, with the types that it has had.
pub type Loaded = (StoredSource, Vec<String>);

/// The sources with these ids, or all.
pub async fn load(client: &Client, ids: Option<&[Uuid]>) -> Result<Vec<Loaded>, DbError> {
    let statement = format!(
        "select {COLUMNS}, array(select name from source_types where source_id = s.id)
         from sources s where $1::uuid[] is null or s.id = any($1)"
    );
    let rows = client.query(&statement, &[&ids]).await?;
    let types = |row: &Row| row.get::<_, Vec<String>>(17);
    let found = rows.iter().map(|row| (stored(row), types(row))).collect();
    with_secrets(client, found).await
}

/// Adds the secrets of each.
async fn with_secrets<T>(
    client: &impl GenericClient,
    mut found: Vec<(StoredSource, T)>,
) -> Result<Vec<(StoredSource, T)>, DbError> {
    if found.is_empty() {
        return Ok(found);
    }
    let ids: Vec<SourceId> = found.iter().map(|(source, _)| source.id).collect();
    let statement = "select source_id, name, value, set_at, previous, previous_until
                     from source_secrets where source_id = any($1) order by name";
    let mut secrets: HashMap<SourceId, Vec<StoredSecret>> = HashMap::new();
    for row in client.query(statement, &[&ids]).await? {
        secrets.entry(row.get(0)).or_default().push(StoredSecret {
            name: row.get(1),
            value: row.get(2),
            set_at: row.get(3),
            previous: row.get(4),
            previous_until: row.get(5),
        });
    }
    for (source, _) in &mut found {
        source.secrets = secrets.remove(&source.id).unwrap_or_default();
    }
    Ok(found)
}

/// Keeps a type of a source's events, unless it has as many as it may; whether it is kept.
pub async fn add_type(
    client: &mut db::Client,
    workspace: WorkspaceId,
    id: SourceId,
    name: &str,
    is_exempt: bool,
) -> Result<bool, DbError> {
    let most = i64::try_from(MAX_TYPES).unwrap_or(i64::MAX);
    let transaction = db::begin(client).await?;
    // One after another, or those that meet at the last place would all take it.
    let statement = "select from sources where id = $1 for no key update";
    transaction.execute(statement, &[&id]).await?;
    // Every instance lists it within half a second, by the feed; nobody waits for that.
    let statement = "with added as (
                         insert into source_types (source_id, name, workspace_id)
                         select $1, $2, $3
                         where $4 or (select count(*) from source_types where source_id = $1) < $5
                         on conflict do nothing returning 1
                     )
                     insert into changes (kind, entity, workspace_id) select $6, $1, $3 from added";
    let kind = ChangeKind::EventType.name();
    let values: [&(dyn ToSql + Sync); 6] = [&id, &name, &workspace, &is_exempt, &most, &kind];
    transaction.execute(statement, &values).await?;
    let statement = "select from source_types where source_id = $1 and name = $2";
    let is_kept = transaction.query_opt(statement, &[&id, &name]).await?.is_some();
    db::commit(transaction).await?;
    Ok(is_kept)
}

/// Keeps what a handshake handed out, if the source has none yet; whether it did.
pub async fn put_handshake(
    transaction: &Transaction<'_>,
    id: SourceId,
    secret: &str,
    sealed: &[u8],
) -> Result<bool, DbError> {
    let statement = "update sources set handshake_secret = $3, handshake_at = now()
                     where id = $1 and handshake_secret is null
                       and not exists (select from source_secrets where source_id = $1 and name = $2)";
    Ok(transaction.execute(statement, &[&id, &secret, &sealed]).await? == 1)
}

fn stored(row: &Row) -> StoredSource {
    let options: Option<BTreeMap<String, String>> = serde_json::from_str(row.get(5)).ok();
    let filter: Option<String> = row.get(6);
    let rate: Option<i32> = row.get(7);
    StoredSource {
        id: row.get(0),
        workspace: row.get(1),
        name: row.get(2),
        connector: row.get(3),
        enabled: row.get(4),
        // Only options that were checked are stored.
        options: options.unwrap_or_default(),
        filter: filter.and_then(FilterText::parse),
        rate_limit_per_second: rate.and_then(|rate| u32::try_from(rate).ok()),
        ip_allowlist: row.get(8),
        token: row.get(9),
        token_digest: row.get(10),
        previous_token_digest: row.get(11),
        previous_token_until: row.get(12),
        handshake_secret: row.get(13),
        handshake_at: row.get(14),
        created_at: row.get(15),
        updated_at: row.get(16),
        secrets: Vec::new(),
    }
}

fn activity(row: &Row) -> Activity {
    let count = |column| u64::try_from(row.get::<_, i64>(column)).unwrap_or_default();
    Activity {
        last_accepted_at: row.get(17),
        last_refused_at: row.get(18),
        last_refusal: row.get(19),
        refused_in_row: u32::try_from(row.get::<_, i32>(20)).unwrap_or_default(),
        accepted_24h: count(21),
        refused_24h: count(22),
    }
}

fn options_text(source: &StoredSource) -> String {
    // Texts cannot fail to serialise.
    serde_json::to_string(&source.options).unwrap_or_else(|_| "{}".to_owned())
}

fn filter_text(source: &StoredSource) -> Option<&str> {
    source.filter.as_ref().map(FilterText::as_str)
}

fn rate(rate: Option<u32>) -> Option<i32> {
    rate.and_then(|rate| i32::try_from(rate).ok())
}
