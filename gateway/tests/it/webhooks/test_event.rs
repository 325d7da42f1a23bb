//! `POST /v1/webhooks/{id}/test`.

use serde_json::json;

use stage::{Desk, Receiver, desk::text, signature};

#[tokio::test]
async fn an_example_goes_to_this_endpoint_alone_and_is_no_event() {
    let desk = Desk::open().await;
    let (receiver, bystander) = (Receiver::start().await, Receiver::start().await);
    let hook = desk.hook(&receiver, &["deal.lost", "deal.won"]).await;
    desk.hook(&bystander, &["*"]).await;
    let started = desk.api.post_nothing(&hook.at("test")).await.ok(202);
    let id = text(&started, "delivery_id");
    let received = receiver.only().await;
    let body = received.json();
    assert_eq!(body["type"], "deal.lost", "the endpoint's first type");
    assert!(body["data"].as_object().is_some_and(|data| !data.is_empty()));
    assert_eq!(received.header("x-sentinel-delivery"), id);
    assert_eq!(received.header("webhook-id"), text(&body, "id"));
    assert!(signature::hub_verifies(&received, &hook.secret));
    assert!(signature::standard_verifies(&received, &hook.standard_secret));
    let delivery = desk.wait_for_delivery(&id, "succeeded").await;
    assert_eq!(delivery["test"], true);
    assert_eq!(delivery["request_body"].as_str(), Some(received.text()));
    assert_eq!(desk.api.get("/v1/events").await.ok(200)["data"], json!([]));
    desk.api
        .get(&format!("/v1/events/{}", text(&body, "id")))
        .await
        .problem(404, "not_found");
    assert_eq!(bystander.count(), 0);
    let listed = desk.api.get(&hook.at("deliveries")).await.ok(200);
    assert_eq!(listed["data"][0]["test"], true);
}

#[tokio::test]
async fn of_any_type_that_the_workspace_has() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let every = desk.hook(&receiver, &["*"]).await;
    desk.api
        .post(&every.at("test"), &json!({"type": "invoice.paid"}))
        .await
        .ok(202);
    assert_eq!(receiver.only().await.header("x-sentinel-event"), "invoice.paid");
    desk.api
        .post(&every.at("test"), &json!({"type": "no.such"}))
        .await
        .refused_at(&["body.type"]);
    desk.api
        .post(&every.at("test"), &json!({"typ": "x"}))
        .await
        .refused_at(&["body.typ"]);
    // An endpoint for every type has no first; some type is taken.
    desk.api.post_nothing(&every.at("test")).await.ok(202);
    let received = receiver.wait_for(2).await.remove(1);
    assert!(received.header("x-sentinel-event").contains('.'));
}
