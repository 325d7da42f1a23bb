//! The SQL of who uses a connection. A connection that is used cannot be deleted.

use tokio_postgres::Transaction;
use uuid::Uuid;

use super::model::UsedBy;
use crate::base::caller::WorkspaceId;
use crate::base::id::ConnectionId;
use crate::db::DbError;

/// What can use a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    Rule(Uuid),
    Source(Uuid),
}

impl User {
    const fn kind(self) -> &'static str {
        match self {
            Self::Rule(_) => "rule",
            Self::Source(_) => "source",
        }
    }

    const fn id(self) -> Uuid {
        match self {
            Self::Rule(id) | Self::Source(id) => id,
        }
    }
}

/// Notes which connection a rule or a source uses from now on. `false`: the workspace has no such connection, and nothing
/// is changed.
pub async fn put(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    user: User,
    connection: ConnectionId,
) -> Result<bool, DbError> {
    // The lock meets that of a deletion.
    let statement = "select from connections where workspace_id = $1 and id = $2 for key share";
    let found = transaction
        .query_opt(statement, &[&workspace, &connection])
        .await?;
    if found.is_none() {
        return Ok(false);
    }
    transaction
        .execute(
            "insert into connection_uses (user_kind, user_id, connection_id) values ($1, $2, $3)
             on conflict (user_kind, user_id) do update set connection_id = excluded.connection_id",
            &[&user.kind(), &user.id(), &connection],
        )
        .await?;
    Ok(true)
}

/// Notes that a rule or a source uses no connection any more.
pub async fn clear(transaction: &Transaction<'_>, user: User) -> Result<(), DbError> {
    let statement = "delete from connection_uses where user_kind = $1 and user_id = $2";
    transaction
        .execute(statement, &[&user.kind(), &user.id()])
        .await?;
    Ok(())
}

/// How many use a connection.
pub async fn count(transaction: &Transaction<'_>, connection: ConnectionId) -> Result<UsedBy, DbError> {
    let row = transaction
        .query_one(
            "select count(*) filter (where user_kind = 'rule'), count(*) filter (where user_kind = 'source')
             from connection_uses where connection_id = $1",
            &[&connection],
        )
        .await?;
    Ok(UsedBy {
        rules: row.get(0),
        sources: row.get(1),
    })
}
