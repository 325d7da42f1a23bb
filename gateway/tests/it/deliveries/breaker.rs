//! `health`, and the circuit breaker of an endpoint that fails for long.

use std::time::Duration;

use serde_json::{Value, json};

use stage::{Act, Desk, Hook, Receiver, SOON, desk::a_moment, until};

async fn wait_for_health(desk: &Desk, hook: &Hook, health: &str) -> Value {
    until(&format!("the endpoint is {health}"), SOON, || async {
        let shown = desk.webhook(hook).await;
        (shown["health"] == health).then_some(shown)
    })
    .await
}

#[tokio::test]
async fn three_failures_in_a_row_are_failing_and_a_success_heals() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![
        Act::Status(500),
        Act::Status(500),
        Act::Status(500),
        Act::Status(500),
        Act::Status(200),
    ])
    .await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    desk.send("deal.won", json!({})).await;
    receiver.wait_for(2).await;
    assert_eq!(desk.webhook(&hook).await["health"], "healthy");
    receiver.wait_for(3).await;
    wait_for_health(&desk, &hook, "failing").await;
    receiver.wait_for(5).await;
    wait_for_health(&desk, &hook, "healthy").await;
}

#[tokio::test]
async fn a_paused_endpoint_is_probed_and_nothing_is_lost() {
    let (_gateway, _database, desk) = Desk::own(&[
        ("GATEWAY_WEBHOOKS__BREAKER_AFTER_SECONDS", "0.5"),
        ("GATEWAY_WEBHOOKS__BREAKER_FAILURES", "6"),
        ("GATEWAY_WEBHOOKS__BREAKER_PROBE_SECONDS", "2"),
    ])
    .await;
    let is_well = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let state = is_well.clone();
    let receiver = Receiver::deciding(
        move |_, _| match state.load(std::sync::atomic::Ordering::SeqCst) {
            true => Act::Status(200),
            false => Act::Status(500),
        },
    )
    .await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"max_attempts": 50}))
        .await;
    let mut sent = Vec::new();
    for nth in 0..10 {
        sent.push(desk.send("deal.won", json!({"n": nth})).await);
    }
    let shown = wait_for_health(&desk, &hook, "paused").await;
    assert_eq!(shown["enabled"], true, "paused is not disabled");
    // What was on its way when the breaker opened has arrived after a moment; then there are probes alone.
    a_moment().await;
    let before = receiver.count();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let probes = receiver.count() - before;
    assert!((1..=4).contains(&probes), "{probes} probes in 5 s, one each 2 s");
    for nth in 10..15 {
        sent.push(desk.send("deal.won", json!({"n": nth})).await);
    }
    let waiting = desk.delivery_when(&sent[14], |_| true).await;
    assert_eq!(
        (&waiting["status"], &waiting["attempt_count"]),
        (&json!("pending"), &json!(0)),
        "it waits"
    );
    is_well.store(true, std::sync::atomic::Ordering::SeqCst);
    wait_for_health(&desk, &hook, "healthy").await;
    for id in &sent {
        desk.delivery_that(id, "succeeded").await;
    }
}

#[tokio::test]
async fn enabling_closes_the_breaker() {
    let (_gateway, _database, desk) = Desk::own(&[
        ("GATEWAY_WEBHOOKS__BREAKER_AFTER_SECONDS", "0.3"),
        ("GATEWAY_WEBHOOKS__BREAKER_FAILURES", "3"),
        ("GATEWAY_WEBHOOKS__BREAKER_PROBE_SECONDS", "3600"),
    ])
    .await;
    let receiver = Receiver::scripted(vec![Act::Status(500)]).await;
    let good = Receiver::start().await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"max_attempts": 50}))
        .await;
    let id = desk.send("deal.won", json!({})).await;
    wait_for_health(&desk, &hook, "paused").await;
    desk.api
        .patch(&hook.path(), &json!({"enabled": false}))
        .await
        .ok(200);
    let body = json!({"enabled": true, "url": good.url()});
    assert_eq!(
        desk.api.patch(&hook.path(), &body).await.ok(200)["health"],
        "healthy"
    );
    desk.delivery_that(&id, "succeeded").await;
}

/// A gateway that pauses an endpoint soon and probes it so often.
async fn soon_paused(probe_seconds: &str) -> (stage::Gateway, stage::Database, Desk) {
    Desk::own(&[
        ("GATEWAY_WEBHOOKS__BREAKER_AFTER_SECONDS", "0.3"),
        ("GATEWAY_WEBHOOKS__BREAKER_FAILURES", "3"),
        ("GATEWAY_WEBHOOKS__BREAKER_PROBE_SECONDS", probe_seconds),
    ])
    .await
}

#[tokio::test]
async fn probes_use_up_no_attempts() {
    let (_gateway, _database, desk) = soon_paused("0.3").await;
    let is_well = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let state = is_well.clone();
    let receiver = Receiver::deciding(
        move |_, _| match state.load(std::sync::atomic::Ordering::SeqCst) {
            true => Act::Status(200),
            false => Act::Status(500),
        },
    )
    .await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"max_attempts": 6}))
        .await;
    desk.send("deal.won", json!({})).await;
    wait_for_health(&desk, &hook, "paused").await;
    let waiting = desk.send("deal.won", json!({})).await;
    let before = receiver.count();
    receiver.wait_for(before + 10).await;
    is_well.store(true, std::sync::atomic::Ordering::SeqCst);
    wait_for_health(&desk, &hook, "healthy").await;
    let delivery = desk.delivery_that(&waiting, "succeeded").await;
    assert_eq!(delivery["attempt_count"], 1, "{delivery}");
    let failed = desk.api.get(&hook.at("deliveries?status=failed")).await.ok(200);
    assert_eq!(failed["data"], json!([]), "ten probes are more than six attempts");
}

/// A paused endpoint that will not be probed by itself, and an event that waits for it.
async fn paused_for_long(desk: &Desk) -> (Receiver, Hook, String) {
    let receiver = Receiver::scripted(vec![Act::Status(500)]).await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"max_attempts": 50}))
        .await;
    let id = desk.send("deal.won", json!({})).await;
    wait_for_health(desk, &hook, "paused").await;
    (receiver, hook, id)
}

#[tokio::test]
async fn a_test_is_attempted_at_once() {
    let (_gateway, _database, desk) = soon_paused("3600").await;
    let (_receiver, hook, _) = paused_for_long(&desk).await;
    let test = desk.api.post_nothing(&hook.at("test")).await.ok(202);
    let test = test["delivery_id"].as_str().expect("an id").to_owned();
    until("the test is attempted", SOON, || async {
        let delivery = desk.delivery(&test).await;
        (delivery["attempts"][0]["status_code"] == 500).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_changed_url_is_probed_at_once() {
    let (_gateway, _database, desk) = soon_paused("3600").await;
    let (_receiver, hook, id) = paused_for_long(&desk).await;
    let good = Receiver::start().await;
    let body = json!({"url": good.url()});
    assert_eq!(
        desk.api.patch(&hook.path(), &body).await.ok(200)["health"],
        "paused"
    );
    desk.delivery_that(&id, "succeeded").await;
    wait_for_health(&desk, &hook, "healthy").await;
}
