//! The SQL of workspaces, each of which owns its rows. Only the command line creates them.

use tokio_postgres::{Client, Transaction};

use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::db::DbError;

/// A workspace.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Workspace {
    pub name: String,
    pub created_at: Millis,
}

/// The workspace of that name.
pub async fn find(client: &Client, name: &str) -> Result<Option<WorkspaceId>, DbError> {
    let row = client
        .query_opt("select id from workspaces where name = $1", &[&name])
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// All workspaces by name.
pub async fn list(client: &Client) -> Result<Vec<Workspace>, DbError> {
    let rows = client
        .query("select name, created_at from workspaces order by name", &[])
        .await?;
    let workspaces = rows.iter().map(|row| Workspace {
        name: row.get(0),
        created_at: row.get(1),
    });
    Ok(workspaces.collect())
}

/// Makes a workspace; `None` if the name is taken.
pub async fn insert(transaction: &Transaction<'_>, name: &str) -> Result<Option<WorkspaceId>, DbError> {
    let row = transaction
        .query_opt(
            "insert into workspaces (name) values ($1) on conflict (name) do nothing returning id",
            &[&name],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}
