//! The way of a request that a vendor signed: in at a source, kept as an event, out to a webhook.

use serde_json::{Value, json};
use stage::desk::text;
use stage::{Desk, Receiver};

use super::signed::{SECRET, standard, stripe};
use super::{Source, events_of, is_dressed};

#[tokio::test]
async fn a_signed_request_becomes_an_event_and_reaches_the_webhooks_that_want_it() {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "stripe", json!({"signing_secret": SECRET})).await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["stripe.*"]).await;
    // Spaces, the order of keys and digits are the vendor's.
    let body = r#" {"id":"evt_1", "type":"invoice.paid","created":1700000000,"amount":12345678901234567890.10,"x":"\u00e9"} "#;
    let reply = stripe(&source, SECRET, body).send().await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(is_dressed(&reply), "{reply:?}");
    let sent = receiver.wait_for(1).await.remove(0);
    assert_eq!(text(&sent.json(), "type"), "stripe.invoice.paid");
    let events = events_of(&desk, "stripe.invoice.paid").await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(text(&events[0], "occurred_at"), "2023-11-14T22:13:20.000Z");
    let data = &events[0]["data"];
    assert_eq!(data["connector"], "stripe");
    assert_eq!(data["source_id"], source.id.as_str());
    let whole = desk
        .api
        .get(&format!("/v1/events/{}", text(&events[0], "id")))
        .await;
    let payload = format!(r#""payload":{},"headers""#, body.trim());
    assert!(whole.text().contains(&payload), "{}", whole.text());
    let shown = source.shown(&desk).await;
    assert_eq!(
        (&shown["status"], &shown["accepted_24h"], &shown["refused_24h"]),
        (&json!("ready"), &json!(1), &json!(0)),
        "{shown}"
    );
    assert!(shown["last_accepted_at"].is_string(), "{shown}");
    let receipts = source.receipts(&desk).await;
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0]["outcome"], "accepted");
    assert_eq!(receipts[0]["event_ids"], json!([events[0]["id"]]));
    assert_eq!(receipts[0]["body"], Value::Null);
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_and_makes_nothing() {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "standard_webhooks", json!({"secret": SECRET})).await;
    let body = r#"{"type":"order.shipped","timestamp":"2026-01-02T03:04:05Z","data":{}}"#;
    for _ in 0..3 {
        let reply = standard(&source, "msg_1", body).send().await;
        assert_eq!(reply.status, 204, "{reply:?}");
        assert!(reply.body.is_empty());
    }
    // The same bytes under another id are another message.
    assert_eq!(standard(&source, "msg_2", body).send().await.status, 204);
    let events = events_of(&desk, "standard_webhooks.order.shipped").await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(text(&events[0], "occurred_at"), "2026-01-02T03:04:05.000Z");
    let receipts = source.receipts(&desk).await;
    let outcomes: Vec<&str> = receipts
        .iter()
        .map(|receipt| receipt["outcome"].as_str().expect("text"))
        .collect();
    assert_eq!(outcomes, ["accepted", "repeat", "repeat", "accepted"]);
    assert_eq!(receipts[1]["event_ids"], receipts[3]["event_ids"]);
    let repeats = desk.api.get(&source.at("/receipts?outcome=repeat")).await.ok(200);
    assert_eq!(repeats["data"].as_array().map(Vec::len), Some(2));
    desk.api
        .get(&source.at("/receipts?outcome=lost"))
        .await
        .refused_at(&["query.outcome"]);
}

#[tokio::test]
async fn a_vendors_id_of_one_source_is_nothing_to_another() {
    let desk = Desk::open().await;
    let one = Source::make(&desk, "standard_webhooks", json!({"secret": SECRET})).await;
    let other = Source::make(&desk, "standard_webhooks", json!({"secret": SECRET})).await;
    for source in [&one, &other] {
        assert_eq!(standard(source, "msg_1", "{}").send().await.status, 204);
    }
    assert_eq!(events_of(&desk, "standard_webhooks.message").await.len(), 2);
}
