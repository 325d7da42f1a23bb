//! The SQL of connections that a vendor refuses.

use tokio_postgres::Transaction;

use crate::connections::registry::Live;
use crate::connections::store::{COLUMNS, stored};
use crate::connections::stored::StoredConnection;
use crate::db::DbError;

/// Has a person connect it again, unless it was changed, renewed or given up since `live` was read; the connection then.
pub async fn give_up(
    transaction: &Transaction<'_>,
    live: &Live,
    detail: &str,
) -> Result<Option<StoredConnection>, DbError> {
    let statement = format!(
        "update connections c set status = 'reconnect', status_detail = $3, refresh_at = null
         where c.workspace_id = $1 and c.id = $2 and c.status not in ('reconnect', 'pending')
           and date_trunc('milliseconds', c.updated_at) = $4
           and date_trunc('milliseconds', c.refreshed_at) is not distinct from $5
         returning {COLUMNS}"
    );
    let row = transaction
        .query_opt(
            &statement,
            &[
                &live.workspace,
                &live.id,
                &detail,
                &live.updated_at,
                &live.refreshed_at,
            ],
        )
        .await?;
    Ok(row.as_ref().map(stored))
}
