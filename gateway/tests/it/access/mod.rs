//! Access that an operator can trust: revocation on every instance, floods, load balancers, TLS to the database,
//! secrets at rest and in the output.

use serde_json::json;
use stage::{Database, Gateway, cli, desk::text};

mod audit;
mod canary;
mod command_line;
mod flood;
mod idempotency;
mod instances;
mod load_balancer;
mod postgres_tls;
mod sealing;

/// A key that is well formed and nobody's.
const WRONG: &str = "sk_00000000000000000000000000000000000000000000000000000000000000ff";

/// A key with every scope, of the workspace that is always there.
fn first_key(database: &Database) -> String {
    let arguments = ["keys", "create", "--name", "first", "--scopes", "*"];
    cli::succeed(&database.url(), &arguments)
}

/// The status of `whoami` with this key.
async fn whoami(gateway: &Gateway, key: &str) -> u16 {
    gateway.with_key(key).get("/v1/whoami").await.status
}

/// Makes a key with one scope; its id and the key.
async fn make_key(gateway: &Gateway, key: &str, name: &str) -> (String, String) {
    let body = json!({"name": name, "scopes": ["crm:read"]});
    let made = gateway.with_key(key).post("/v1/api-keys", &body).await.ok(201);
    (text(&made, "id"), text(&made, "key"))
}
