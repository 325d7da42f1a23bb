//! The SQL of the event types that workspaces add.

use serde::Serialize;
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::id::next_uuid;
use crate::db::DbError;

/// A type as the API shows it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct EventType {
    pub name: String,
    pub description: String,
    /// Whether every workspace has it.
    pub built_in: bool,
}

/// The names that these workspaces added, or that all did.
pub(super) async fn names(
    client: &Client,
    workspaces: Option<&[WorkspaceId]>,
) -> Result<Vec<(WorkspaceId, Vec<String>)>, DbError> {
    let rows = client
        .query(
            "select workspace_id, array_agg(name) from event_types
             where $1::int4[] is null or workspace_id = any($1) group by workspace_id",
            &[&workspaces],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The types that `workspace` added, newest first.
pub async fn list_added(client: &Client, workspace: WorkspaceId) -> Result<Vec<EventType>, DbError> {
    let rows = client
        .query(
            "select name, description from event_types where workspace_id = $1 order by id desc",
            &[&workspace],
        )
        .await?;
    let types = rows.iter().map(|row| EventType {
        name: row.get(0),
        description: row.get(1),
        built_in: false,
    });
    Ok(types.collect())
}

/// Adds a type; `None` if the workspace has it.
pub async fn insert(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    name: &str,
    description: &str,
) -> Result<Option<Uuid>, DbError> {
    let row = transaction
        .query_opt(
            "insert into event_types (id, workspace_id, name, description, created_at)
             values ($1, $2, $3, $4, now()) on conflict do nothing returning id",
            &[&next_uuid(), &workspace, &name, &description],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}
