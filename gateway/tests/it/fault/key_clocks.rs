//! Keys end when the database says so, whatever the clocks of the gateway and of the operator say.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::clocks::gateway;
use stage::desk::text;
use stage::{Api, Database, Desk, SOON, cli, eventually};

const MINUTES: i64 = 60;

/// The gateway's clock, and so many minutes more.
fn here(minutes: i64) -> String {
    let moment = Timestamp::now() + jiff::SignedDuration::from_secs(minutes * MINUTES);
    moment.to_string()
}

async fn key(desk: &Desk, more: Value) -> (Value, Api) {
    let mut body = json!({"name": "svc", "scopes": ["crm:read"]});
    let fields = body.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    let made = desk.make_key(&body).await;
    let api = desk.api.with_key(&text(&made, "key"));
    (made, api)
}

/// How far a stored time is from the database's clock, in seconds.
async fn distance(database: &Database, column: &str, key: &Value) -> f64 {
    let uuid = text(key, "id").replace("key_", "");
    let query =
        format!("select abs(extract(epoch from now() - {column}))::float8 from api_keys where id = '{uuid}'");
    database.rows(&query).await[0].get(0)
}

async fn is_refused_soon(api: &Api, code: &str) {
    eventually("the key is refused", SOON, || async {
        let reply = api.get("/v1/whoami").await;
        reply.status == 401 && reply.json()["code"] == code
    })
    .await;
}

#[tokio::test]
async fn a_revocation_holds_at_once_whatever_the_clocks_say() {
    for off in ["10 minutes", "-10 minutes"] {
        let (_gateway, database, desk) = gateway(off).await;
        let (made, api) = key(&desk, json!({})).await;
        api.get("/v1/whoami").await.ok(200);
        desk.api
            .post_nothing(&format!("/v1/api-keys/{}/revoke", text(&made, "id")))
            .await
            .ok(200);
        api.get("/v1/whoami").await.problem(401, "key_revoked");
        assert!(distance(&database, "revoked_at", &made).await < 100.0, "{off}");

        let (made, api) = key(&desk, json!({})).await;
        cli::succeed(&desk.url, &["keys", "revoke", &text(&made, "id")]);
        is_refused_soon(&api, "key_revoked").await;
        assert!(distance(&database, "revoked_at", &made).await < 100.0, "{off}");
    }
}

#[tokio::test]
async fn a_revocation_by_one_whose_clock_is_ahead_holds_at_once() {
    let (_gateway, database, desk) = gateway("0").await;
    let (made, api) = key(&desk, json!({})).await;
    let uuid = text(&made, "id").replace("key_", "");
    database
        .run(&format!(
            "begin;
             update api_keys set revoked_at = now() + interval '1 hour' where id = '{uuid}';
             insert into changes (kind, entity, workspace_id)
                 select 'api_key', id, workspace_id from api_keys where id = '{uuid}';
             commit"
        ))
        .await;
    is_refused_soon(&api, "key_revoked").await;
}

#[tokio::test]
async fn a_key_expires_by_the_clock_of_the_database() {
    // Five minutes ago by the gateway's clock, and in five minutes by the database's.
    let (_gateway, database, desk) = gateway("-10 minutes").await;
    let (made, api) = key(&desk, json!({"expires_at": here(-5)})).await;
    api.get("/v1/whoami").await.ok(200);
    assert!(distance(&database, "created_at", &made).await < 100.0);
    let line = cli::succeed(&desk.url, &["keys", "list", "--workspace", &desk.workspace]);
    assert!(!line.contains("expired"), "{line}");
    let end = here(-5);
    let arguments = [
        "keys",
        "create",
        "--name",
        "x",
        "--scopes",
        "crm:read",
        "--expires-at",
    ];
    cli::succeed(&desk.url, &[&arguments[..], &[&end]].concat());

    // The other way round.
    let (_gateway, database, desk) = gateway("10 minutes").await;
    let body = json!({"name": "svc", "scopes": ["crm:read"], "expires_at": here(5)});
    desk.api
        .post("/v1/api-keys", &body)
        .await
        .refused_at(&["body.expires_at"]);
    let end = here(5);
    let refused = cli::run(&desk.url, &[&arguments[..], &[&end]].concat(), &[]);
    assert!(!refused.status.success(), "{refused:?}");
    let (made, api) = key(&desk, json!({"expires_at": here(15)})).await;
    api.get("/v1/whoami").await.ok(200);
    let uuid = text(&made, "id").replace("key_", "");
    database
        .run(&format!(
            "begin;
             update api_keys set expires_at = now() - interval '5 minutes' where id = '{uuid}';
             insert into changes (kind, entity, workspace_id)
                 select 'api_key', id, workspace_id from api_keys where id = '{uuid}';
             commit"
        ))
        .await;
    is_refused_soon(&api, "key_expired").await;
    let line = cli::succeed(&desk.url, &["keys", "list", "--workspace", &desk.workspace]);
    assert!(line.contains("expired"), "{line}");
}

#[tokio::test]
async fn a_rotation_ends_the_old_key_by_the_clock_of_the_database() {
    for off in ["10 minutes", "-10 minutes"] {
        let (_gateway, database, desk) = gateway(off).await;
        let (made, api) = key(&desk, json!({})).await;
        let path = format!("/v1/api-keys/{}/rotate", text(&made, "id"));
        desk.api.post(&path, &json!({"overlap_seconds": 0})).await.ok(201);
        api.get("/v1/whoami").await.problem(401, "key_expired");
        assert!(distance(&database, "expires_at", &made).await < 100.0, "{off}");
        desk.api
            .post(&path, &json!({"overlap_seconds": 0}))
            .await
            .problem(409, "key_ended");
    }
}

#[tokio::test]
async fn the_last_use_follows_the_clock_of_the_database() {
    for off in ["10 minutes", "-10 minutes"] {
        let (gateway, database, desk) = gateway(off).await;
        let (made, api) = key(&desk, json!({})).await;
        api.get("/v1/whoami").await.ok(200);
        // What was used is written at the end too.
        gateway.terminate().await;
        assert!(distance(&database, "last_used_at", &made).await < 200.0, "{off}");
    }
}
