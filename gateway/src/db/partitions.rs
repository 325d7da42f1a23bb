//! Daily partitions of the tables that grow with traffic. Their keys are UUIDv7, so a day is a range of ids,
//! and retention drops whole days instead of deleting rows.

use super::error::DbError;
use crate::base::clock::Millis;
use crate::base::id::uuid_floor;

/// The tables that are partitioned by the time in their ids.
const PARTITIONED: &[&str] = &["events", "deliveries"];

const DAY_MILLIS: i64 = 86_400_000;
/// Days for which partitions are made ahead; one day behind covers clocks that differ over midnight.
const DAYS: std::ops::RangeInclusive<i64> = -1..=3;
/// "gateway partitions".
const LOCK: i64 = 0x6761_7465_7061_7274;

/// Makes the partitions of the days around today where they are missing.
pub async fn ensure_partitions(client: &tokio_postgres::Client) -> Result<(), DbError> {
    let today = Millis::now().0.div_euclid(DAY_MILLIS);
    for table in PARTITIONED {
        for day in DAYS.map(|offset| today + offset) {
            let name = format!("{table}_{}", day_name(day));
            let exists = client
                .query_one("select to_regclass($1) is not null", &[&name])
                .await?;
            if exists.get::<_, bool>(0) {
                continue;
            }
            // Instances that start together make a partition once: the lock goes with the implicit transaction.
            client
                .batch_execute(&format!(
                    "select pg_advisory_xact_lock({LOCK});
                     create table if not exists {name} partition of {table}
                     for values from ('{}') to ('{}')",
                    uuid_floor(day * DAY_MILLIS),
                    uuid_floor((day + 1) * DAY_MILLIS),
                ))
                .await?;
        }
    }
    Ok(())
}

/// Drops the partitions of days that are older than `days`, of one of the partitioned tables.
pub async fn drop_partitions(
    client: &tokio_postgres::Client,
    table: &'static str,
    days: u32,
) -> Result<(), DbError> {
    let today = Millis::now().0.div_euclid(DAY_MILLIS);
    // A day ends a day after it began; only whole days beyond the retention go.
    let oldest_kept = day_name(today - i64::from(days));
    let partitions = client
        .query(
            "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
             where i.inhparent = to_regclass($1)",
            &[&table],
        )
        .await?;
    for row in partitions {
        let name: String = row.get(0);
        let day = name.rsplit('_').next().unwrap_or_default();
        let is_day = day.len() == oldest_kept.len() && day.bytes().all(|byte| byte.is_ascii_digit());
        if is_day && *day < *oldest_kept {
            client
                .batch_execute(&format!("drop table if exists {name}"))
                .await?;
            tracing::info!(partition = name, "dropped: beyond the retention");
        }
    }
    Ok(())
}

/// Forgets the keys of events that are older than `days`, a bounded number at a time.
pub async fn forget_once_keys(client: &tokio_postgres::Client, days: u32) -> Result<(), DbError> {
    let today = Millis::now().0.div_euclid(DAY_MILLIS);
    let before = uuid_floor((today - i64::from(days)) * DAY_MILLIS);
    while client
        .execute(
            "delete from event_once_keys where ctid = any(array(
                 select ctid from event_once_keys where event_id < $1 limit 50000))",
            &[&before],
        )
        .await?
        > 0
    {}
    Ok(())
}

fn day_name(day: i64) -> String {
    let text = Millis(day * DAY_MILLIS).to_string();
    text.chars().take(10).filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_day_is_named_by_its_date() {
        assert_eq!(super::day_name(0), "19700101");
        assert_eq!(super::day_name(20_000), "20241004");
    }
}
