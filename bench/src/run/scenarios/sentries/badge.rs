//! A hoot's badge, without a key, against the bare hello-world: what drawing and its limit cost.

use super::Watched;
use crate::run::ledger::Ledger;
use crate::run::stage::{Aim, Stage};
use anyhow::Result;

/// A rate that one core must carry, and at which its latency is looked at.
const PACED: f64 = 5_000.0;

pub async fn measure(stage: &Stage, ledger: &mut Ledger) -> Result<()> {
    let path = format!("/hoots/{}/badge.svg", Watched::make(stage).await?.hoot);
    let aim = Aim {
        warmup: stage.shape.warmup,
        ..stage.gateway_aim("GET", &path)
    };
    let bare = Aim {
        target: stage.hello.address,
        ..aim
    };
    let hello = stage.load(&bare, ledger).await?;
    let badge = stage.load(&aim, ledger).await?;
    ledger.note("badge.rate", badge.rps);
    ledger.note("badge.ratio", badge.rps / hello.rps);
    let paced = Aim {
        rate: Some(PACED),
        ..aim
    };
    let paced = stage.load(&paced, ledger).await?;
    ledger.note("badge.p99_ms", paced.p99_us as f64 / 1_000.0);
    Ok(())
}
