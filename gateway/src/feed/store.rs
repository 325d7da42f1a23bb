//! The log table of the change feed.

use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use super::ChangeKind;
use crate::base::caller::WorkspaceId;
use crate::db::DbError;

const CHANNEL: &str = "gateway_changes";

/// One row of the log.
#[derive(Debug, Clone)]
pub struct Change {
    pub kind: String,
    pub entity: Uuid,
    pub workspace: WorkspaceId,
}

/// Writes a change in its own transaction and wakes the readers at its commit.
///
/// NOTIFY locks all commits of the database, so this is for rare changes, never for traffic.
pub async fn record(
    transaction: &Transaction<'_>,
    kind: ChangeKind,
    workspace: WorkspaceId,
    entity: Uuid,
) -> Result<(), DbError> {
    transaction
        .execute(
            "insert into changes (kind, entity, workspace_id) values ($1, $2, $3)",
            &[&kind.name(), &entity, &workspace],
        )
        .await?;
    transaction
        .execute("select pg_notify($1, '')", &[&CHANNEL])
        .await?;
    Ok(())
}

pub(super) async fn listen(session: &Client) -> Result<(), DbError> {
    Ok(session.batch_execute(&format!("listen {CHANNEL}")).await?)
}

/// The oldest transaction that is still open: all before it are visible from now on.
pub(super) async fn position(session: &Client) -> Result<String, DbError> {
    let row = session
        .query_one("select pg_snapshot_xmin(pg_current_snapshot())::text", &[])
        .await?;
    Ok(row.get(0))
}

/// The changes since `position`, and the next position, of one snapshot. Some may have been read before.
pub(super) async fn read_since(session: &Client, position: &str) -> Result<(String, Vec<Change>), DbError> {
    let rows = session
        .query(
            "select pg_snapshot_xmin(pg_current_snapshot())::text, kind, entity, workspace_id
             from (values (1)) as always
             left join (
                 select kind, entity, workspace_id from changes where xid >= ($1::text)::xid8
             ) as found on true",
            &[&position],
        )
        .await?;
    let next = rows.first().map(|row| row.get(0));
    let changes = rows.iter().filter_map(|row| {
        Some(Change {
            kind: row.get::<_, Option<String>>(1)?,
            entity: row.get(2),
            workspace: row.get(3),
        })
    });
    let changes = changes.collect();
    Ok((next.unwrap_or_else(|| position.to_owned()), changes))
}

/// Forgets changes older than a day, a bounded number at a time.
pub async fn purge(client: &Client) -> Result<(), DbError> {
    while client
        .execute(
            "delete from changes where ctid = any(array(
                 select ctid from changes where at < now() - interval '1 day' limit 50000))",
            &[],
        )
        .await?
        > 0
    {}
    Ok(())
}
