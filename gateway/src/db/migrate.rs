//! The schema: brought up to date under an advisory lock, or checked where the operator migrates separately.

use super::error::DbError;
use super::partitions::ensure_partitions;
use super::pool::Db;
use super::pooler::{self, Between};
use super::session::Purpose;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// "gateway migrations", as any 64 bits that nobody else uses.
const LOCK: i64 = 0x6761_7465_6d69_6772;

/// Why the schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(
        "database.url leads to a pooler that gives each transaction another session, which loses locks, prepared statements \
         and notifications; use its session mode (PgBouncer: pool_mode = session) or the server's own address"
    )]
    TransactionPooler,
    #[error("a migration failed: {0}")]
    Migration(#[from] refinery::Error),
    #[error(
        "the schema is too old: it stands at version {found}, this gateway needs {needed}; run `gateway migrate`"
    )]
    TooOld { found: i32, needed: i32 },
    #[error(
        "the schema is too new: it stands at version {found}, this gateway knows up to {needed}; upgrade the gateway"
    )]
    TooNew { found: i32, needed: i32 },
}

/// Brings the schema up to date. Safe to run twice and from many instances at once.
pub async fn migrate(db: &Db) -> Result<(), SchemaError> {
    refuse_transaction_pooler(db).await?;
    let mut client = db.connect_for(Purpose::Migration).await?;
    client
        .execute("select pg_advisory_lock($1)", &[&LOCK])
        .await
        .map_err(DbError::from)?;
    let found = version(&client).await?;
    let needed = needed_version();
    if found > needed {
        refuse_unfit(&client, found, needed).await?;
        ensure_partitions(&client).await?;
        return Ok(());
    }
    let report = embedded::migrations::runner().run_async(&mut *client).await?;
    for applied in report.applied_migrations() {
        tracing::info!(migration = %applied, "applied");
    }
    ensure_partitions(&client).await?;
    // The lock goes with the session.
    Ok(())
}

/// Refuses a schema that this version cannot work with.
pub async fn check_schema(db: &Db) -> Result<(), SchemaError> {
    refuse_transaction_pooler(db).await?;
    let client = db.connect().await?;
    let found = version(&client).await?;
    let needed = needed_version();
    match found.cmp(&needed) {
        std::cmp::Ordering::Less => Err(SchemaError::TooOld { found, needed }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => refuse_unfit(&client, found, needed).await,
    }
}

async fn refuse_transaction_pooler(db: &Db) -> Result<(), SchemaError> {
    match pooler::look(db).await? {
        Between::Nothing => Ok(()),
        Between::TransactionPooler => Err(SchemaError::TransactionPooler),
    }
}

/// A later schema is refused unless its own migration has said that this version works with it.
async fn refuse_unfit(client: &tokio_postgres::Client, found: i32, needed: i32) -> Result<(), SchemaError> {
    let has_table = "select to_regclass('schema_compatibility') is not null";
    let has_table = client.query_one(has_table, &[]).await.map_err(DbError::from)?;
    let mut works_from = None;
    if has_table.get(0) {
        let statement = "select works_from from schema_compatibility where version = $1";
        let row = client
            .query_opt(statement, &[&found])
            .await
            .map_err(DbError::from)?;
        works_from = row.map(|row| row.get::<_, i32>(0));
    }
    if works_from.is_none_or(|works_from| works_from > needed) {
        return Err(SchemaError::TooNew { found, needed });
    }
    tracing::info!(
        found,
        needed,
        "the schema is of a later version that works with this one"
    );
    Ok(())
}

fn needed_version() -> i32 {
    let versions = embedded::migrations::runner();
    let versions = versions.get_migrations().iter();
    let newest = versions.map(refinery::Migration::version).max();
    newest.unwrap_or(0)
}

async fn version(client: &tokio_postgres::Client) -> Result<i32, DbError> {
    let exists = client
        .query_one("select to_regclass('refinery_schema_history') is not null", &[])
        .await?;
    if !exists.get::<_, bool>(0) {
        return Ok(0);
    }
    let newest = client
        .query_one(
            "select coalesce(max(version), 0)::int4 from refinery_schema_history",
            &[],
        )
        .await?;
    Ok(newest.get(0))
}
