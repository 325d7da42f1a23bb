//! `POST /v1/rules/preview`.

use serde_json::json;

use super::url;
use stage::{Desk, Receiver};

#[tokio::test]
async fn it_shows_what_would_be_sent_and_sends_nothing() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let body = json!({
        "action": "http.request",
        "input": {
            "url": url(&receiver, "/{{data.id}}"), "headers": {"Authorization": "Bearer canary", "X-A": "{{event.type}}"},
            "json": {"at": "{{event.timestamp}}", "id": "{{event.id}}"},
        },
        "event": {"id": "evt_1", "type": "deal.won", "timestamp": "2026-01-02T03:04:05.000Z", "data": {"id": "a b"}},
    });
    let shown = desk.api.post("/v1/rules/preview", &body).await.ok(200);
    assert_eq!(
        shown,
        json!({"request": {
            "method": "POST", "url": url(&receiver, "/a%20b"),
            "headers": {"authorization": "••••", "x-a": "deal.won", "content-type": "application/json"},
            "body": "{\"at\":\"2026-01-02T03:04:05.000Z\",\"id\":\"evt_1\"}",
        }})
    );
    assert_eq!(receiver.count(), 0);
    assert_eq!(desk.api.get("/v1/rules").await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn a_template_that_fails_is_told_by_its_place() {
    let desk = Desk::open().await;
    let preview = async |input: serde_json::Value, data: serde_json::Value| {
        let body = json!({"action": "http.request", "input": input, "event": {"data": data}});
        desk.api.post("/v1/rules/preview", &body).await
    };
    let input = json!({"url": "https://example.com/{{data.id}}"});
    preview(input.clone(), json!({"id": 7})).await.ok(200);
    preview(input, json!({})).await.refused_at(&["body.input.url"]);
    let input = json!({"url": "https://example.com/", "method": "{{data.method}}"});
    preview(input, json!({"method": "BREW"}))
        .await
        .refused_at(&["body.input.method"]);
    let input = json!({"url": "https://example.com/", "json": {"a": "{{nobody.knows}}"}});
    preview(input, json!({})).await.refused_at(&["body.input.json"]);
    preview(json!({}), json!({}))
        .await
        .refused_at(&["body.input.url"]);
}

#[tokio::test]
async fn events_are_checked() {
    let desk = Desk::open().await;
    let preview = async |event: serde_json::Value| {
        let input = json!({"url": "https://example.com/"});
        let body = json!({"action": "http.request", "input": input, "event": event});
        desk.api.post("/v1/rules/preview", &body).await
    };
    preview(json!({"data": {}})).await.ok(200);
    preview(json!({})).await.refused_at(&["body.event.data"]);
    preview(json!([])).await.refused_at(&["body.event"]);
    preview(json!({"data": [], "type": 1, "x": 1}))
        .await
        .refused_at(&["body.event.data", "body.event.type", "body.event.x"]);
}
