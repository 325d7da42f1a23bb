//! The SQL of a token that is wanted at once.

use tokio_postgres::Client;

use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::ConnectionId;
use crate::db::DbError;

/// Has a connection's token renewed now, unless it was since `seen`. `false`: it cannot be renewed by itself, or the last
/// call failed and the next one has its time.
pub async fn want(
    client: &Client,
    workspace: WorkspaceId,
    id: ConnectionId,
    seen: Option<Millis>,
) -> Result<bool, DbError> {
    let row = client
        .query_opt(
            "with wanted as (
                 update connections set refresh_at = now(), used_at = now()
                 where workspace_id = $1 and id = $2 and status <> 'reconnect' and refresh_failures = 0
                   and (refresh_at is null or refresh_at > now())
                   and (leased_until is null or leased_until <= now())
                   and (date_trunc('milliseconds', refreshed_at) is not distinct from $3)
                   and kind in ('oauth2', 'client_credentials', 'service_account')
                   and (kind <> 'oauth2' or tokens is not null)
                 returning id
             )
             select exists (select from wanted) or (
                 status <> 'reconnect' and refresh_failures = 0
                 and (refresh_at is not null or date_trunc('milliseconds', refreshed_at) is distinct from $3)
             )
             from connections where workspace_id = $1 and id = $2",
            &[&workspace, &id, &seen],
        )
        .await?;
    Ok(row.is_some_and(|row| row.get(0)))
}
