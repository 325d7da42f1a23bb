//! Connections: credentials at vendors, from their creation to their end.

mod canary;
mod editing;
mod oauth;
mod testing;
mod two;
mod vendor;

use serde_json::{Value, json};

use stage::desk::text;
use stage::{Desk, Receiver};

/// Secrets that are nowhere to be found.
const TOKEN: &str = "xoxb-canary-8f21c7-Zq";

/// Where the requests for Slack and Zoom go instead.
fn hosts(vendor: &Receiver) -> String {
    let address = vendor.address();
    let hosts = ["slack.com", "hooks.slack.com", "zoom.us", "api.zoom.us"];
    hosts.map(|host| format!("{host}=http://{address}")).join(",")
}

/// A bearer connection at Slack.
fn bearer(token: &str) -> Value {
    json!({"name": "Team", "connector": "slack", "kind": "bearer", "fields": {"token": token}})
}

/// Creates a connection; its path.
async fn create(desk: &Desk, body: &Value) -> String {
    let made = desk.api.post("/v1/connections", body).await.ok(201);
    format!("/v1/connections/{}", text(&made, "id"))
}
