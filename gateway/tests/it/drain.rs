//! SIGTERM: stop accepting, finish what is under way, exit 0.

use std::time::{Duration, Instant};

use serde_json::json;

use stage::load::{LABEL, Load, numbers_of};
use stage::{Act, Desk, Gateway, Receiver, SOON, wire::Wire};

#[tokio::test]
async fn under_load_no_request_fails_and_nothing_is_lost_or_sent_twice() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::deciding(|_, _| Act::Status(200).after(Duration::from_millis(20))).await;
    desk.hook(&receiver, &[LABEL]).await;
    let load = Load::start(&[&desk.api], 16);
    load.advance(800).await;
    let status = gateway.terminate().await;
    assert_eq!(status.code(), Some(0));
    let next = Gateway::start(&database.url(), &[]).await;
    load.redirect(0, next.api);
    load.advance(200).await;
    let sent = load.finish().await;
    assert!(sent.refused.is_empty(), "{:?}", sent.refused);
    stage::eventually("everything arrives", SOON * 2, || async {
        let (numbers, _) = numbers_of(&receiver.received());
        sent.acknowledged.is_subset(&numbers)
    })
    .await;
    let (numbers, repeats) = numbers_of(&receiver.received());
    assert_eq!(repeats, 0, "attempts were finished, not sent again");
    // What was stored although its reply was lost may arrive too.
    assert!(numbers.len() <= sent.acknowledged.len() + sent.unanswered.len());
}

#[tokio::test]
async fn attempts_under_way_are_finished_and_recorded() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::deciding(|_, _| Act::Status(200).after(Duration::from_secs(2))).await;
    desk.hook(&receiver, &["deal.won"]).await;
    for nth in 0..5 {
        desk.send("deal.won", json!({"n": nth})).await;
    }
    receiver.wait_for(5).await;
    assert_eq!(gateway.terminate().await.code(), Some(0));
    database
        .expect_count(
            "select count(*) from deliveries where status = 1 and attempt_count = 1",
            5,
        )
        .await;
    database
        .expect_count("select count(*) from scheduled_deliveries", 0)
        .await;
    assert_eq!(
        database.count("select count(*) from bus_owners").await,
        0,
        "nothing is left to a successor"
    );
    let next = Gateway::start(&database.url(), &[]).await;
    // Long enough for a retry, or for a takeover, to come.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(receiver.count(), 5);
    drop(next);
}

#[tokio::test]
async fn a_deleted_webhook_leaves_no_worker_that_the_drain_waits_for() {
    let (gateway, _database, desk) = Desk::own(&[
        ("GATEWAY_SERVER__DRAIN_SECONDS", "5"),
        ("GATEWAY_TELEMETRY__LOG_LEVEL", "debug"),
    ])
    .await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    desk.send("deal.won", json!({})).await;
    receiver.wait_for(1).await;
    desk.api.delete(&hook.path()).await.no_content();
    // The lane has no more use, and is taken away while its worker still rests.
    gateway
        .wait_for_log("the lane of a deleted destination was removed")
        .await;
    assert_eq!(gateway.terminate().await.code(), Some(0));
    assert!(!gateway.log().contains("attempts cut"), "{}", gateway.log());
}

#[tokio::test]
async fn an_attempt_that_cannot_end_in_time_is_handed_back() {
    let (gateway, database, desk) = Desk::own(&[("GATEWAY_SERVER__DRAIN_SECONDS", "3")]).await;
    let receiver = Receiver::scripted(vec![Act::Hang, Act::Status(200)]).await;
    desk.hook_with(&receiver, &["deal.won"], json!({"timeout_seconds": 60}))
        .await;
    let id = desk.send("deal.won", json!({})).await;
    receiver.wait_for(1).await;
    let started = Instant::now();
    assert_eq!(gateway.terminate().await.code(), Some(0));
    assert!(
        started.elapsed() < Duration::from_secs(12),
        "{:?}",
        started.elapsed()
    );
    let next = Gateway::start(&database.url(), &[]).await;
    let desk = desk.moved_to(&next);
    receiver.wait_long_for(2, Duration::from_secs(40)).await;
    desk.delivery_that(&id, "succeeded").await;
}

#[tokio::test]
async fn a_request_under_way_is_answered_and_idle_connections_are_closed() {
    let (gateway, _database, desk) = Desk::own(&[]).await;
    let key = desk.api.key.clone().expect("a key");
    let body = r#"{"type":"deal.won","data":{}}"#;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let mut busy = Wire::open(desk.api.address).await;
    busy.write(head).await;
    let mut idle = Wire::open(desk.api.address).await;
    idle.write(format!(
        "GET /v1/whoami HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n"
    ))
    .await;
    assert_eq!(idle.answer().await.expect("an answer").status, 200);
    let mut silent = Wire::open(desk.api.address).await;
    // All three are there, beside the one that asks.
    gateway.wait_for_metric("gateway_http_connections", 4.0).await;
    gateway.signal("INT");
    let started = Instant::now();
    assert!(idle.rest().await.is_empty());
    assert!(silent.rest().await.is_empty());
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "idle connections are closed soon"
    );
    assert!(gateway.is_running(), "a request is under way");
    let live = gateway.operations("/livez").await;
    assert_eq!(live.status, 200);
    busy.write(body).await;
    assert_eq!(busy.answer().await.expect("an answer").status, 202);
    assert_eq!(
        gateway.wait_for_exit(Duration::from_secs(30)).await.code(),
        Some(0)
    );
}

#[tokio::test]
async fn a_request_that_meets_the_end_on_its_way_is_answered() {
    let (gateway, _database, desk) = Desk::own(&[]).await;
    let key = desk.api.key.clone().expect("a key");
    let request = format!("GET /v1/whoami HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n");
    let mut idle = Wire::open(desk.api.address).await;
    idle.write(&request).await;
    let answer = idle.answer().await.expect("an answer");
    assert!(answer.status == 200 && !answer.head.contains("connection: close"));
    gateway.signal("TERM");
    // A load balancer may still hold it for ready.
    stage::eventually("it says that it ends", SOON, || async {
        let ready = gateway.operations("/readyz").await;
        ready.status == 503 && ready.json()["checks"]["server"]["ok"] == false
    })
    .await;
    idle.write(&request).await;
    let answer = idle.answer().await.expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    assert!(idle.rest().await.is_empty());
    assert_eq!(gateway.wait_for_exit(SOON * 2).await.code(), Some(0));
}

#[tokio::test]
async fn the_last_use_of_keys_is_written_down() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let made = desk.make_key(&json!({"name": "x", "scopes": ["crm:read"]})).await;
    desk.whoami(&made).await.ok(200);
    assert!(gateway.terminate().await.success());
    database
        .expect_count("select count(*) from api_keys where last_used_at is null", 0)
        .await;
}
