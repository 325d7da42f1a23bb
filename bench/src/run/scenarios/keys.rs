//! A million keys, and a flood of wrong ones: what either costs the callers whose keys are right.
//!
//! Keys come straight out of SQL, because making a million over the API says nothing about holding them. Each size gets a
//! gateway of its own, which tells how long loading takes and what the keys weigh; rates are compared by their ratios to
//! the calibrator, which was measured right before.

use crate::run::Options;
use crate::run::ledger::Ledger;
use crate::run::stage::{Aim, Stage};
use anyhow::Result;

const FEW: u64 = 10_000;
const MANY: u64 = 1_000_000;
/// The share of the closed loop's rate at which latency is looked at.
const PACE: f64 = 0.25;

pub async fn measure(stage: &mut Stage, ledger: &mut Ledger, options: &Options) -> Result<()> {
    stage.insert_keys(FEW).await?;
    stage.restart_gateway(options).await?;
    let few = rounds(stage, ledger, options.rounds).await?;
    eprintln!("inserting {MANY} keys");
    stage.insert_keys(MANY).await?;
    let loading_seconds = stage.restart_gateway(options).await?;
    ledger.note("keys.load_seconds", loading_seconds);
    ledger.note("keys.rss_mb", stage.gateway.usage()?.rss_mb);
    let many = rounds(stage, ledger, options.rounds).await?;
    for (few, many) in few.iter().zip(&many) {
        ledger.note("keys.many_ratio", many / few);
    }
    for _ in 0..options.rounds {
        flood(stage, ledger).await?;
    }
    Ok(())
}

/// The ratio of whoami to the calibrator, in each round.
async fn rounds(stage: &Stage, ledger: &mut Ledger, count: u32) -> Result<Vec<f64>> {
    let mut ratios = Vec::new();
    for _ in 0..count {
        let aim = Aim {
            warmup: stage.shape.warmup,
            ..stage.gateway_aim("GET", "/v1/whoami")
        };
        let bare = Aim {
            target: stage.hello.address,
            ..aim
        };
        let hello = stage.load(&bare, ledger).await?;
        let whoami = stage.load(&aim, ledger).await?;
        ledger.note("keys.rate", whoami.rps);
        ratios.push(whoami.rps / hello.rps);
    }
    Ok(ratios)
}

/// Valid keys' latency alone, and beside clients that send nothing but wrong keys as fast as they are answered.
async fn flood(stage: &Stage, ledger: &mut Ledger) -> Result<()> {
    let rate = ledger.latest("keys.rate").unwrap_or(1_000.0) * PACE;
    let aim = Aim {
        warmup: stage.shape.warmup,
        rate: Some(rate),
        ..stage.gateway_aim("GET", "/v1/whoami")
    };
    let alone = stage.load(&aim, ledger).await?;
    let (beside, wrong) = stage.load_beside_flood(&aim, ledger).await?;
    ledger.note("keys.alone_p99_us", alone.p99_us as f64);
    ledger.note("keys.flood_p99_us", beside.p99_us as f64);
    ledger.note(
        "keys.flood_p99_ratio",
        beside.p99_us as f64 / alone.p99_us.max(1) as f64,
    );
    ledger.note("keys.flood_rate", wrong);
    Ok(())
}
