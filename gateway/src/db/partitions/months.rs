//! Monthly partitions of the audit trail, by the same means as the daily ones. Months are those of the database's
//! clock.
//!
//! Rows from before there were months are in one partition, `audit_until_YYYYMM`. Each partition refuses changes of
//! its rows by a trigger of its own; only upkeep disables it, to move rows out of `audit_rest`.

use metrics::gauge;
use tokio_postgres::Client;
use uuid::Uuid;

use super::days::{Attachment, Day, Patience, Undone, make, partitions, patiently, rest_rows};
use crate::db::error::DbError;
use crate::telemetry::names;

const TABLE: &str = "audit";
/// Months for which partitions are made ahead; one month behind covers clocks that differ at its end.
const MONTHS: std::ops::RangeInclusive<i32> = -1..=3;

/// A month of the calendar in UTC: from its first day up to the next one's.
struct Month {
    /// As in the names of partitions: `YYYYMM`.
    name: String,
    first: Day,
    end: Day,
}

impl Month {
    fn partition(&self) -> String {
        format!("{TABLE}_{}", self.name)
    }

    fn first_id(&self) -> Uuid {
        self.first.first_id()
    }
}

/// The months from `first` to `last`, counted from the present one.
async fn months(client: &Client, first: i32, last: i32) -> Result<Vec<Month>, DbError> {
    let statement = "select to_char(month, 'YYYYMM'), (extract(epoch from month) / 86400)::bigint,
                            (extract(epoch from month + interval '1 month') / 86400)::bigint
                     from date_trunc('month', now() at time zone 'utc') present,
                          generate_series(present + make_interval(months => $1), present + make_interval(months => $2),
                                          interval '1 month') month
                     order by month";
    let rows = client.query(statement, &[&first, &last]).await?;
    let month = |row: &tokio_postgres::Row| Month {
        name: row.get(0),
        first: Day::at(row.get(1)),
        end: Day::at(row.get(2)),
    };
    Ok(rows.iter().map(month).collect())
}

/// The partitions that are there.
struct Present(Vec<String>);

impl Present {
    async fn look(client: &Client) -> Result<Self, DbError> {
        Ok(Self(partitions(client, TABLE).await?))
    }

    fn has(&self, month: &Month) -> bool {
        self.0.iter().any(|partition| match Extent::of(partition) {
            Some(Extent::Until(until)) => *month.name < *until,
            Some(Extent::Month(name)) => *month.name == *name,
            None => false,
        })
    }
}

/// What a partition holds, by its name.
enum Extent<'a> {
    Month(&'a str),
    /// All before that month.
    Until(&'a str),
}

impl<'a> Extent<'a> {
    fn of(partition: &'a str) -> Option<Self> {
        let is_month = |text: &&str| text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        let extent = partition.strip_prefix(TABLE)?.strip_prefix('_')?;
        match extent.strip_prefix("until_") {
            Some(until) => Some(until).filter(is_month).map(Self::Until),
            None => Some(extent).filter(is_month).map(Self::Month),
        }
    }

    fn is_before(&self, month: &str) -> bool {
        match self {
            Self::Month(name) => *name < month,
            Self::Until(until) => *until <= month,
        }
    }
}

/// Makes the partitions of the months around this one where they are missing; those that could not be made.
pub async fn ensure_months(client: &Client, patience: Patience) -> Result<Vec<Undone>, DbError> {
    let present = Present::look(client).await?;
    let mut undone = Vec::new();
    for month in months(client, *MONTHS.start(), *MONTHS.end()).await? {
        if present.has(&month) {
            continue;
        }
        let partition = month.partition();
        let attachment = Attachment {
            table: TABLE,
            partition: &partition,
            from: month.first_id(),
            to: month.end.first_id(),
            before: &format!("alter table {TABLE}_rest disable trigger audit_append_only"),
            after: &format!(
                "alter table {TABLE}_rest enable trigger audit_append_only;
                 create trigger audit_append_only before update or delete or truncate on {partition}
                     for each statement execute function audit_is_append_only()"
            ),
        };
        if let Err(fault) = make(client, &attachment, patience).await {
            undone.push(Undone { partition, fault });
        }
        if patience.has_ended(&undone) {
            break;
        }
    }
    Ok(undone)
}

/// Drops the months that are more than `months` behind this one; 0 keeps all. Those that could not be dropped.
pub async fn drop_months(client: &Client, months_kept: u32) -> Result<Vec<Undone>, DbError> {
    // `between(0, 1200)`, as the configuration reads it.
    let behind = -i32::try_from(months_kept).unwrap_or(i32::MAX);
    let oldest_kept = months(client, behind, behind).await?.pop();
    let Some(oldest_kept) = oldest_kept.filter(|_| months_kept > 0) else {
        return Ok(Vec::new());
    };
    let mut undone = Vec::new();
    for partition in Present::look(client).await?.0 {
        if !Extent::of(&partition).is_some_and(|extent| extent.is_before(&oldest_kept.name)) {
            continue;
        }
        match patiently(client, &format!("drop table if exists {partition}")).await {
            Ok(()) => tracing::info!(partition, "dropped: beyond the retention"),
            Err(fault) => undone.push(Undone { partition, fault }),
        }
    }
    if let Err(fault) = purge_rest(client, oldest_kept.first_id()).await {
        let partition = format!("{TABLE}_rest");
        undone.push(Undone { partition, fault });
    }
    Ok(undone)
}

/// Deletes rows without a partition that are beyond the retention: no partition will take them with it. There are some only
/// where a clock was wrong, or upkeep failed for months.
async fn purge_rest(client: &Client, before: Uuid) -> Result<(), DbError> {
    let some = format!("select exists (select from {TABLE}_rest where id < $1)");
    while client.query_one(&some, &[&before]).await?.get(0) {
        let statements = format!(
            "alter table {TABLE}_rest disable trigger audit_append_only;
             delete from {TABLE}_rest where ctid = any(array(
                 select ctid from {TABLE}_rest where id < '{before}' limit 10000));
             alter table {TABLE}_rest enable trigger audit_append_only"
        );
        patiently(client, &statements).await?;
    }
    Ok(())
}

/// Tells by metrics for how many days partitions are there, and how many rows have none.
pub async fn observe_months(client: &Client, today: Day) -> Result<(), DbError> {
    let present = Present::look(client).await?;
    let ahead = months(client, 0, *MONTHS.end()).await?;
    let last = ahead.iter().take_while(|month| present.has(month)).last();
    let days = last.map_or(0, |month| month.end.since(today) - 1);
    gauge!(names::PARTITION_DAYS_AHEAD, "table" => TABLE).set(days as f64);
    gauge!(names::PARTITION_REST_ROWS, "table" => TABLE).set(rest_rows(client, TABLE).await? as f64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Extent;

    #[test]
    fn a_partition_goes_when_all_of_it_is_before_the_oldest_month_kept() {
        let goes = |partition: &str| Extent::of(partition).is_some_and(|extent| extent.is_before("202601"));
        assert!(goes("audit_202512") && goes("audit_until_202601"));
        for kept in [
            "audit_202601",
            "audit_until_202602",
            "audit_rest",
            "audit_20251",
            "deals_202512",
        ] {
            assert!(!goes(kept), "{kept}");
        }
    }
}
