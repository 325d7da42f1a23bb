//! What an answer means for a delivery, and for the rule's breaker.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{rule, rule_with, url};
use stage::{Act, Desk, Receiver, desk::a_moment};

#[tokio::test]
async fn a_no_ends_a_delivery_at_once() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![
        Act::saying(404, "no such deal"),
        Act::Status(302),
        Act::Status(410),
        Act::Status(401),
    ])
    .await;
    let rule = rule(&desk, &["deal.won"], json!({"url": url(&receiver, "/")})).await;
    for status in [404, 302, 410, 401] {
        let event = desk.send("deal.won", json!({})).await;
        let delivery = desk.delivery_that(&event, "failed").await;
        assert_eq!(
            (&delivery["attempt_count"], &delivery["last_status_code"]),
            (&json!(1), &json!(status))
        );
        assert_eq!(delivery["last_error_code"], "refused", "{status}");
        if status == 404 {
            assert_eq!(delivery["attempts"][0]["error_detail"], "no such deal");
        }
    }
    a_moment().await;
    assert_eq!(receiver.count(), 4);
    let shown = desk.api.get(&rule.path()).await.ok(200);
    assert_eq!(
        (&shown["health"], &shown["enabled"]),
        (&json!("healthy"), &json!(true))
    );
}

#[tokio::test]
async fn a_wait_that_is_asked_for_uses_up_no_attempt_and_holds_the_others() {
    let desk = Desk::open().await;
    let wait = Act::with(429, "Retry-After", "2");
    let receiver = Receiver::scripted(vec![wait.clone(), Act::Status(200)]).await;
    let input = json!({"url": url(&receiver, "/{{data.n}}")});
    rule_with(&desk, &["deal.won"], input, json!({"max_attempts": 1})).await;
    let first = desk.send("deal.won", json!({"n": 1})).await;
    receiver.wait_for(1).await;
    let waiting = desk
        .delivery_when(&first, |delivery| delivery["last_error_code"] == "rate_limited")
        .await;
    assert_eq!(
        (&waiting["status"], &waiting["attempt_count"]),
        (&json!("pending"), &json!(0))
    );
    assert_eq!(waiting["last_status_code"], 429);
    let second = desk.send("deal.won", json!({"n": 2})).await;
    let held = desk
        .delivery_when(&second, |delivery| delivery["last_error_code"] == "rate_limited")
        .await;
    assert_eq!(
        (&held["status"], &held["attempt_count"]),
        (&json!("pending"), &json!(0))
    );
    assert_eq!(receiver.count(), 1);
    for event in [&first, &second] {
        let delivery = desk.delivery_that(event, "succeeded").await;
        assert_eq!(
            (&delivery["attempt_count"], &delivery["last_error_code"]),
            (&json!(1), &json!(null))
        );
    }
    let received = receiver.received();
    let waited = received[1].at - received[0].at;
    assert!(waited >= Duration::from_secs(2), "{waited:?}");
    assert_eq!(received.len(), 3);
}

#[tokio::test]
async fn a_429_without_a_time_uses_up_no_attempt_either() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(429), Act::Status(429), Act::Status(200)]).await;
    let input = json!({"url": url(&receiver, "/")});
    rule_with(&desk, &["deal.won"], input, json!({"max_attempts": 1})).await;
    let event = desk.send("deal.won", json!({})).await;
    let delivery = desk.delivery_that(&event, "succeeded").await;
    assert_eq!(delivery["attempt_count"], 1);
    assert_eq!(receiver.count(), 3);
}

#[tokio::test]
async fn a_503_with_a_time_delays_and_uses_up_an_attempt() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::with(503, "Retry-After", "2"), Act::Status(200)]).await;
    rule(&desk, &["deal.won"], json!({"url": url(&receiver, "/")})).await;
    let event = desk.send("deal.won", json!({})).await;
    let delivery = desk.delivery_that(&event, "succeeded").await;
    assert_eq!(delivery["attempt_count"], 2);
    let received = receiver.received();
    assert!(received[1].at - received[0].at >= Duration::from_secs(2));
}

