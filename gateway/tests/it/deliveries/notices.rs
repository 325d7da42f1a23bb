//! Failure tells someone: operational events, by name alone and without loops.

use serde_json::json;

use stage::{Act, Desk, Receiver, desk::text};

#[tokio::test]
async fn a_failed_delivery_emits_an_event_to_subscribers_by_name() {
    let desk = Desk::open().await;
    let dead = Receiver::deciding(|_, _| Act::Status(500)).await;
    let told = Receiver::deciding(|_, _| Act::Status(500)).await;
    let every = Receiver::start().await;
    let once = json!({"max_attempts": 1});
    let hook = desk.hook_with(&dead, &["deal.won"], once.clone()).await;
    desk.hook_with(&told, &["delivery.failed"], once).await;
    desk.hook(&every, &["*"]).await;
    let id = desk.send("deal.won", json!({})).await;
    let notice = told.wait_for(1).await[0].json();
    assert_eq!(notice["type"], "delivery.failed");
    assert_eq!(notice["data"]["webhook_id"], hook.id);
    assert_eq!(notice["data"]["event_id"], id);
    assert_eq!(notice["data"]["error_code"], "http_status");
    // That delivery fails as well, and there is no word of it; `*` means the product's own types.
    desk.delivery_that(&text(&notice, "id"), "failed").await;
    let notices = desk.api.get("/v1/events?type=delivery.failed").await.ok(200);
    assert_eq!(notices["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(every.wait_for(1).await[0].json()["type"], "deal.won");
    assert_eq!(every.count(), 1);
}

#[tokio::test]
async fn a_gone_endpoint_emits_an_event_that_clients_cannot_send() {
    let desk = Desk::open().await;
    let gone = Receiver::deciding(|_, _| Act::Status(410)).await;
    let told = Receiver::start().await;
    let hook = desk.hook(&gone, &["deal.won"]).await;
    desk.hook(&told, &["webhook.disabled"]).await;
    desk.send("deal.won", json!({})).await;
    let notice = told.wait_for(1).await[0].json();
    assert_eq!(notice["type"], "webhook.disabled");
    assert_eq!(notice["data"]["id"], hook.id);
    let forged = json!({"type": "webhook.disabled", "data": {}});
    desk.api
        .post("/v1/events", &forged)
        .await
        .refused_at(&["body.type"]);
    let taken = json!({"name": "webhook.paused", "description": ""});
    desk.api
        .post("/v1/event-types", &taken)
        .await
        .problem(409, "type_taken");
}
