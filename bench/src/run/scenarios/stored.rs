//! One more event with ten million stored, against one more with a thousand stored.
//!
//! The rows come out of SQL, half of them in yesterday's partition and half in today's: the one that new events go to is
//! then as deep as it can get. The small database is brought back to its thousand before each round, for the rounds
//! themselves store some hundred thousand.

use super::pair::{Pair, deliver_quietly};
use super::rows::{SUCCEEDED, data, ids};
use crate::load;
use crate::payload::now_us;
use crate::run::Options;
use crate::run::ledger::Ledger;
use crate::run::stage::{Aim, Stage};
use anyhow::Result;

const FEW: u64 = 1_000;
/// Rows of one statement: a few seconds' work, so that progress can be told.
const CHUNK: u64 = 250_000;
const DAY_MILLIS: u64 = 86_400_000;
/// An endpoint that has been deleted since: its log stays as long as its events.
const FORMER_WEBHOOK: &str = "01900000-0000-7000-8000-000000000000";
/// Lists a second: far from any limit, so that latency is that of one list.
const LIST_RATE: f64 = 50.0;

pub async fn measure(small: &Stage, ledger: &mut Ledger, options: &Options) -> Result<()> {
    let pair = Pair::set(small, options).await?;
    eprintln!("storing {} events and deliveries", options.stored_rows);
    fill(&pair.large, options.stored_rows).await?;
    for round in 1..=options.rounds {
        eprintln!("stored: round {round} of {}", options.rounds);
        pair.small.cluster.psql("truncate events, deliveries").await?;
        fill(pair.small, FEW).await?;
        compare(&pair, ledger, round).await?;
    }
    Ok(())
}

async fn compare(pair: &Pair<'_>, ledger: &mut Ledger, round: u32) -> Result<()> {
    let accept = pair
        .look(round, async |stage| accept(stage, ledger).await)
        .await?;
    ledger.note("stored.few_accept_rate", accept.small.rps);
    ledger.note("stored.many_accept_rate", accept.large.rps);
    ledger.note("stored.accept_ratio", accept.large.rps / accept.small.rps);

    let deliver = pair
        .look(round, async |stage| {
            let url = stage.endpoint_url("/stored");
            let webhook = stage.gateway.create_webhook("bench", &url).await?;
            let delivered = deliver_quietly(stage, ledger).await?;
            stage.gateway.delete_webhook(&webhook).await?;
            Ok(delivered)
        })
        .await?;
    ledger.note("stored.few_deliver_rate", deliver.small.rate());
    ledger.note("stored.many_deliver_rate", deliver.large.rate());
    ledger.note("stored.deliver_ratio", deliver.rate_ratio());
    ledger.note("stored.cpu_ratio", deliver.cpu_ratio());

    let list = pair.look(round, async |stage| list(stage, ledger).await).await?;
    let millis = |micros: u64| micros as f64 / 1_000.0;
    ledger.note("stored.few_list_p50_ms", millis(list.small.p50_us));
    ledger.note("stored.many_list_p50_ms", millis(list.large.p50_us));
    ledger.note("stored.few_list_p99_ms", millis(list.small.p99_us));
    ledger.note("stored.many_list_p99_ms", millis(list.large.p99_us));
    Ok(())
}

async fn accept(stage: &Stage, ledger: &mut Ledger) -> Result<load::Report> {
    let aim = Aim {
        warmup: stage.shape.warmup,
        ..stage.gateway_aim("POST", "/v1/events")
    };
    stage.load(&aim, ledger).await
}

async fn list(stage: &Stage, ledger: &mut Ledger) -> Result<load::Report> {
    let aim = Aim {
        warmup: stage.shape.warmup,
        rate: Some(LIST_RATE),
        ..stage.gateway_aim("GET", "/v1/events?limit=50")
    };
    stage.load(&aim, ledger).await
}

/// Stores `count` events that were delivered, and leaves the database as if they had been there for long.
async fn fill(stage: &Stage, count: u64) -> Result<()> {
    let now = now_us() / 1_000;
    let today = now - now % DAY_MILLIS;
    let mut first = 1;
    while first <= count {
        let last = (first + CHUNK - 1).min(count);
        let statement = store(first, last, &moment(today, now, count), stage.shape.payload_bytes);
        stage.cluster.psql(&statement).await?;
        first = last + 1;
        if count > FEW {
            eprintln!("  {last} of {count}");
        }
    }
    for table in ["events", "deliveries"] {
        stage.cluster.psql(&format!("vacuum analyze {table}")).await?;
    }
    stage.cluster.psql("checkpoint").await
}

/// The time of row n in SQL, as milliseconds: the first half spread over yesterday, the other over today until now.
fn moment(today: u64, now: u64, count: u64) -> String {
    let half = (count / 2).max(1);
    let yesterday = today - DAY_MILLIS;
    let so_far = now - today;
    let rest = (count - count / 2).max(1);
    // Rounded down, so that no row of yesterday stands in today and none of today in the future.
    format!(
        "floor(case when n <= {half} then {yesterday} + (n - 1)::float8 * {DAY_MILLIS} / {half}
                    else {today} + (n - {half} - 1)::float8 * {so_far} / {rest} end)"
    )
}

fn store(first: u64, last: u64, millis: &str, payload_bytes: usize) -> String {
    let (made, data) = (ids(first, last, millis), data(payload_bytes));
    format!(
        "with made as materialized ({made}), event as (
             insert into events (id, workspace_id, type, owner, data)
             select event_id, 1, 'deal.won', 0, '{data}' from made
         )
         insert into deliveries (id, workspace_id, webhook_id, event_id, type, status, attempt_count, attempts)
         select delivery_id, 1, '{FORMER_WEBHOOK}', event_id, 'deal.won', 1, 1, '{SUCCEEDED}' from made"
    )
}
