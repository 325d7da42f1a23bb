//! CSV files on their way to records, and back. Where what is tested is not one instance's own (its memory, its metrics,
//! its end), requests go to two instances in turn: one is told, the other is asked.

use std::time::Duration;

use serde_json::Value;
use stage::wire::Wire;
use stage::{Api, eventually};

mod dry_run;
mod faults;
mod forms;
mod hostile;
mod instances;
mod jobs;
mod matching;
mod metrics;
mod once;
mod places;
mod purging;
mod rules;
mod stopping;
mod undoing;
mod watching;

/// An import under a debug build on a busy machine takes a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// Begins an upload of contacts, a chunk at a time; an empty chunk ends it.
async fn upload(api: &Api, first: impl AsRef<[u8]>) -> Wire {
    upload_as(api, "object=contact", first).await
}

async fn upload_as(api: &Api, query: &str, first: impl AsRef<[u8]>) -> Wire {
    let headers = [("content-type", "text/csv"), ("transfer-encoding", "chunked")];
    let mut upload = api.begin("POST", &format!("/v1/imports?{query}"), &headers).await;
    upload.write_chunk(first).await;
    upload
}

/// Ends an upload; its job.
async fn end(mut upload: Wire) -> Value {
    upload.write_chunk("").await;
    upload.answer().await.expect("a reply").ok(201)
}

/// The youngest job, or null.
async fn newest(api: &Api) -> Value {
    api.get("/v1/imports").await.ok(200)["data"][0].clone()
}

/// Waits until rows of the youngest job are written, which until then a crash would take along.
async fn wait_for_rows(api: &Api) {
    eventually("some rows", PATIENCE, async || {
        newest(api).await["rows_created"].as_i64() > Some(0)
    })
    .await;
}
