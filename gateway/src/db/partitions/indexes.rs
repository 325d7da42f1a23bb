//! Indexes that a migration has given to a partitioned table, and that partitions with rows do not have yet. They are built
//! while others write, which no migration could do in its transaction.

use tokio_postgres::Client;

use super::days::{Undone, patiently};
use crate::db::error::DbError;

const TABLE: &str = "deliveries";
/// Indexes that others have replaced: they go once those are complete.
const REPLACED: &str = "deliveries_listing, deliveries_pending, deliveries_failed, deliveries_again";

/// An index that one partition lacks.
struct Missing {
    parent: String,
    partition: String,
    /// From `USING` on.
    definition: String,
}

impl Missing {
    fn name(&self) -> String {
        let suffix = self.parent.strip_prefix(TABLE).unwrap_or(&self.parent);
        format!("{}{suffix}", self.partition)
    }
}

/// Builds what is missing, newest days first, and then drops what was replaced; the partitions where that failed.
pub async fn ensure_indexes(client: &Client) -> Result<Vec<Undone>, DbError> {
    let mut undone = Vec::new();
    let missing = missing(client).await?;
    let were_complete = missing.is_empty();
    for missing in missing {
        match build(client, &missing).await {
            Ok(()) => tracing::info!(index = missing.name(), "built"),
            Err(fault) => undone.push(Undone {
                partition: missing.partition,
                fault,
            }),
        }
    }
    if were_complete && has_replaced(client).await? {
        patiently(client, &format!("drop index if exists {REPLACED}")).await?;
    }
    Ok(undone)
}

async fn missing(client: &Client) -> Result<Vec<Missing>, DbError> {
    let rows = client
        .query(
            "select parent.relname, part.relname, substring(pg_get_indexdef(parent.oid) from ' (USING .*)$')
             from pg_index i
             join pg_class parent on parent.oid = i.indexrelid
             join pg_inherits p on p.inhparent = i.indrelid
             join pg_class part on part.oid = p.inhrelid
             where i.indrelid = to_regclass($1) and not exists (
                 select from pg_inherits has join pg_index own on own.indexrelid = has.inhrelid
                 where has.inhparent = i.indexrelid and own.indrelid = part.oid)
             order by part.relname desc, parent.relname",
            &[&TABLE],
        )
        .await?;
    let missing = rows.iter().map(|row| Missing {
        parent: row.get(0),
        partition: row.get(1),
        definition: row.get(2),
    });
    Ok(missing.collect())
}

async fn has_replaced(client: &Client) -> Result<bool, DbError> {
    let statement = "select exists (select from pg_class where relname = any(string_to_array($1, ', ')))";
    Ok(client.query_one(statement, &[&REPLACED]).await?.get(0))
}

async fn build(client: &Client, missing: &Missing) -> Result<(), DbError> {
    let Missing {
        parent,
        partition,
        definition,
    } = missing;
    let name = missing.name();
    // What an earlier round has left half built.
    let is_broken =
        "select exists (select from pg_index where indexrelid = to_regclass($1) and not indisvalid)";
    if client.query_one(is_broken, &[&name]).await?.get(0) {
        patiently(client, &format!("drop index {name}")).await?;
    }
    // It waits for transactions that are under way, and nobody waits for it: so it may wait for longer than others of upkeep.
    client.batch_execute("set lock_timeout = '60s'").await?;
    let built = client
        .batch_execute(&format!(
            "create index concurrently if not exists {name} on {partition} {definition}"
        ))
        .await;
    client.batch_execute("reset lock_timeout").await?;
    built?;
    patiently(client, &format!("alter index {parent} attach partition {name}")).await
}
