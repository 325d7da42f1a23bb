//! Nine endpoints beside one that hangs for 10 s, against the same nine alone.
//!
//! The rate is that of a closed loop, drained; p99 comes from an open loop at a quarter of what
//! the nine did alone, because at the limit it would only tell how long the queue was.

use super::deliver::{accept_and_receive, warm_up};
use super::latency::paced;
use crate::run::ledger::Ledger;
use crate::run::stage::Stage;
use anyhow::Result;

const HEALTHY: u64 = 9;

/// What the nine got.
struct Nine {
    deliveries_per_second: f64,
    events_per_second: f64,
}

pub async fn measure(stage: &Stage, ledger: &mut Ledger, round: u32) -> Result<()> {
    let mut webhooks = Vec::new();
    for number in 1..=HEALTHY {
        let name = format!("bench {number}");
        let url = stage.endpoint_url(&format!("/nine/{number}"));
        webhooks.push(stage.gateway.create_webhook(&name, &url).await?);
    }
    warm_up(stage, ledger, HEALTHY).await?;
    // Who goes first takes turns: the second finds a larger database.
    let (alone, beside) = if round % 2 == 1 {
        let alone = rate(stage, ledger).await?;
        (alone, rate_beside(stage, ledger).await?)
    } else {
        let beside = rate_beside(stage, ledger).await?;
        (rate(stage, ledger).await?, beside)
    };
    let quarter = alone.events_per_second / 4.0;
    let (alone_p99, beside_p99) = if round % 2 == 1 {
        let alone = p99_ms(stage, ledger, quarter).await?;
        (alone, p99_ms_beside(stage, ledger, quarter).await?)
    } else {
        let beside = p99_ms_beside(stage, ledger, quarter).await?;
        (p99_ms(stage, ledger, quarter).await?, beside)
    };
    for webhook in &webhooks {
        stage.gateway.delete_webhook(webhook).await?;
    }
    ledger.note("nine.rate", alone.deliveries_per_second);
    ledger.note("beside.rate", beside.deliveries_per_second);
    ledger.note(
        "neighbour.ratio",
        beside.deliveries_per_second / alone.deliveries_per_second,
    );
    ledger.note("nine.p99_ms", alone_p99);
    ledger.note("beside.p99_ms", beside_p99);
    ledger.note("neighbour.p99_ratio", beside_p99 / alone_p99);
    Ok(())
}

async fn rate(stage: &Stage, ledger: &mut Ledger) -> Result<Nine> {
    let received = accept_and_receive(stage, ledger, HEALTHY).await?;
    let elapsed_us = received.stats.last_at_us.saturating_sub(received.started_at_us);
    let events_per_second = received.accepted as f64 * 1_000_000.0 / elapsed_us as f64;
    Ok(Nine {
        deliveries_per_second: events_per_second * HEALTHY as f64,
        events_per_second,
    })
}

async fn rate_beside(stage: &Stage, ledger: &mut Ledger) -> Result<Nine> {
    let hanging = hang(stage).await?;
    let nine = rate(stage, ledger).await?;
    stage.gateway.delete_webhook(&hanging).await?;
    Ok(nine)
}

async fn p99_ms(stage: &Stage, ledger: &mut Ledger, rate: f64) -> Result<f64> {
    let stats = paced(stage, ledger, rate, HEALTHY).await?;
    Ok(stats.p99_us as f64 / 1_000.0)
}

async fn p99_ms_beside(stage: &Stage, ledger: &mut Ledger, rate: f64) -> Result<f64> {
    let hanging = hang(stage).await?;
    let p99 = p99_ms(stage, ledger, rate).await?;
    stage.gateway.delete_webhook(&hanging).await?;
    Ok(p99)
}

/// A fresh endpoint each time, which no breaker has judged yet.
async fn hang(stage: &Stage) -> Result<String> {
    let url = format!("http://{}/hang", stage.hanger.address);
    stage.gateway.create_webhook("bench hanging", &url).await
}
