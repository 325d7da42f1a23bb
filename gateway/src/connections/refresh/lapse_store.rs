//! The SQL of connections that end.

use tokio_postgres::{Client, Transaction};

use crate::base::caller::WorkspaceId;
use crate::base::id::ConnectionId;
use crate::connections::model::Status;
use crate::connections::store::{COLUMNS, stored};
use crate::connections::stored::StoredConnection;
use crate::db::DbError;

/// When a connection ends for good: with what renews it, else with its token.
const END: &str = "case when refresh_at is null and leased_until is null
    then least(expires_at, grant_expires_at) else grant_expires_at end";

/// What has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lapse {
    /// It ends within a week.
    Expiring,
    Ended,
}

/// Some connections whose end has come, or comes within a week and is not told yet.
pub async fn due(client: &Client, count: i64) -> Result<Vec<(ConnectionId, WorkspaceId)>, DbError> {
    let statement = format!(
        "select id, workspace_id from connections
         where kind = 'oauth2' and tokens is not null and (expires_at is not null or grant_expires_at is not null)
           and ((status in ('ready', 'failing') and {END} <= now() + interval '7 days')
             or (status in ('ready', 'failing', 'expiring') and {END} <= now()))
         limit $1"
    );
    let rows = client.query(&statement, &[&count]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Writes what has come of a connection, and its status before; `None` where another instance has, or nothing has come.
pub async fn put_lapse(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    id: ConnectionId,
) -> Result<Option<(Lapse, Status, StoredConnection)>, DbError> {
    let look = format!(
        "select status, {END} <= now() from connections
         where workspace_id = $1 and id = $2 and tokens is not null
           and ((status in ('ready', 'failing') and {END} <= now() + interval '7 days')
             or (status in ('ready', 'failing', 'expiring') and {END} <= now()))
         for no key update"
    );
    let Some(row) = transaction.query_opt(&look, &[&workspace, &id]).await? else {
        return Ok(None);
    };
    let before = Status::parse(row.get(0)).unwrap_or(Status::Failing);
    let (lapse, status, detail) = match row.get(1) {
        true => (
            Lapse::Ended,
            Status::Reconnect,
            "Its token has ended, and nothing renews it. Connect it again.",
        ),
        false => (
            Lapse::Expiring,
            Status::Expiring,
            "It ends soon, and cannot be renewed by itself. Connect it again.",
        ),
    };
    let statement = format!(
        "update connections c set status = $3, status_detail = $4
         where c.workspace_id = $1 and c.id = $2 returning {COLUMNS}"
    );
    let row = transaction
        .query_one(&statement, &[&workspace, &id, &status.name(), &detail])
        .await?;
    Ok(Some((lapse, before, stored(&row))))
}
