//! Endpoints that ask for every type that begins so.

use serde_json::json;
use stage::{Desk, Receiver, desk::text};

#[tokio::test]
async fn a_prefix_is_every_type_that_begins_so() {
    let desk = Desk::open().await;
    for name in ["stripe.charge.paid", "stripe.payout", "stripes.payout"] {
        let body = json!({"name": name, "description": "x"});
        desk.api.post("/v1/event-types", &body).await.ok(201);
    }
    let receiver = Receiver::start().await;
    let events = ["stripe.charge.*", "stripe.*", "stripe.payout", "deal.won"];
    let hook = desk.hook(&receiver, &events).await;
    assert_eq!(desk.webhook(&hook).await["events"], json!(events));
    for name in [
        "stripe.charge.paid",
        "stripes.payout",
        "deal.lost",
        "stripe.payout",
        "deal.won",
    ] {
        desk.send(name, json!({})).await;
    }
    let mut seen: Vec<String> = receiver
        .wait_for(3)
        .await
        .iter()
        .map(|received| text(&received.json(), "type"))
        .collect();
    seen.sort();
    assert_eq!(seen, ["deal.won", "stripe.charge.paid", "stripe.payout"]);
    assert_eq!(receiver.count(), 3, "each once");
    // A type that comes later is one of them.
    let body = json!({"name": "stripe.dispute", "description": "x"});
    desk.api.post("/v1/event-types", &body).await.ok(201);
    desk.send("stripe.dispute", json!({})).await;
    receiver.wait_for(4).await;
    desk.api.post_nothing(&hook.at("test")).await.ok(202);
    let test = receiver.wait_for(5).await.remove(4);
    assert_eq!(text(&test.json(), "type"), "stripe.charge.paid");
}

#[tokio::test]
async fn an_invalid_prefix_is_refused() {
    let desk = Desk::open().await;
    for selector in [
        "stripe*",
        ".*",
        "*.paid",
        "Stripe.*",
        "stripe..*",
        "stripe.**",
        "nowhere.known",
    ] {
        let body = json!({"name": "x", "url": "http://127.0.0.1:9/", "events": ["deal.won", selector]});
        desk.api
            .post("/v1/webhooks", &body)
            .await
            .refused_at(&["body.events[1]"]);
    }
}
