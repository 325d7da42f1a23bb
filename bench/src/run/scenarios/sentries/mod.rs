//! Sentries and hoots: reports on one side, badges on the other.

pub mod badge;
pub mod report;

use crate::control::Call;
use crate::run::stage::Stage;
use anyhow::{Context, Result};
use hyper::Method;
use serde_json::{Value, json};

/// What every sentry here reports.
fn loaded_late() -> Value {
    json!({"state": "sad", "user_message": "Loaded late, look again", "meta": {"latest_record_at": 1_700_000_000}})
}

/// The ids of a sentry and of the one hoot that shows it.
struct Watched {
    sentry: String,
    hoot: String,
}

impl Watched {
    async fn make(stage: &Stage) -> Result<Self> {
        let sentry = post(stage, "/v1/sentries", &json!({"name": "bench"})).await?;
        post(stage, &format!("/v1/sentries/{sentry}"), &loaded_late()).await?;
        let hoot = json!({"name": "bench", "sentries": [sentry]});
        let hoot = post(stage, "/v1/hoots", &hoot).await?;
        Ok(Self { sentry, hoot })
    }
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
