//! `GET /v1/whoami` against the bare hello-world: what a checked key costs.

use crate::run::ledger::Ledger;
use crate::run::stage::{Aim, Stage};
use anyhow::Result;

pub async fn measure(stage: &Stage, ledger: &mut Ledger) -> Result<()> {
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
    ledger.note("hello.rate", hello.rps);
    ledger.note("whoami.rate", whoami.rps);
    ledger.note("whoami.ratio", whoami.rps / hello.rps);
    ledger.note("whoami.p99_us", whoami.p99_us as f64);
    Ok(())
}
