//! A credential in a rule's headers reaches the receiver and nobody else.

use serde_json::json;

use super::{rule, url};
use stage::{Act, Desk, Receiver, desk::text};

const CANARY: &str = "canary-5f1c9a7e";

#[tokio::test]
async fn what_looks_like_a_credential_is_masked_in_attempts() {
    let (gateway, _database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::scripted(vec![Act::Status(500), Act::Status(404)]).await;
    let headers = json!({"Authorization": format!("Bearer {CANARY}"), "X-Api-Key": CANARY, "X-Open": "seen"});
    let rule = rule(
        &desk,
        &["deal.won"],
        json!({"url": url(&receiver, "/"), "headers": headers}),
    )
    .await;
    let event = desk.send("deal.won", json!({})).await;
    let delivery = desk.delivery_that(&event, "failed").await;
    let received = receiver.wait_for(2).await;
    assert_eq!(received[0].header("authorization"), format!("Bearer {CANARY}"));
    assert_eq!(received[1].header("x-api-key"), CANARY);
    let sent = &delivery["attempts"][1]["request"]["headers"];
    assert_eq!(
        (&sent["authorization"], &sent["x-api-key"], &sent["x-open"]),
        (&json!("••••"), &json!("••••"), &json!("seen"))
    );
    for path in [
        format!("/v1/deliveries/{}", text(&delivery, "id")),
        rule.at("deliveries"),
        format!("/v1/events/{event}"),
        "/v1/audit".to_owned(),
    ] {
        let shown = desk.api.get(&path).await.ok(200).to_string();
        assert!(!shown.contains(CANARY), "{path}: {shown}");
    }
    let metrics = gateway.operations("/metrics").await;
    let metrics = metrics.text();
    assert!(metrics.contains("gateway_action_attempts_total"), "{metrics}");
    assert!(!metrics.contains(CANARY));
    assert!(!gateway.log().contains(CANARY));
}