#[tokio::test]
async fn what_went_out_unanswered_is_not_sent_again_where_the_rule_says_stop() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Close]).await;
    let input = json!({"url": url(&receiver, "/")});
    rule_with(&desk, &["deal.won"], input.clone(), json!({"unsure": "stop"})).await;
    let event = desk.send("deal.won", json!({})).await;
    let delivery = desk.delivery_that(&event, "failed").await;
    assert_eq!(
        (&delivery["attempt_count"], &delivery["last_error_code"]),
        (&json!(1), &json!("closed"))
    );
    let silent = Receiver::scripted(vec![Act::Hang]).await;
    let more = json!({"unsure": "stop", "timeout_seconds": 1});
    rule_with(&desk, &["deal.lost"], json!({"url": url(&silent, "/")}), more).await;
    let event = desk.send("deal.lost", json!({})).await;
    let delivery = desk.delivery_that(&event, "failed").await;
    assert_eq!(
        (&delivery["attempt_count"], &delivery["last_error_code"]),
        (&json!(1), &json!("timeout"))
    );
}

#[tokio::test]
async fn without_a_connection_it_is_tried_again_also_where_the_rule_says_stop() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let input = json!({"url": url(&receiver, "/")});
    let address = receiver.stop().await;
    rule_with(&desk, &["deal.won"], input, json!({"unsure": "stop"})).await;
    let event = desk.send("deal.won", json!({})).await;
    desk.delivery_when(&event, |delivery| delivery["last_error_code"] == "connect_failed")
        .await;
    let receiver = Receiver::at(address, |_, _| Act::Status(200)).await;
    desk.delivery_that(&event, "succeeded").await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_disabled_rule_keeps_its_deliveries() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(500), Act::Status(200)]).await;
    let rule = rule(&desk, &["deal.won"], json!({"url": url(&receiver, "/")})).await;
    let event = desk.send("deal.won", json!({})).await;
    receiver.wait_for(1).await;
    desk.api
        .patch(&rule.path(), &json!({"enabled": false}))
        .await
        .ok(200);
    let none = desk.send("deal.won", json!({})).await;
    a_moment().await;
    assert_eq!(desk.deliveries_of(&none).await, Vec::<serde_json::Value>::new());
    let began = Instant::now();
    desk.api
        .patch(&rule.path(), &json!({"enabled": true}))
        .await
        .ok(200);
    let delivery = desk.delivery_that(&event, "succeeded").await;
    assert!(receiver.received()[1].at > began, "{delivery}");
}

#[tokio::test]
async fn what_failed_is_recovered() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(404), Act::Status(404), Act::Status(200)]).await;
    let rule = rule(&desk, &["deal.won"], json!({"url": url(&receiver, "/")})).await;
    for _ in 0..2 {
        let event = desk.send("deal.won", json!({})).await;
        desk.delivery_that(&event, "failed").await;
    }
    let body = |more: serde_json::Value| {
        let mut body = json!({"since": "2020-01-01T00:00:00Z", "error_code": "refused"});
        body.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        body
    };
    let path = rule.at("recover");
    let counted = desk
        .api
        .post(&path, &body(json!({"dry_run": true})))
        .await
        .ok(200);
    assert_eq!((&counted["count"], receiver.count()), (&json!(2), 2));
    let other = body(json!({"error_code": "timeout"}));
    assert_eq!(desk.api.post(&path, &other).await.ok(202)["count"], 0);
    assert_eq!(desk.api.post(&path, &body(json!({}))).await.ok(202)["count"], 2);
    receiver.wait_for(4).await;
    assert_eq!(
        desk.api.post(&path, &body(json!({}))).await.ok(202)["count"],
        0,
        "once"
    );
}
