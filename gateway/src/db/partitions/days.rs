//! Daily partitions of the tables that grow with traffic. Their keys are UUIDv7, so a day is a range of ids, and
//! retention drops whole days instead of deleting rows. Days are those of the database's clock.
//!
//! Traffic goes first: upkeep waits only briefly for a lock, and tries again in the next round. A partition is created
//! apart and then attached, so the table is locked only against other changes of its definition. Each day of each
//! table fails alone.

use std::time::Duration;

use metrics::gauge;
use tokio_postgres::Client;

use crate::base::clock::Millis;
use crate::base::id::uuid_floor;
use crate::db::error::DbError;
use crate::telemetry::names;

/// The tables that are partitioned by the day in their ids.
const PARTITIONED: &[&str] = &["events", "deliveries"];

const DAY_MILLIS: i64 = 86_400_000;
/// Days for which partitions are made ahead; one day behind covers clocks that differ over midnight.
const DAYS: std::ops::RangeInclusive<i64> = -1..=3;
/// "gateway partitions".
const LOCK: i64 = 0x6761_7465_7061_7274;
/// So often is a lock tried for in one round.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
const PURGE_PAUSE: Duration = Duration::from_millis(50);
/// Rows without a partition are counted up to here.
const COUNTED: i64 = 100_000;

/// What could not be done, and why.
#[derive(Debug)]
pub struct Undone {
    pub partition: String,
    pub fault: DbError,
}

/// How long upkeep waits for locks that other sessions hold, such as those of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A few times for each partition.
    Round,
    /// Once in all: a gateway that starts is unready meanwhile, and others wait for it.
    Start,
}

impl Patience {
    /// Whether nothing more is tried after these.
    pub fn has_ended(self, undone: &[Undone]) -> bool {
        self == Self::Start && undone.iter().any(|undone| is_locked_out(&undone.fault))
    }
}

/// A day by the database's clock, as a number since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Day(i64);

impl Day {
    /// Today.
    pub async fn today(client: &Client) -> Result<Self, DbError> {
        let statement = "select floor(extract(epoch from now()) / 86400)::bigint";
        Ok(Self(client.query_one(statement, &[]).await?.get(0)))
    }

    /// The day with that number.
    pub(super) const fn at(number: i64) -> Self {
        Self(number)
    }

    /// Days from `other` to this one.
    pub(super) const fn since(self, other: Self) -> i64 {
        self.0 - other.0
    }

    const fn plus(self, days: i64) -> Self {
        Self(self.0 + days)
    }

    pub(super) fn first_id(self) -> uuid::Uuid {
        uuid_floor(self.0 * DAY_MILLIS)
    }

    fn name(self) -> String {
        let text = Millis(self.0 * DAY_MILLIS).to_string();
        text.chars().take(10).filter(char::is_ascii_digit).collect()
    }
}

/// Makes the partitions of the days around today where they are missing; those that could not be made. If `patience` is
/// that of a start, nothing is tried after a lock that was not to be had.
pub async fn ensure_partitions(client: &Client, patience: Patience) -> Result<Vec<Undone>, DbError> {
    let today = Day::today(client).await?;
    let mut undone = Vec::new();
    for table in PARTITIONED {
        for day in DAYS.map(|offset| today.plus(offset)) {
            let partition = format!("{table}_{}", day.name());
            let attachment = Attachment {
                table,
                partition: &partition,
                from: day.first_id(),
                to: day.plus(1).first_id(),
                before: "",
                after: "",
            };
            let made = match exists(client, &partition).await {
                Ok(true) => continue,
                Ok(false) => make(client, &attachment, patience).await,
                Err(fault) => Err(fault),
            };
            let Err(fault) = made else {
                continue;
            };
            undone.push(Undone { partition, fault });
            if patience.has_ended(&undone) {
                return Ok(undone);
            }
        }
    }
    Ok(undone)
}

async fn exists(client: &Client, table: &str) -> Result<bool, DbError> {
    let row = client
        .query_one("select to_regclass($1) is not null", &[&table])
        .await?;
    Ok(row.get(0))
}

/// A partition to be made.
pub(super) struct Attachment<'a> {
    pub table: &'a str,
    pub partition: &'a str,
    pub from: uuid::Uuid,
    pub to: uuid::Uuid,
    /// What is done before and after rows move out of the table's rest.
    pub before: &'a str,
    pub after: &'a str,
}

pub(super) async fn make(
    client: &Client,
    attachment: &Attachment<'_>,
    patience: Patience,
) -> Result<(), DbError> {
    let tries = match patience {
        Patience::Round => TRIES,
        Patience::Start => 1,
    };
    repeatedly(client, &attach(attachment), tries).await?;
    tracing::debug!(partition = attachment.partition, "made");
    Ok(())
}

