//! Reports to sentries against new records: what the order of one sentry's reports, its history and its hoots cost.

use super::{Watched, loaded_late};
use crate::load;
use crate::run::ledger::Ledger;
use crate::run::stage::{Aim, Stage, body_file};
use anyhow::Result;
use serde_json::json;
use std::path::Path;

/// Reports to one sentry wait for each other, so several get some. The records come over as many loads.
const SENTRIES: usize = 8;

pub async fn measure(stage: &Stage, ledger: &mut Ledger) -> Result<()> {
    let mut paths = Vec::new();
    for _ in 0..SENTRIES {
        let watched = Watched::make(stage).await?;
        paths.push(format!("/v1/sentries/{}", watched.sentry));
    }
    // Without an email or an id of its own, so that each is another contact.
    let record =
        body_file(&json!({"first_name": "Ada", "last_name": "Lovelace", "phone": "+44 20 7946 0000"}))?;
    let contacts = vec!["/v1/crm/contacts".to_owned(); SENTRIES];
    let records = post(stage, ledger, &contacts, record.path()).await?;
    let report = body_file(&loaded_late())?;
    let reports = post(stage, ledger, &paths, report.path()).await?;
    ledger.note("record.rate", rate(&records));
    ledger.note("report.rate", rate(&reports));
    ledger.note("report.ratio", rate(&reports) / rate(&records));
    let slowest = reports.iter().map(|report| report.p99_us).max().unwrap_or(0);
    ledger.note("report.p99_ms", slowest as f64 / 1_000.0);
    Ok(())
}

/// The same body to each of the paths at once, over all connections together.
async fn post(
    stage: &Stage,
    ledger: &mut Ledger,
    paths: &[String],
    body: &Path,
) -> Result<Vec<load::Report>> {
    let aims: Vec<Aim<'_>> = paths
        .iter()
        .map(|path| Aim {
            warmup: stage.shape.warmup,
            connections: stage.shape.connections.div_ceil(paths.len()),
            body: Some(body),
            ..stage.gateway_aim("POST", path)
        })
        .collect();
    stage.load_all(&aims, ledger).await
}

fn rate(reports: &[load::Report]) -> f64 {
    reports.iter().map(|report| report.rps).sum()
}
