//! The schema: brought up to date under an advisory lock, or checked where the operator migrates separately.

use std::error::Error;
use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;

use super::clock;
use super::error::{DbError, is_passing, refusal};
use super::partitions::{Patience, Undone, ensure_months, ensure_partitions};
use super::pool::{Db, Dedicated};
use super::pooler::{self, Between};
use super::session::Purpose;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The advisory lock of "gateway migrations": 64 arbitrary bits.
const LOCK: i64 = 0x6761_7465_6d69_6772;
/// Locks are asked for again after so long …
const AGAIN: Duration = Duration::from_millis(500);
/// … those of a migration so many times …
const TRIES: u32 = 120;
/// … and who waits says so this often.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

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
    #[error(
        "the database has the encoding {0}, the gateway needs UTF8: createdb --encoding UTF8 --template template0 NAME"
    )]
    Encoding(String),
    #[error(
        "refinery_schema_history belongs to another program: it has a migration `{0}`; give the gateway a database of its own, \
         or a schema by ?options=-c%20search_path%3DNAME"
    )]
    Foreign(String),
    #[error("a migration failed: {}", words_of(.0))]
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

impl SchemaError {
    /// Whether it may be well in a while, without anybody changing the configuration.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Db(fault) => fault.is_passing(),
            // Without a code the connection broke.
            Self::Migration(fault) => {
                server_fault(fault).is_some_and(|fault| fault.code().is_none_or(is_passing))
            }
            _ => false,
        }
    }
}

/// Brings the schema up to date. Safe to run twice and from many instances at once.
pub async fn migrate(db: &Db) -> Result<(), SchemaError> {
    refuse_transaction_pooler(db).await?;
    let mut client = db.connect_for(Purpose::Migration).await?;
    refuse_encoding(&client).await?;
    clock::follow(&*client).await?;
    take_turn(&client).await?;
    refuse_foreign(&client).await?;
    let found = version(&client).await?;
    let needed = needed_version();
    if found > needed {
        refuse_unfit(&client, found, needed).await?;
        look_ahead(&client).await?;
        return Ok(());
    }
    let report = match patiently(&mut client).await {
        // A gateway starts on a server that takes no writes, and says so.
        Err(fault) if found == needed && is_read_only(&fault) => return Ok(()),
        report => report?,
    };
    for applied in report.applied_migrations() {
        tracing::info!(migration = %applied, "applied");
    }
    look_ahead(&client).await?;
    // The lock goes with the session.
    Ok(())
}

/// Makes the schema where there is none, and refuses one that this version cannot work with: commands of an operator's own
/// machine must not bring the fleet's schema to their version.
pub async fn migrate_if_empty(db: &Db) -> Result<(), SchemaError> {
    let found = version(&*db.connect().await?).await?;
    match found {
        0 => migrate(db).await,
        _ => check_schema(db).await,
    }
}

