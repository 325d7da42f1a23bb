//! The SQL of counts of deliveries.

use tokio_postgres::Client;
use uuid::Uuid;

use super::counters::{FIVE_MINUTES, HOUR, Key};
use super::tally::Tally;
use crate::base::clock::Millis;
use crate::base::id::InstanceId;
use crate::db::{DbError, ToSql, purge_slowly};

/// Writes buckets of one instance, whole: a repeat changes nothing.
pub async fn write(client: &Client, instance: InstanceId, changed: &[(Key, Tally)]) -> Result<(), DbError> {
    let keys = || changed.iter().map(|(key, _)| key);
    let tallies = || changed.iter().map(|(_, tally)| tally);
    let numbers = |of: fn(&Tally) -> u64| -> Vec<i64> {
        tallies()
            .map(|tally| i64::try_from(of(tally)).unwrap_or(i64::MAX))
            .collect()
    };
    // Numbers and texts cannot fail to serialise.
    let texts = |of: fn(&Tally) -> serde_json::Result<String>| -> Vec<String> {
        tallies().map(|tally| of(tally).unwrap_or_default()).collect()
    };
    let destinations: Vec<Uuid> = keys().map(|key| key.destination).collect();
    let spans: Vec<i32> = keys().map(|key| key.span_seconds).collect();
    let ats: Vec<i64> = keys().map(|key| key.at.0.div_euclid(1000)).collect();
    let last_successes: Vec<Option<Millis>> = tallies().map(|tally| tally.last_success).collect();
    let succeeded = numbers(|tally| tally.succeeded);
    let failed = numbers(|tally| tally.failed);
    let retried = numbers(|tally| tally.retried);
    let times = texts(|tally| serde_json::to_string(&tally.times));
    let causes = texts(|tally| serde_json::to_string(&tally.causes));
    let statement = "
        insert into delivery_stats (destination_id, span_seconds, at_seconds, instance, succeeded, failed, retried,
            last_success_at, times, causes)
        select destination_id, span_seconds, at_seconds, $10, succeeded, failed, retried, last_success_at, times::jsonb,
            causes::jsonb
        from unnest($1::uuid[], $2::int4[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::timestamptz[],
                $8::text[], $9::text[])
            as t(destination_id, span_seconds, at_seconds, succeeded, failed, retried, last_success_at, times, causes)
        on conflict (destination_id, span_seconds, at_seconds, instance) do update
        set succeeded = excluded.succeeded, failed = excluded.failed, retried = excluded.retried,
            last_success_at = excluded.last_success_at, times = excluded.times, causes = excluded.causes";
    let parameters: [&(dyn ToSql + Sync); 10] = [
        &destinations,
        &spans,
        &ats,
        &succeeded,
        &failed,
        &retried,
        &last_successes,
        &times,
        &causes,
        &instance.uuid(),
    ];
    client.execute(statement, &parameters).await?;
    Ok(())
}

/// An expression: the history of the destination that `id` names, as JSON for [`History::of`](super::History::of).
pub fn history_of(id: &str) -> String {
    format!(
        "(select json_agg(json_build_array(span_seconds, at_seconds, succeeded, failed, retried,
                                           extract(epoch from last_success_at)::int8, times, causes))::text
          from delivery_stats
          where destination_id = {id}
              and (span_seconds = {FIVE_MINUTES} and at_seconds > {}
                   or span_seconds = {HOUR} and at_seconds > {}))",
        before("25 hours"),
        before("31 days")
    )
}

/// An expression: the same of the last day by the hour, without times and causes.
pub fn last_day_of(id: &str) -> String {
    format!(
        "(select json_agg(json_build_array(span_seconds, at_seconds, succeeded, failed, retried,
                                           null, json_build_object(), json_build_object()))::text
          from delivery_stats
          where destination_id = {id} and span_seconds = {HOUR} and at_seconds > {})",
        before("25 hours")
    )
}

/// An expression: when a delivery to the destination that `id` names last succeeded, if that was within the month.
pub fn last_success_of(id: &str) -> String {
    format!(
        "(select last_success_at from delivery_stats
          where destination_id = {id} and span_seconds = {HOUR} and last_success_at is not null
          order by at_seconds desc, last_success_at desc limit 1)"
    )
}

/// An expression: how many deliveries to the destination that `id` names ended well and badly, as columns `succeeded` and
/// `failed` of rows to be added up. Hours count from that which begins at the second `hour`, and of the time before it the
/// buckets of five minutes from the second `first` on.
pub fn ended_of(id: &str, first: &str, hour: &str) -> String {
    let of = |span: i32, when: &str| {
        format!(
            "select succeeded, failed from delivery_stats
             where destination_id = {id} and span_seconds = {span} and {when}"
        )
    };
    let hours = of(HOUR, &format!("at_seconds >= {hour}"));
    let rest = of(
        FIVE_MINUTES,
        &format!("at_seconds >= {first} and at_seconds < {hour}"),
    );
    format!("({hours} union all {rest})")
}

/// The moment so long ago as buckets tell theirs, in SQL; as a whole number, so that an index is asked.
fn before(interval: &str) -> String {
    format!("floor(extract(epoch from now() - interval '{interval}'))::int8")
}

/// Deletes what no range shows any more, a bounded number at a time.
pub async fn purge(client: &Client) -> Result<(), DbError> {
    for (span_seconds, days) in [(FIVE_MINUTES, 2), (HOUR, 32)] {
        let statement = format!(
            "delete from delivery_stats where ctid = any(array(
                 select ctid from delivery_stats
                 where span_seconds = {span_seconds} and at_seconds < {} limit 10000))",
            before(&format!("{days} days"))
        );
        purge_slowly(client, &statement, &[]).await?;
    }
    Ok(())
}
