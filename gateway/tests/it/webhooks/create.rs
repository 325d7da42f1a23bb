//! `POST /v1/webhooks` and how a webhook is shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use stage::{Desk, Gateway, desk::all_pages, desk::text, signature::bytes_of_hex};

fn valid() -> Value {
    json!({"name": "crm", "url": "http://127.0.0.1:9/hook", "events": ["deal.won", "deal.lost"]})
}

#[tokio::test]
async fn both_forms_of_the_secret_are_shown_once() {
    let desk = Desk::open().await;
    let reply = desk.api.post("/v1/webhooks", &valid()).await;
    let made = reply.ok(201);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let secret = text(&made, "secret");
    assert_eq!(secret.len(), 64);
    let standard = text(&made, "standard_secret");
    let encoded = standard.strip_prefix("whsec_").expect("the prefix");
    assert_eq!(STANDARD.decode(encoded).expect("base64"), bytes_of_hex(&secret));
    assert!(text(&made, "id").starts_with("wh_"));
    for (field, value) in [
        ("name", json!("crm")),
        ("url", json!("http://127.0.0.1:9/hook")),
        ("events", json!(["deal.won", "deal.lost"])),
        ("enabled", json!(true)),
        ("health", json!("healthy")),
        ("disabled_reason", json!(null)),
    ] {
        assert_eq!(made[field], value, "{field}");
    }
    let path = format!("/v1/webhooks/{}", text(&made, "id"));
    let shown = desk.api.get(&path).await;
    let listed = desk.api.get("/v1/webhooks").await;
    assert_eq!(listed.ok(200)["data"], json!([shown.ok(200)]));
    for reply in [&shown, &listed] {
        assert!(!reply.text().contains(&secret[..32]) && !reply.text().contains(&encoded[..20]));
        assert!(!reply.text().contains("secret"));
    }
}

#[tokio::test]
async fn secrets_are_sealed_at_rest() {
    let desk = Desk::open().await;
    let (gateway, database) = Gateway::shared().await;
    let mut body = valid();
    body["headers"] = json!({"X-Token": "sesame-open-4711"});
    let made = desk.api.post("/v1/webhooks", &body).await.ok(201);
    let secret = text(&made, "secret");
    let as_bytes = |text: &[u8]| text.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for table in [
        "webhooks",
        "audit",
        "changes",
        "idempotency_replies",
        "gateway_secrets",
    ] {
        let dump = database.dump(table).await;
        for hidden in [
            &secret,
            &as_bytes(secret.as_bytes()),
            &as_bytes(b"sesame-open-4711"),
            "sesame-open-4711",
        ] {
            assert!(!dump.contains(hidden), "{table}");
        }
    }
    assert!(!gateway.log().contains(&secret) && !gateway.log().contains("sesame"));
    // Without a key of the operator's, it says so.
    assert!(gateway.log().contains("secret_key"), "a loud warning");
}

#[tokio::test]
async fn every_fault_is_named_at_once() {
    let desk = Desk::open().await;
    let post = async |body: Value| desk.api.post("/v1/webhooks", &body).await;
    post(json!({}))
        .await
        .refused_at(&["body.events", "body.name", "body.url"]);
    let with = async |field: &str, value: Value| {
        let mut body = valid();
        body[field] = value;
        desk.api.post("/v1/webhooks", &body).await
    };
    with("events", json!([])).await.refused_at(&["body.events"]);
    with("events", json!(["deal.won", "deal.won", "nothing.such", 1]))
        .await
        .refused_at(&["body.events[1]", "body.events[2]", "body.events[3]"]);
    for count in [json!(0), json!(51), json!(1.5), json!("5")] {
        with("max_attempts", count)
            .await
            .refused_at(&["body.max_attempts"]);
    }
    for seconds in [json!(0), json!(61)] {
        with("timeout_seconds", seconds)
            .await
            .refused_at(&["body.timeout_seconds"]);
    }
    with("max_attempts", json!(50)).await.ok(201);
    with("timeout_seconds", json!(60)).await.ok(201);
    with("rate_limit_per_second", json!(0))
        .await
        .refused_at(&["body.rate_limit_per_second"]);
    with("enabled", json!(false)).await.refused_at(&["body.enabled"]);
    with("name", json!(" ")).await.refused_at(&["body.name"]);
    with("secret", json!("mine")).await.refused_at(&["body.secret"]);
}

#[tokio::test]
async fn lists_are_paged_newest_first() {
    let desk = Desk::open().await;
    for nth in 0..5 {
        let mut body = valid();
        body["name"] = json!(format!("h{nth}"));
        desk.api.post("/v1/webhooks", &body).await.ok(201);
    }
    let names: Vec<String> = all_pages(&desk.api, "/v1/webhooks", 2)
        .await
        .iter()
        .map(|hook| text(hook, "name"))
        .collect();
    assert_eq!(names, ["h4", "h3", "h2", "h1", "h0"]);
}

#[tokio::test]
async fn another_workspaces_webhook_is_not_there() {
    let (mine, theirs) = (Desk::open().await, Desk::open().await);
    let id = text(&theirs.api.post("/v1/webhooks", &valid()).await.ok(201), "id");
    let path = format!("/v1/webhooks/{id}");
    mine.api.get(&path).await.problem(404, "not_found");
    mine.api
        .patch(&path, &json!({"name": "x"}))
        .await
        .problem(404, "not_found");
    mine.api.delete(&path).await.problem(404, "not_found");
    mine.api
        .get(&format!("{path}/deliveries"))
        .await
        .problem(404, "not_found");
    for action in ["test", "rotate-secret"] {
        mine.api
            .post_nothing(&format!("{path}/{action}"))
            .await
            .problem(404, "not_found");
    }
    let since = json!({"since": "2020-01-01T00:00:00Z"});
    mine.api
        .post(&format!("{path}/recover"), &since)
        .await
        .problem(404, "not_found");
    theirs.api.get(&path).await.ok(200);
}