/// One implicit transaction. Rows that came before their partition move into it; nobody reads or writes those meanwhile.
/// Instances that start together make a partition once: the second finds it, fails, and looks again.
fn attach(attachment: &Attachment<'_>) -> String {
    let Attachment {
        table,
        partition,
        from,
        to,
        before,
        after,
    } = attachment;
    format!(
        "select pg_advisory_xact_lock({LOCK});
         create table {partition} (like {table} including all);
         lock table {table}_rest in access exclusive mode;
         {before};
         with moved as (delete from {table}_rest where id >= '{from}' and id < '{to}' returning *)
         insert into {partition} select * from moved;
         {after};
         alter table {table} attach partition {partition} for values from ('{from}') to ('{to}')"
    )
}

/// Tries again where a lock could not be taken in time.
pub(super) async fn patiently(client: &Client, statements: &str) -> Result<(), DbError> {
    repeatedly(client, statements, TRIES).await
}

async fn repeatedly(client: &Client, statements: &str, most_tries: u32) -> Result<(), DbError> {
    let mut tries = 1;
    loop {
        match client.batch_execute(statements).await.map_err(DbError::from) {
            // Another instance was faster.
            Err(fault) if fault.sqlstate() == Some("42P07") => return Ok(()),
            Err(fault) if is_locked_out(&fault) && tries < most_tries => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

fn is_locked_out(fault: &DbError) -> bool {
    fault.sqlstate() == Some("55P03")
}

/// Drops the partitions of days that are older than `days`, of one of the partitioned tables; those that could not be.
pub async fn drop_partitions(
    client: &Client,
    table: &'static str,
    today: Day,
    days: u32,
) -> Result<Vec<Undone>, DbError> {
    // A day ends a day after it began; only whole days beyond the retention go.
    let oldest_kept = today.plus(-i64::from(days)).name();
    let mut undone = Vec::new();
    for partition in partitions(client, table).await? {
        let day = partition.rsplit('_').next().unwrap_or_default();
        let is_day = day.len() == oldest_kept.len() && day.bytes().all(|byte| byte.is_ascii_digit());
        if !is_day || *day >= *oldest_kept {
            continue;
        }
        match patiently(client, &format!("drop table if exists {partition}")).await {
            Ok(()) => tracing::info!(partition, "dropped: beyond the retention"),
            Err(fault) => undone.push(Undone { partition, fault }),
        }
    }
    Ok(undone)
}

pub(super) async fn partitions(client: &Client, table: &str) -> Result<Vec<String>, DbError> {
    let rows = client
        .query(
            "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
             where i.inhparent = to_regclass($1)",
            &[&table],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Tells by metrics for how many days partitions are there, and how many rows have none.
pub async fn observe_partitions(client: &Client, today: Day) -> Result<(), DbError> {
    for table in PARTITIONED {
        let present = partitions(client, table).await?;
        let is_there = |offset: &i64| present.contains(&format!("{table}_{}", today.plus(*offset).name()));
        let ahead = (1..).take_while(is_there).count();
        gauge!(names::PARTITION_DAYS_AHEAD, "table" => *table).set(ahead as f64);
        gauge!(names::PARTITION_REST_ROWS, "table" => *table).set(rest_rows(client, table).await? as f64);
    }
    Ok(())
}

pub(super) async fn rest_rows(client: &Client, table: &str) -> Result<i64, DbError> {
    let statement = format!("select count(*) from (select from {table}_rest limit {COUNTED}) as counted");
    Ok(client.query_one(&statement, &[]).await?.get(0))
}

/// Forgets rows without a partition that are older than `days`, a bounded number at a time: no partition will take them with it.
pub async fn purge_rest(client: &Client, table: &str, today: Day, days: u32) -> Result<(), DbError> {
    let before = today.plus(-i64::from(days)).first_id();
    let statement = format!(
        "delete from {table}_rest where ctid = any(array(
             select ctid from {table}_rest where id < $1 limit 10000))"
    );
    purge_slowly(client, &statement, &[&before]).await
}

/// Forgets the keys of events that are older than `days`, a bounded number at a time.
pub async fn forget_once_keys(client: &Client, today: Day, days: u32) -> Result<(), DbError> {
    let before = today.plus(-i64::from(days)).first_id();
    let statement = "delete from event_once_keys where ctid = any(array(
                         select ctid from event_once_keys where event_id < $1 limit 10000))";
    purge_slowly(client, statement, &[&before]).await
}

/// Repeats a statement that deletes a bounded number of rows until there are none, with pauses for others.
pub async fn purge_slowly(
    client: &Client,
    statement: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<(), DbError> {
    while client.execute(statement, parameters).await? > 0 {
        tokio::time::sleep(PURGE_PAUSE).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Day;

    #[test]
    fn a_day_is_named_by_its_date() {
        assert_eq!(Day(0).name(), "19700101");
        assert_eq!(Day(20_000).name(), "20241004");
    }
}
