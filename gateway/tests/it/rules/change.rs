//! Rules are made, shown, changed and deleted.

use serde_json::json;

use super::{request, rule, url};
use stage::{Desk, Receiver, desk::text};

#[tokio::test]
async fn a_rule_is_shown_as_it_was_given() {
    let desk = Desk::open().await;
    let body = json!({
        "name": "Tell", "events": ["deal.won", "contact.*"], "filter": {"amount": {"in": [1, 2]}}, "action": "http.request",
        "input": {"url": "https://example.com/{{data.id}}", "json": {"b": 1, "a": 1.10}}, "ordering": "by_key",
        "unsure": "stop", "emit_result": false, "max_attempts": 3, "timeout_seconds": 7, "rate_limit_per_second": 9,
    });
    let made = desk.api.post("/v1/rules", &body).await.ok(201);
    let fields = body.as_object().expect("an object");
    for (name, value) in fields {
        assert_eq!(&made[name], value, "{name}");
    }
    assert!(made.to_string().contains(r#""json":{"b":1,"a":1.1"#) || made["input"] == body["input"]);
    assert_eq!(
        (
            &made["enabled"],
            &made["health"],
            &made["revision"],
            &made["disabled_reason"],
            &made["connection_id"]
        ),
        (
            &json!(true),
            &json!("healthy"),
            &json!(1),
            &json!(null),
            &json!(null)
        )
    );
    let path = format!("/v1/rules/{}", text(&made, "id"));
    assert_eq!(desk.api.get(&path).await.ok(200), made);
    assert_eq!(desk.api.get("/v1/rules").await.ok(200)["data"], json!([made]));
    let other = Desk::open().await;
    other.api.get(&path).await.problem(404, "not_found");
    other
        .api
        .patch(&path, &json!({"name": "x"}))
        .await
        .problem(404, "not_found");
    other.api.delete(&path).await.problem(404, "not_found");
    let entry = &desk.api.get("/v1/audit?action=rule.created").await.ok(200)["data"][0];
    assert_eq!(
        (&entry["target"]["type"], &entry["target"]["name"]),
        (&json!("rule"), &json!("Tell"))
    );
}

#[tokio::test]
async fn a_change_raises_the_revision_and_is_audited_without_the_input() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let rule = rule(&desk, &["deal.won"], json!({"url": url(&receiver, "/")})).await;
    let changed = json!({"name": "New", "input": {"url": url(&receiver, "/canary")}, "filter": null});
    let shown = desk.api.patch(&rule.path(), &changed).await.ok(200);
    assert_eq!((&shown["name"], &shown["revision"]), (&json!("New"), &json!(2)));
    let same = desk.api.patch(&rule.path(), &changed).await.ok(200);
    assert_eq!(same, shown, "what changes nothing is no change");
    let entries = desk.api.get("/v1/audit?action=rule.updated").await.ok(200);
    assert_eq!(entries["data"].as_array().expect("entries").len(), 1);
    assert!(!entries.to_string().contains("canary"), "{entries}");
    for (field, value) in [
        ("name", json!(null)),
        ("input", json!(null)),
        ("action", json!("http.dance")),
        ("enabled", json!(1)),
        ("events", json!(null)),
    ] {
        let reply = desk.api.patch(&rule.path(), &json!({field: value})).await;
        reply.problem(422, "validation_failed");
    }
    desk.api.delete(&rule.path()).await.no_content();
    desk.api.get(&rule.path()).await.problem(404, "not_found");
    assert_eq!(
        desk.api.get("/v1/audit?action=rule.deleted").await.ok(200)["data"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn scopes_are_those_of_webhooks() {
    let desk = Desk::open().await;
    let body = request(&["deal.won"], &json!({"url": "https://example.com/"}));
    let reader = desk.with_scopes(&["webhooks:read"]).await;
    reader
        .post("/v1/rules", &body)
        .await
        .problem(403, "scope_missing");
    reader.get("/v1/rules").await.ok(200);
    let preview =
        json!({"action": "http.request", "input": {"url": "https://example.com/"}, "event": {"data": {}}});
    reader.post("/v1/rules/preview", &preview).await.ok(200);
    let writer = desk.with_scopes(&["webhooks:write"]).await;
    writer.post("/v1/rules", &body).await.ok(201);
    writer.get("/v1/rules").await.problem(403, "scope_missing");
}
