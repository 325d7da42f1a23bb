//! What a second and a third instance add.
//!
//! Two cores carry everything, so that whole instances would only take from each other. Each is held to a share of a core
//! instead, and stands for a machine of its own; PostgreSQL, the load and the receiver share what is left. All work on
//! one database. Every instance is saturated by a load of its own.

use crate::gateway::Gateway;
use crate::quota::Quota;
use crate::run::Options;
use crate::run::ledger::Ledger;
use crate::run::stage::{Aim, Stage};
use anyhow::Result;

/// Of one core, for each instance. Three of them leave more than one core to the rest, which must not be what is full.
const SHARE: f64 = 0.2;
const COUNTS: [(usize, &str, &str); 3] = [
    (1, "instances.one_rate", ""),
    (2, "instances.two_rate", "instances.two_ratio"),
    (3, "instances.three_rate", "instances.three_ratio"),
];

pub async fn measure(stage: &Stage, ledger: &mut Ledger, options: &Options) -> Result<()> {
    let mut others = Vec::new();
    for _ in 1..COUNTS.len() {
        others.push(Gateway::start(options.setup(stage.cluster.port()), &stage.cluster).await?);
    }
    let all = || std::iter::once(&stage.gateway).chain(&others);
    let _held: Vec<Quota> = all()
        .map(|gateway| Quota::hold(gateway.pid()?, SHARE))
        .collect::<Result<_>>()?;
    let aims: Vec<Aim<'_>> = all()
        .map(|gateway| Aim {
            target: gateway.api,
            ..stage.gateway_aim("POST", "/v1/events")
        })
        .collect();
    let url = stage.endpoint_url("/instances");
    let webhook = stage.gateway.create_webhook("bench", &url).await?;
    // The first round shows every instance its endpoint, and counts for nothing.
    for round in 0..=options.rounds {
        eprintln!("instances: round {round} of {}", options.rounds);
        let mut one = None;
        for (count, rate_key, ratio_key) in COUNTS {
            let rate = delivered(stage, &aims[..count], ledger).await?;
            let one = *one.get_or_insert(rate);
            if round > 0 {
                ledger.note(rate_key, rate);
                if count > 1 {
                    ledger.note(ratio_key, rate / one);
                }
            }
        }
    }
    stage.gateway.delete_webhook(&webhook).await
}

/// Events a second, from the first request until all have been received.
async fn delivered(stage: &Stage, aims: &[Aim<'_>], ledger: &mut Ledger) -> Result<f64> {
    stage.reset_receiver().await?;
    let reports = stage.load_all(aims, ledger).await?;
    let accepted: u64 = reports.iter().map(|report| report.accepted).sum();
    let started_at_us = reports.iter().map(|report| report.started_at_us).min();
    let stats = stage.wait_for_receipt(accepted).await?;
    let elapsed_us = stats.last_at_us.saturating_sub(started_at_us.unwrap_or(0));
    Ok(accepted as f64 * 1_000_000.0 / elapsed_us as f64)
}
