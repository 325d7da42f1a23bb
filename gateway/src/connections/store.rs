//! The SQL of connections. Fields and tokens pass through here sealed.

use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use super::model::{Status, UsedBy};
use super::stored::StoredConnection;
use crate::base::caller::WorkspaceId;
use crate::base::id::ConnectionId;
use crate::base::page::Page;
use crate::db::DbError;

/// What a [`StoredConnection`] is read from, of `connections c`.
pub const COLUMNS: &str =
    "c.id, c.workspace_id, c.name, c.connector, c.kind, c.fields, c.tokens, c.scopes, c.account,
    c.status, c.status_detail, c.expires_at, c.refreshed_at, c.created_at, c.updated_at";

/// How many rules and sources use a row of `connections c`.
const USED_BY: &str =
    "(select count(*) from connection_uses u where u.connection_id = c.id and u.user_kind = 'rule'),
    (select count(*) from connection_uses u where u.connection_id = c.id and u.user_kind = 'source')";

/// Reads [`COLUMNS`], which begin the row.
pub fn stored(row: &Row) -> StoredConnection {
    StoredConnection {
        id: row.get(0),
        workspace: row.get(1),
        name: row.get(2),
        connector: row.get(3),
        kind: row.get(4),
        fields: row.get(5),
        tokens: row.get(6),
        scopes: row.get(7),
        account: row.get(8),
        // The column takes no other.
        status: Status::parse(row.get(9)).unwrap_or(Status::Failing),
        status_detail: row.get(10),
        expires_at: row.get(11),
        refreshed_at: row.get(12),
        created_at: row.get(13),
        updated_at: row.get(14),
    }
}

fn with_uses(row: &Row) -> (StoredConnection, UsedBy) {
    let used_by = UsedBy {
        rules: row.get(15),
        sources: row.get(16),
    };
    (stored(row), used_by)
}

/// Writes a new connection. With `is_due` a token is asked for at once.
pub async fn insert(
    transaction: &Transaction<'_>,
    connection: &StoredConnection,
    is_due: bool,
) -> Result<(), DbError> {
    transaction
        .execute(
            "insert into connections (id, workspace_id, name, connector, kind, fields, status, status_detail,
                 created_at, updated_at, refresh_at, used_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, case when $10 then now() end, now())",
            &[
                &connection.id,
                &connection.workspace,
                &connection.name,
                &connection.connector,
                &connection.kind,
                &connection.fields,
                &connection.status.name(),
                &connection.status_detail,
                &connection.created_at,
                &is_due,
            ],
        )
        .await?;
    Ok(())
}

/// Writes what a request can change. With `is_due` a token is asked for at once, and an answer that is under way for the
/// fields of before does not count.
pub async fn update(
    transaction: &Transaction<'_>,
    connection: &StoredConnection,
    is_due: bool,
) -> Result<(), DbError> {
    transaction
        .execute(
            "update connections set name = $3, fields = $4, account = $5, status = $6, status_detail = $7,
                 updated_at = $8, tokens = $9,
                 refresh_at = case when $10 then now() else refresh_at end,
                 refresh_failures = case when $10 then 0 else refresh_failures end,
                 leased_until = case when $10 then null else leased_until end,
                 fence = case when $10 then fence + 1 else fence end,
                 expires_at = case when $9::bytea is null then null else expires_at end
             where workspace_id = $1 and id = $2",
            &[
                &connection.workspace,
                &connection.id,
                &connection.name,
                &connection.fields,
                &connection.account,
                &connection.status.name(),
                &connection.status_detail,
                &connection.updated_at,
                &connection.tokens,
                &is_due,
            ],
        )
        .await?;
    Ok(())
}

