//! Sentries and hoots: what is created, reported, timed out, told and shown.

mod command;
mod document;
mod editing;
mod history;
mod hoots;
mod kills;
mod public;
mod reports;
mod timeouts;

use serde_json::{Value, json};

use stage::Desk;
use stage::desk::text;

/// A new sentry; its path.
async fn sentry(desk: &Desk, body: Value) -> String {
    let made = desk.api.post("/v1/sentries", &body).await.ok(201);
    format!("/v1/sentries/{}", text(&made, "id"))
}

/// A new sentry of which nothing is said but its name.
async fn plain(desk: &Desk) -> String {
    sentry(desk, json!({"name": "nightly load"})).await
}

/// Reports a state.
async fn report(desk: &Desk, path: &str, state: &str) -> Value {
    desk.api.post(path, &json!({"state": state})).await.ok(200)
}

/// The id at the end of a path.
fn id_in(path: &str) -> String {
    path.rsplit('/').next().expect("an id").to_owned()
}

/// A new hoot; its id.
async fn hoot(desk: &Desk, body: Value) -> String {
    let made = desk.api.post("/v1/hoots", &body).await.ok(201);
    text(&made, "id")
}
