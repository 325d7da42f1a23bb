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

/// A workspace, the names that it added, the connectors that it has sources of, and the types that came from sources.
pub(super) type Named = (WorkspaceId, Vec<String>, Vec<String>, Vec<String>);

/// What these workspaces know beside the built-in types, or what all do.
pub(super) async fn names(
    client: &Client,
    workspaces: Option<&[WorkspaceId]>,
) -> Result<Vec<Named>, DbError> {
    let rows = client
        .query(
            "select workspace_id, coalesce(array_agg(name) filter (where name is not null), '{}'),
                 coalesce(array_agg(connector) filter (where connector is not null), '{}'),
                 coalesce(array_agg(came order by came) filter (where came is not null), '{}')
             from (
                 select workspace_id, name, null as connector, null as came from event_types
                 union all
                 select distinct workspace_id, null, connector, null from sources
                 union all
                 select distinct workspace_id, null, null, name from source_types
             ) as known
             where $1::int4[] is null or workspace_id = any($1) group by workspace_id",
            &[&workspaces],
        )
        .await?;
    let named = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)));
    Ok(named.collect())
}

/// The types that events of the workspace's sources have had, in the order of their names.
pub async fn list_of_sources(client: &Client, workspace: WorkspaceId) -> Result<Vec<EventType>, DbError> {
    let statement = "select distinct name from source_types where workspace_id = $1 order by name";
    let rows = client.query(statement, &[&workspace]).await?;
    let types = rows.iter().map(|row| EventType {
        name: row.get(0),
        description: "Came from a source.".to_owned(),
        built_in: false,
    });
    Ok(types.collect())
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
