//! `POST /v1/events` without an endpoint against the bare sink: what durability costs.

use crate::load::Naming;
use crate::run::ledger::Ledger;
use crate::run::stage::{Aim, Stage};
use anyhow::Result;

pub async fn measure(stage: &Stage, ledger: &mut Ledger) -> Result<()> {
    let sink = measure_sink(stage, ledger).await?;
    let aim = Aim {
        warmup: stage.shape.warmup,
        ..stage.gateway_aim("POST", "/v1/events")
    };
    let accept = stage.load(&aim, ledger).await?;
    ledger.note("accept.rate", accept.rps);
    ledger.note("accept.ratio", accept.rps / sink);
    ledger.note("accept.p99_us", accept.p99_us as f64);
    for (naming, rate, ratio) in [
        (Naming::SomeIds, "accept.some_ids_rate", "accept.some_ids_ratio"),
        (Naming::Ids, "accept.ids_rate", "accept.ids_ratio"),
        (Naming::Keys, "accept.keys_rate", "accept.keys_ratio"),
    ] {
        let named = stage.load(&Aim { naming, ..aim }, ledger).await?;
        ledger.note(rate, named.rps);
        ledger.note(ratio, named.rps / accept.rps);
    }
    Ok(())
}

/// The bare sink's rate, which the raw relay is made of too.
pub async fn measure_sink(stage: &Stage, ledger: &mut Ledger) -> Result<f64> {
    let aim = Aim {
        target: stage.sink.address,
        warmup: stage.shape.warmup,
        ..stage.gateway_aim("POST", "/v1/events")
    };
    let sink = stage.load(&aim, ledger).await?;
    ledger.note("sink.rate", sink.rps);
    Ok(sink.rps)
}
