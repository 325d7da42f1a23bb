//! A hoot's badge, without a key, against the bare hello-world: what drawing and its limit cost.

use crate::control::Call;
use crate::run::ledger::Ledger;
use crate::run::stage::{Aim, Stage};
use anyhow::{Context, Result};
use hyper::Method;
use serde_json::{Value, json};

/// A rate that one core must carry, and at which its latency is looked at.
const PACED: f64 = 5_000.0;

pub async fn measure(stage: &Stage, ledger: &mut Ledger) -> Result<()> {
    let path = format!("/hoots/{}/badge.svg", make_hoot(stage).await?);
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

/// A hoot with a sentry that has reported; its id.
async fn make_hoot(stage: &Stage) -> Result<String> {
    let sentry = post(stage, "/v1/sentries", &json!({"name": "bench"})).await?;
    let report = json!({"state": "sad", "user_message": "Loaded late, look again", "meta": {"latest_record_at": 1_700_000_000}});
    post(stage, &format!("/v1/sentries/{sentry}"), &report).await?;
    post(
        stage,
        "/v1/hoots",
        &json!({"name": "bench", "sentries": [sentry]}),
    )
    .await
}

async fn post(stage: &Stage, path: &str, body: &Value) -> Result<String> {
    let call = Call {
        method: Method::POST,
        bearer: Some(&stage.gateway.key),
        body: Some(body),
        ..Call::get(stage.gateway.api, path)
    };
    let made: Value = serde_json::from_slice(&call.succeed().await?)?;
    Ok(made["id"].as_str().context("an id")?.to_owned())
}
