//! `POST /v1/rules/{id}/test`.

use serde_json::json;

use super::{rule, url};
use stage::{Desk, Receiver, desk::text};

#[tokio::test]
async fn a_test_sends_an_example_or_an_event() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let input =
        json!({"url": url(&receiver, "/{{event.type}}"), "json": {"data": "{{data}}", "id": "{{event.id}}"}});
    let event = desk.send("deal.lost", json!({"n": 7})).await;
    let rule = rule(&desk, &["deal.won"], input).await;
    let started = desk.api.post_nothing(&rule.at("test")).await.ok(202);
    let delivery = desk
        .wait_for_delivery(&text(&started, "delivery_id"), "succeeded")
        .await;
    assert_eq!(
        (&delivery["test"], &delivery["rule_id"]),
        (&json!(true), &json!(rule.id))
    );
    let received = receiver.wait_for(1).await.remove(0);
    assert_eq!(received.line, "POST /deal.won HTTP/1.1");
    let started = desk
        .api
        .post(&rule.at("test"), &json!({"event_id": event}))
        .await
        .ok(202);
    desk.wait_for_delivery(&text(&started, "delivery_id"), "succeeded")
        .await;
    let received = receiver.wait_for(2).await.remove(1);
    assert_eq!(received.line, "POST /deal.lost HTTP/1.1");
    assert_eq!(received.text(), format!(r#"{{"data":{{"n":7}},"id":"{event}"}}"#));
    assert_eq!(receiver.count(), 2);
    desk.api
        .post(&rule.at("test"), &json!({"type": "no.such"}))
        .await
        .refused_at(&["body.type"]);
    desk.api
        .post(&rule.at("test"), &json!({"event_id": "nothing"}))
        .await
        .refused_at(&["body.event_id"]);
    let both = json!({"event_id": event, "type": "deal.won"});
    desk.api
        .post(&rule.at("test"), &both)
        .await
        .refused_at(&["body.event_id"]);
    desk.api
        .patch(&rule.path(), &json!({"enabled": false}))
        .await
        .ok(200);
    desk.api
        .post_nothing(&rule.at("test"))
        .await
        .problem(409, "rule_disabled");
    assert_eq!(
        desk.api.get("/v1/audit?action=rule.tested").await.ok(200)["data"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}
