//! Accept to receipt when the gateway is not at its limit: an open loop at a quarter of the rate
//! that it has just delivered.

use super::deliver::warm_up;
use crate::receiver::Stats;
use crate::run::ledger::Ledger;
use crate::run::stage::{Aim, Stage};
use anyhow::{Context, Result};

pub async fn measure(stage: &Stage, ledger: &mut Ledger) -> Result<()> {
    let full = ledger.latest("deliver.rate").context("deliver comes first")?;
    let url = stage.endpoint_url("/latency");
    let webhook = stage.gateway.create_webhook("bench latency", &url).await?;
    warm_up(stage, ledger, 1).await?;
    let stats = paced(stage, ledger, full / 4.0, 1).await?;
    stage.gateway.delete_webhook(&webhook).await?;
    ledger.note("latency.rate", full / 4.0);
    ledger.note("latency.p50_ms", stats.p50_us as f64 / 1_000.0);
    ledger.note("latency.p99_ms", stats.p99_us as f64 / 1_000.0);
    Ok(())
}

/// An open loop of `rate` events a second; the receiver's counts when all has arrived.
pub async fn paced(stage: &Stage, ledger: &mut Ledger, rate: f64, endpoints: u64) -> Result<Stats> {
    stage.reset_receiver().await?;
    let aim = Aim {
        rate: Some(rate),
        ..stage.gateway_aim("POST", "/v1/events")
    };
    let report = stage.load(&aim, ledger).await?;
    stage.wait_for_receipt(report.accepted * endpoints).await
}
