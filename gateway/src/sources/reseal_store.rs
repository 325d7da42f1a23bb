//! The SQL of sealing values of sources again.

use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::base::id::SourceId;
use crate::db::DbError;

/// One sealed value, and where it stands.
#[derive(Debug)]
pub struct SealedValue {
    /// Which column: a word of [`values_of`].
    place: String,
    /// The secret's name or the receipt's id; empty for columns of the source itself.
    key: String,
    pub value: Vec<u8>,
}

/// The next sources after `after`, of all workspaces, locked until the transaction ends.
pub async fn lock_next(
    transaction: &Transaction<'_>,
    after: Uuid,
    count: i64,
) -> Result<Vec<SourceId>, DbError> {
    let statement = "select id from sources where id > $1 order by id limit $2 for update";
    let rows = transaction.query(statement, &[&after, &count]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// All that is sealed of a source.
pub async fn values_of(transaction: &Transaction<'_>, id: SourceId) -> Result<Vec<SealedValue>, DbError> {
    let statement = "
        select 'token', '', token from sources where id = $1
        union all select 'handshake', '', handshake_secret from sources where id = $1 and handshake_secret is not null
        union all select 'secret', name, value from source_secrets where source_id = $1
        union all select 'previous', name, previous from source_secrets where source_id = $1 and previous is not null
        union all select 'receipt', id::text, sealed from source_receipts where source_id = $1 and sealed is not null";
    let rows = transaction.query(statement, &[&id]).await?;
    let values = rows.iter().map(|row| SealedValue {
        place: row.get(0),
        key: row.get(1),
        value: row.get(2),
    });
    Ok(values.collect())
}

/// Writes a value that was sealed again. Nothing changes for readers, so neither does `updated_at`.
pub async fn put_value(
    transaction: &Transaction<'_>,
    id: SourceId,
    sealed: &SealedValue,
    fresh: &[u8],
) -> Result<(), DbError> {
    let statement = match sealed.place.as_str() {
        "token" => "update sources set token = $3 where id = $1 and $2 = ''",
        "handshake" => "update sources set handshake_secret = $3 where id = $1 and $2 = ''",
        "secret" => "update source_secrets set value = $3 where source_id = $1 and name = $2",
        "previous" => "update source_secrets set previous = $3 where source_id = $1 and name = $2",
        _ => "update source_receipts set sealed = $3 where source_id = $1 and id = $2::text::uuid",
    };
    transaction
        .execute(statement, &[&id, &sealed.key, &fresh])
        .await?;
    Ok(())
}