/// Waits until nobody else migrates. It asks again and again instead of standing in a queue, so that it can be stopped.
async fn take_turn(client: &tokio_postgres::Client) -> Result<(), DbError> {
    let started = Instant::now();
    let mut last_logged: Option<Instant> = None;
    loop {
        let row = client
            .query_one("select pg_try_advisory_lock($1)", &[&LOCK])
            .await?;
        if row.get(0) {
            return Ok(());
        }
        if last_logged.is_none_or(|last| last.elapsed() >= LOG_INTERVAL) {
            last_logged = Some(Instant::now());
            let holder = "select pid from pg_locks where locktype = 'advisory' and granted and objsubid = 1
                          and (classid::bigint << 32 | objid::bigint) = $1
                          and database = (select oid from pg_database where datname = current_database())";
            let holder = client.query_opt(holder, &[&LOCK]).await?;
            let process: Option<i32> = holder.map(|row| row.get(0));
            let waited_seconds = started.elapsed().as_secs();
            tracing::warn!(
                process,
                waited_seconds,
                "another session migrates this database; waiting for it"
            );
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Applies what is missing. Each migration waits shortly for its locks, because traffic waits behind it, and is tried again.
async fn patiently(client: &mut Dedicated) -> Result<refinery::Report, SchemaError> {
    let mut tries = 1;
    loop {
        match embedded::migrations::runner().run_async(&mut **client).await {
            Err(fault) if tries < TRIES && is_locked_out(&fault) => {
                if tries == 1 {
                    tracing::warn!("a migration waits for a lock that another session holds; trying again");
                }
                tries += 1;
                tokio::time::sleep(AGAIN).await;
            }
            ran => return Ok(ran?),
        }
    }
}

fn is_read_only(fault: &SchemaError) -> bool {
    let SchemaError::Migration(fault) = fault else {
        return false;
    };
    server_fault(fault).and_then(tokio_postgres::Error::code) == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

fn is_locked_out(fault: &refinery::Error) -> bool {
    server_fault(fault).and_then(tokio_postgres::Error::code) == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

/// What the server said, which the tool keeps in the source.
fn server_fault(fault: &refinery::Error) -> Option<&tokio_postgres::Error> {
    let mut causes = std::iter::successors(Some(fault as &dyn Error), |fault| (*fault).source());
    causes.find_map(|fault| fault.downcast_ref())
}

fn words_of(fault: &refinery::Error) -> String {
    let Some(refused) = server_fault(fault) else {
        return fault.to_string();
    };
    let what = match fault.kind() {
        refinery::error::Kind::Connection(what, _) => what.as_str(),
        _ => "",
    };
    let cure = match refused.code() {
        Some(&SqlState::DUPLICATE_TABLE | &SqlState::DUPLICATE_OBJECT) => {
            ": another program has tables here; give the gateway a database of its own, or a schema by \
             ?options=-c%20search_path%3DNAME"
        }
        _ => "",
    };
    format!("{what}: {}{cure}", refusal(refused))
}

/// A day or month without a partition keeps nobody from starting: its rows wait apart until it has one.
async fn look_ahead(client: &tokio_postgres::Client) -> Result<(), DbError> {
    let mut undone = ensure_partitions(client, Patience::Start).await?;
    if !Patience::Start.has_ended(&undone) {
        undone.extend(ensure_months(client, Patience::Start).await?);
    }
    for Undone { partition, fault } in undone {
        tracing::warn!(partition, %fault, "a partition is left to the maintenance");
    }
    Ok(())
}

/// Refuses a schema that this version cannot work with.
pub async fn check_schema(db: &Db) -> Result<(), SchemaError> {
    refuse_transaction_pooler(db).await?;
    let client = db.connect().await?;
    clock::follow(&*client).await?;
    refuse_foreign(&client).await?;
    let found = version(&client).await?;
    let needed = needed_version();
    match found.cmp(&needed) {
        std::cmp::Ordering::Less => Err(SchemaError::TooOld { found, needed }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => refuse_unfit(&client, found, needed).await,
    }
}

pub(super) async fn refuse_encoding(client: &tokio_postgres::Client) -> Result<(), SchemaError> {
    let row = client.query_one("show server_encoding", &[]).await;
    let encoding: String = row.map_err(DbError::from)?.get(0);
    match encoding.as_str() {
        "UTF8" => Ok(()),
        _ => Err(SchemaError::Encoding(encoding)),
    }
}

/// Refuses a history that is not the gateway's.
pub(super) async fn refuse_foreign(client: &tokio_postgres::Client) -> Result<(), SchemaError> {
    let exists = "select to_regclass('refinery_schema_history') is not null";
    let exists = client.query_one(exists, &[]).await.map_err(DbError::from)?;
    if !exists.get::<_, bool>(0) {
        return Ok(());
    }
    let applied = "select version::int4, name from refinery_schema_history order by version";
    let applied = client.query(applied, &[]).await.map_err(DbError::from)?;
    let applied = applied.iter().map(|row| (row.get(0), row.get(1)));
    match foreign(applied) {
        None => Ok(()),
        Some(name) => Err(SchemaError::Foreign(name)),
    }
}

/// The first migration that has the version of one of the gateway's and another name, or stands where its first should.
fn foreign(applied: impl Iterator<Item = (i32, String)>) -> Option<String> {
    let runner = embedded::migrations::runner();
    let ours = runner.get_migrations();
    let first = ours.iter().map(refinery::Migration::version).min();
    applied.enumerate().find_map(|(place, (version, name))| {
        let same = ours.iter().find(|ours| ours.version() == version);
        let is_ours = same.is_none_or(|ours| ours.name() == name) && (place > 0 || Some(version) == first);
        (!is_ours).then_some(name)
    })
}

pub(super) async fn refuse_transaction_pooler(db: &Db) -> Result<(), SchemaError> {
    match pooler::look(db).await? {
        Between::Nothing => Ok(()),
        Between::TransactionPooler => Err(SchemaError::TransactionPooler),
    }
}

/// A later schema is refused unless its own migration has said that this version works with it.
pub(super) async fn refuse_unfit(
    client: &tokio_postgres::Client,
    found: i32,
    needed: i32,
) -> Result<(), SchemaError> {
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

pub(super) fn needed_version() -> i32 {
    let versions = embedded::migrations::runner();
    let versions = versions.get_migrations().iter();
    let newest = versions.map(refinery::Migration::version).max();
    newest.unwrap_or(0)
}

pub(super) async fn version(client: &tokio_postgres::Client) -> Result<i32, DbError> {
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
