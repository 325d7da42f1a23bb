//! The SQL of kept uploads.

use tokio_postgres::Client;
use uuid::Uuid;

use super::{CheckedColumn, KeptFile};
use crate::base::caller::WorkspaceId;
use crate::db::{self, DbError};
use crate::imports::job::packing::{Coding, Packing};
use crate::imports::store::signed;

/// Uploads that a workspace keeps; a further one takes the place of the oldest.
const MAX_FILES: i64 = 32;
/// A kept upload that has expired goes with this delay, and the parts of one that never came to its end, so that nothing
/// that is being read or written is taken away.
const GRACE: &str = "interval '15 minutes'";

/// Stores a part of an upload.
pub async fn add_part(client: &Client, file: Uuid, part: i32, bytes: &[u8]) -> Result<(), DbError> {
    let statement = "insert into import_kept_parts (file, part, bytes) values ($1, $2, $3)";
    client.execute(statement, &[&file, &part, &bytes]).await?;
    Ok(())
}

/// A part of an upload, if it is there.
pub async fn part(client: &Client, file: Uuid, part: i32) -> Result<Option<Vec<u8>>, DbError> {
    let statement = "select bytes from import_kept_parts where file = $1 and part = $2";
    let row = client.query_opt(statement, &[&file, &part]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Keeps an upload for an import, for an hour from now on.
pub async fn keep(
    client: &mut db::Client,
    workspace: WorkspaceId,
    import_no: i32,
    kept: &KeptFile,
    columns: &[CheckedColumn],
) -> Result<(), DbError> {
    let Packing {
        coding,
        boundary,
        charset,
    } = &kept.packing;
    // Texts cannot fail to serialise.
    let parameters = serde_json::to_string(&kept.parameters).unwrap_or_default();
    let columns = serde_json::to_string(columns).unwrap_or_default();
    let transaction = db::begin(client).await?;
    transaction
        .execute(
            "insert into import_kept (import_no, workspace_id, file, byte_count, coding, boundary, charset, parameters,
                 columns, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, ($8::text)::json, ($9::text)::json, now() + interval '1 hour')",
            &[
                &import_no,
                &workspace,
                &kept.file,
                &signed(kept.byte_count),
                &coding.word(),
                boundary,
                charset,
                &parameters,
                &columns,
            ],
        )
        .await?;
    let surplus =
        "select import_no from import_kept where workspace_id = $1 order by import_no desc offset $2";
    for row in transaction.query(surplus, &[&workspace, &MAX_FILES]).await? {
        drop_of(&transaction, row.get(0)).await?;
    }
    db::commit(transaction).await
}

/// What is kept of an import's upload.
pub async fn find(client: &Client, import_no: i32) -> Result<Option<KeptFile>, DbError> {
    let statement = "select file, byte_count, coding, boundary, charset, parameters::text from import_kept
                     where import_no = $1 and expires_at > now()";
    let row = client.query_opt(statement, &[&import_no]).await?;
    Ok(row.and_then(|row| {
        let byte_count: i64 = row.get(1);
        let packing = Packing {
            coding: Coding::named(row.get(2))?,
            boundary: row.get(3),
            charset: row.get(4),
        };
        Some(KeptFile {
            file: row.get(0),
            byte_count: u64::try_from(byte_count).ok()?,
            packing,
            // What `keep` has written can be read.
            parameters: serde_json::from_str(row.get(5)).ok()?,
        })
    }))
}

/// Drops what is kept for an import, and its bytes unless another import has them too.
pub async fn drop_kept(client: &mut db::Client, import_no: i32) -> Result<(), DbError> {
    let transaction = db::begin(client).await?;
    drop_of(&transaction, import_no).await?;
    db::commit(transaction).await
}

async fn drop_of(transaction: &db::Transaction<'_>, import_no: i32) -> Result<(), DbError> {
    let statement = "delete from import_kept where import_no = $1 returning file";
    if let Some(row) = transaction.query_opt(statement, &[&import_no]).await? {
        let parts = "delete from import_kept_parts where file = $1
                     and not exists (select from import_kept where file = $1)";
        let file: Uuid = row.get(0);
        transaction.execute(parts, &[&file]).await?;
    }
    Ok(())
}

/// Removes the bytes of an upload that is not kept.
pub async fn discard(client: &Client, file: Uuid) -> Result<(), DbError> {
    let statement = "delete from import_kept_parts where file = $1";
    client.execute(statement, &[&file]).await?;
    Ok(())
}

/// Removes what has expired, and what an instance that died left of uploads.
pub async fn purge(client: &Client) -> Result<(), DbError> {
    let expired = format!("delete from import_kept where expires_at < now() - {GRACE}");
    client.execute(&expired, &[]).await?;
    let orphans = format!(
        "delete from import_kept_parts p
         where not exists (select from import_kept k where k.file = p.file)
           and p.file in (select file from import_kept_parts group by file
                          having max(created_at) < now() - {GRACE})"
    );
    client.execute(&orphans, &[]).await?;
    Ok(())
}
