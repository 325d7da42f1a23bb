//! How late a retry is while 100,000 deliveries are parked, against the same retries with nothing parked beside them.
//!
//! Retries that become due at a steady rate are written into the schedule by SQL, each with its due time in its event's
//! data where a load has the time of sending, so the receiver measures the lateness: from due to received.

use super::pair::Pair;
use super::rows::{FAILED, SENT_AT, data, ids};
use crate::payload::now_us;
use crate::receiver::Stats;
use crate::run::Options;
use crate::run::ledger::Ledger;
use crate::run::stage::Stage;
use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};

const DUE_A_SECOND: u64 = 500;
const DUE_SECONDS: u64 = 20;
/// From the insert until the first is due, so that none is late before the gateway can see it.
const LEAD: Duration = Duration::from_secs(4);

/// When the rows of one insert become due, from its start.
enum Due {
    /// Evenly, at the measured rate.
    Soon,
    /// Evenly over a day, and not before two hours.
    Later,
}

impl Due {
    /// The wait in seconds of row `n` of `count`, in SQL.
    fn seconds(&self, count: u64) -> String {
        match self {
            Self::Soon => format!("{} + n::float8 / {DUE_A_SECOND}", LEAD.as_secs()),
            Self::Later => format!("7200 + n::float8 * 86400 / {count}"),
        }
    }
}

pub async fn measure(small: &Stage, ledger: &mut Ledger, options: &Options) -> Result<()> {
    let pair = Pair::set(small, options).await?;
    let url = small.endpoint_url("/late");
    let of_small = &small.gateway.create_webhook("bench late", &url).await?;
    let url = pair.large.endpoint_url("/late");
    let of_large = &pair.large.gateway.create_webhook("bench late", &url).await?;
    eprintln!("parking {} deliveries", options.parked);
    schedule(&pair.large, of_large, options.parked, &Due::Later).await?;
    for table in ["events", "deliveries", "scheduled_deliveries"] {
        pair.large
            .cluster
            .psql(&format!("vacuum analyze {table}"))
            .await?;
    }
    for round in 1..=options.rounds {
        eprintln!("late: round {round} of {}", options.rounds);
        let both = pair
            .look(round, async |stage| {
                let is_small = std::ptr::eq(stage, small);
                lateness(stage, if is_small { of_small } else { of_large }).await
            })
            .await?;
        let millis = |micros: u64| micros as f64 / 1_000.0;
        ledger.note("late.alone_p50_ms", millis(both.small.p50_us));
        ledger.note("late.alone_p99_ms", millis(both.small.p99_us));
        ledger.note("late.p50_ms", millis(both.large.p50_us));
        ledger.note("late.p99_ms", millis(both.large.p99_us));
        ledger.note(
            "late.p99_ratio",
            both.large.p99_us as f64 / both.small.p99_us.max(1) as f64,
        );
        let duplicates = both.small.duplicates + both.large.duplicates;
        ledger.note("late.duplicates", duplicates as f64);
    }
    small.gateway.delete_webhook(of_small).await
}

/// The receiver's counts once all that became due has arrived.
async fn lateness(stage: &Stage, webhook: &str) -> Result<Stats> {
    stage.reset_receiver().await?;
    stage.settle().await?;
    let count = DUE_A_SECOND * DUE_SECONDS;
    let started = Instant::now();
    schedule(stage, webhook, count, &Due::Soon).await?;
    // The gateway leases a second ahead; what it could not see by then is late by our fault.
    if started.elapsed() + Duration::from_secs(1) > LEAD {
        bail!("{count} rows took {:?} to insert", started.elapsed());
    }
    stage.wait_for_receipt(count).await
}

/// Writes `count` deliveries whose first attempt failed: event, delivery and schedule.
async fn schedule(stage: &Stage, webhook: &str, count: u64, due: &Due) -> Result<()> {
    let webhook = webhook.rsplit('_').next().context("an id with a prefix")?;
    stage
        .cluster
        .psql(&statement(webhook, count, due, stage.shape.payload_bytes))
        .await
}

fn statement(webhook: &str, count: u64, due: &Due, payload_bytes: usize) -> String {
    let made = ids(1, count, &(now_us() / 1_000).to_string());
    let (data, seconds) = (data(payload_bytes), due.seconds(count));
    format!(
        "with made as materialized ({made}), timed as materialized (
             select event_id, delivery_id, now() + make_interval(secs => {seconds}) as due_at from made
         ), event as (
             insert into events (id, workspace_id, type, owner, data)
             select event_id, 1, 'deal.won', 0,
                    replace('{data}', '{SENT_AT}', (extract(epoch from due_at) * 1000000)::bigint::text)
             from timed
         ), delivery as (
             insert into deliveries (id, workspace_id, webhook_id, event_id, type, status, attempt_count, attempts)
             select delivery_id, 1, '{webhook}', event_id, 'deal.won', 0, 1, '{FAILED}' from timed
         )
         insert into scheduled_deliveries
             (delivery_id, workspace_id, webhook_id, event_id, type, attempt_count, due_at)
         select delivery_id, 1, '{webhook}', event_id, 'deal.won', 1, due_at from timed"
    )
}
