//! Endpoints that are disabled, by request or because they said that they are gone.

use serde_json::json;

use stage::{Act, Desk, Receiver, SOON, desk::a_moment, desk::text, eventually, until};

#[tokio::test]
async fn gone_disables_the_endpoint_and_ends_that_delivery() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(410), Act::Status(200)]).await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let id = desk.send("deal.won", json!({})).await;
    let delivery = desk.delivery_that(&id, "failed").await;
    assert_eq!(
        (
            delivery["attempt_count"].clone(),
            delivery["attempts"][0]["status_code"].clone()
        ),
        (json!(1), json!(410))
    );
    let shown = until("the endpoint is disabled", SOON, || async {
        let shown = desk.webhook(&hook).await;
        (shown["enabled"] == false).then_some(shown)
    })
    .await;
    assert!(text(&shown, "disabled_reason").contains("410"), "{shown}");
    let missed = desk.send("deal.won", json!({})).await;
    a_moment().await;
    assert_eq!(receiver.count(), 1, "nothing goes to a disabled endpoint");
    assert_eq!(
        desk.deliveries_of(&missed).await.len(),
        0,
        "and nothing is made for it"
    );
    let enabled = desk
        .api
        .patch(&hook.path(), &json!({"enabled": true}))
        .await
        .ok(200);
    assert_eq!(
        (&enabled["enabled"], &enabled["disabled_reason"]),
        (&json!(true), &json!(null))
    );
    desk.send("deal.won", json!({})).await;
    receiver.wait_for(2).await;
    let entries = desk
        .api
        .get(&format!("/v1/audit?action=webhook.updated&target={}", hook.id))
        .await
        .ok(200);
    assert_eq!(entries["data"].as_array().map(Vec::len), Some(2), "{entries}");
}

#[tokio::test]
async fn pending_ones_wait_until_it_is_enabled() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(500), Act::Status(200)]).await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"max_attempts": 3}))
        .await;
    let id = desk.send("deal.won", json!({})).await;
    receiver.wait_for(1).await;
    let disabled = desk
        .api
        .patch(&hook.path(), &json!({"enabled": false}))
        .await
        .ok(200);
    assert_eq!(disabled["enabled"], false);
    assert!(disabled["disabled_reason"].is_string());
    a_moment().await;
    let count = receiver.count();
    a_moment().await;
    assert_eq!(receiver.count(), count, "it waits");
    if count == 1 {
        let waiting = desk
            .delivery_when(&id, |delivery| delivery["attempt_count"] == 1)
            .await;
        assert_eq!(waiting["status"], "pending", "waiting uses up no attempts");
    }
    desk.api
        .post_nothing(&hook.at("test"))
        .await
        .problem(409, "webhook_disabled");
    desk.api
        .patch(&hook.path(), &json!({"enabled": true}))
        .await
        .ok(200);
    desk.delivery_that(&id, "succeeded").await;
    receiver.wait_for(2).await;
}

#[tokio::test]
async fn waiting_deliveries_are_dropped_with_the_endpoint() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(500)]).await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"max_attempts": 50}))
        .await;
    let id = desk.send("deal.won", json!({})).await;
    receiver.wait_for(1).await;
    desk.api
        .patch(&hook.path(), &json!({"enabled": false}))
        .await
        .ok(200);
    desk.api.delete(&hook.path()).await.no_content();
    eventually("the delivery ends", SOON, || async {
        desk.deliveries_of(&id)
            .await
            .iter()
            .all(|delivery| delivery["status"] == "failed")
    })
    .await;
}

#[tokio::test]
async fn a_redelivery_to_a_disabled_endpoint_waits() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let id = desk.send("deal.won", json!({})).await;
    let delivery = text(&desk.delivery_that(&id, "succeeded").await, "id");
    desk.api
        .patch(&hook.path(), &json!({"enabled": false}))
        .await
        .ok(200);
    let again = desk
        .api
        .post_nothing(&format!("/v1/deliveries/{delivery}/redeliver"))
        .await
        .ok(202);
    a_moment().await;
    assert_eq!(receiver.count(), 1);
    let waiting = desk.delivery(&text(&again, "delivery_id")).await;
    assert_eq!(
        (&waiting["status"], &waiting["attempt_count"]),
        (&json!("pending"), &json!(0))
    );
    desk.api
        .patch(&hook.path(), &json!({"enabled": true}))
        .await
        .ok(200);
    desk.wait_for_delivery(&text(&again, "delivery_id"), "succeeded")
        .await;
}