/// Notes that a connection works, and whose it is where that was told; unless it has changed since `tested` was read.
pub async fn note_success(
    client: &Client,
    tested: &StoredConnection,
    account: Option<&str>,
) -> Result<(), DbError> {
    client
        .execute(
            "update connections set account = coalesce($4, account),
                 status = case when status in ('failing', 'reconnect') then 'ready' else status end,
                 status_detail = case when status in ('failing', 'reconnect') then null else status_detail end
             where workspace_id = $1 and id = $2 and updated_at = $3",
            &[&tested.workspace, &tested.id, &tested.updated_at, &account],
        )
        .await?;
    Ok(())
}

/// Notes that a connection is wanted: its token is kept fresh from now on.
pub async fn note_use(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: ConnectionId,
) -> Result<(), DbError> {
    let statement = "update connections set used_at = now() where workspace_id = $1 and id = $2";
    transaction.execute(statement, &[&workspace, &id]).await?;
    Ok(())
}

/// Deletes a connection that is locked and not used.
pub async fn delete(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: ConnectionId,
) -> Result<(), DbError> {
    let statement = "delete from connections where workspace_id = $1 and id = $2";
    transaction.execute(statement, &[&workspace, &id]).await?;
    Ok(())
}

/// One connection of a workspace.
pub async fn find(
    client: &Client,
    workspace: WorkspaceId,
    id: ConnectionId,
) -> Result<Option<(StoredConnection, UsedBy)>, DbError> {
    let statement =
        format!("select {COLUMNS}, {USED_BY} from connections c where workspace_id = $1 and id = $2");
    let row = client.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.as_ref().map(with_uses))
}

/// One connection of a workspace, locked until the transaction ends, also against new uses.
pub async fn lock(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: ConnectionId,
) -> Result<Option<StoredConnection>, DbError> {
    let statement =
        format!("select {COLUMNS} from connections c where workspace_id = $1 and id = $2 for update");
    let row = transaction.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.as_ref().map(stored))
}

/// A page of a workspace's connections, newest first.
pub async fn list(
    client: &Client,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<(StoredConnection, UsedBy)>, DbError> {
    let after = page.after.as_deref().and_then(ConnectionId::parse);
    let statement = format!(
        "select {COLUMNS}, {USED_BY} from connections c
         where workspace_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3"
    );
    let rows = client
        .query(&statement, &[&workspace, &after, &page.fetch_count()])
        .await?;
    Ok(rows.iter().map(with_uses).collect())
}

/// All connections, or those with these ids, of every workspace: for memory.
pub async fn load(client: &Client, ids: Option<&[Uuid]>) -> Result<Vec<StoredConnection>, DbError> {
    let statement = format!("select {COLUMNS} from connections c where $1::uuid[] is null or id = any($1)");
    let rows = client.query(&statement, &[&ids]).await?;
    Ok(rows.iter().map(stored).collect())
}

/// How many connections of all workspaces have each status.
pub async fn count_by_status(client: &Client) -> Result<Vec<(String, i64)>, DbError> {
    let statement = "select status, count(*) from connections group by status";
    let rows = client.query(statement, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// What is sealed of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub id: ConnectionId,
    pub fields: Vec<u8>,
    pub tokens: Option<Vec<u8>>,
}

/// What is sealed of the next connections after `after`, of all workspaces, locked until the transaction ends.
pub async fn lock_sealed(
    transaction: &Transaction<'_>,
    after: Uuid,
    count: i64,
) -> Result<Vec<Sealed>, DbError> {
    let statement =
        "select id, fields, tokens from connections where id > $1 order by id limit $2 for update";
    let rows = transaction.query(statement, &[&after, &count]).await?;
    let sealed = rows.iter().map(|row| Sealed {
        id: row.get(0),
        fields: row.get(1),
        tokens: row.get(2),
    });
    Ok(sealed.collect())
}

/// Writes what was sealed again. Nothing changes for readers, so neither does `updated_at`.
pub async fn put_sealed(transaction: &Transaction<'_>, sealed: &Sealed) -> Result<(), DbError> {
    let statement = "update connections set fields = $2, tokens = $3 where id = $1";
    transaction
        .execute(statement, &[&sealed.id, &sealed.fields, &sealed.tokens])
        .await?;
    Ok(())
}
