//! One bad neighbour hurts itself alone.

use std::time::Duration;

use serde_json::json;

use super::receipts::all_arrive;
use stage::load::{LABEL, Load, numbers_of};
use stage::{Act, Desk, Receiver};

#[tokio::test]
async fn a_hanging_endpoint_takes_nothing_from_good_ones() {
    let (gateway, _database, desk) = Desk::own(&[]).await;
    let (one, two) = (Receiver::start().await, Receiver::start().await);
    let hanging = Receiver::scripted(vec![Act::Hang]).await;
    desk.hook(&one, &[LABEL]).await;
    desk.hook_with(
        &hanging,
        &[LABEL],
        json!({"timeout_seconds": 60, "max_attempts": 50}),
    )
    .await;
    desk.hook(&two, &[LABEL]).await;
    let load = Load::start(&[&desk.api], 8);
    load.advance(2_500).await;
    let sent = load.finish().await;
    assert!(sent.refused.is_empty() && sent.unanswered.is_empty());
    // Long before any of its attempts has timed out.
    for receiver in [&one, &two] {
        assert_eq!(all_arrive(receiver, &sent).await, 0, "each once");
    }
    let open = hanging.open_count();
    assert!(
        (1..=32).contains(&open),
        "{open} attempts under way: the lane has a cap"
    );
    assert_eq!(gateway.operations("/readyz").await.status, 200);
    assert!(
        gateway
            .operations("/metrics")
            .await
            .text()
            .contains("gateway_deliveries_parked_total")
    );
}

#[tokio::test]
async fn full_lanes_lose_nothing() {
    let (gateway, database, desk) = Desk::own(&[
        ("GATEWAY_WEBHOOKS__LANE_CONCURRENCY", "2"),
        ("GATEWAY_WEBHOOKS__LANE_QUEUE", "10"),
    ])
    .await;
    let slow = Receiver::deciding(|_, _| Act::Status(200).after(Duration::from_millis(5))).await;
    desk.hook(&slow, &[LABEL]).await;
    let load = Load::start(&[&desk.api], 16);
    load.advance(1_500).await;
    let sent = load.finish().await;
    assert!(sent.refused.is_empty() && sent.unanswered.is_empty());
    let repeats = all_arrive(&slow, &sent).await;
    assert_eq!(repeats, 0);
    let parked = "gateway_deliveries_parked_total{reason=\"lane_full\"}";
    let parked = gateway.metric(parked).await;
    assert!(parked.is_some(), "the lane was full, or this test tests nothing");
    database
        .wait_for_count("select count(*) from scheduled_deliveries", 0)
        .await;
}

#[tokio::test]
async fn an_endpoint_that_was_down_gets_everything_when_it_is_back() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let good = Receiver::start().await;
    let address = Receiver::start().await.stop().await;
    desk.hook(&good, &[LABEL]).await;
    let body =
        json!({"name": "down", "url": format!("http://{address}/"), "events": [LABEL], "max_attempts": 50});
    desk.api.post("/v1/webhooks", &body).await.ok(201);
    let load = Load::start(&[&desk.api], 8);
    load.advance(500).await;
    let sent = load.finish().await;
    all_arrive(&good, &sent).await;
    let back = Receiver::at(address, |_, _| Act::Status(200)).await;
    all_arrive(&back, &sent).await;
    database
        .wait_for_count("select count(*) from deliveries where status <> 1", 0)
        .await;
    let (_, repeats) = numbers_of(&back.received());
    assert_eq!(repeats, 0);
}

#[tokio::test]
async fn a_rate_limit_of_an_endpoint_holds() {
    let (_gateway, _database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::start().await;
    let free = Receiver::start().await;
    desk.hook_with(&receiver, &[LABEL], json!({"rate_limit_per_second": 10}))
        .await;
    desk.hook(&free, &[LABEL]).await;
    let load = Load::start(&[&desk.api], 4);
    load.advance(60).await;
    let sent = load.finish().await;
    all_arrive(&free, &sent).await;
    all_arrive(&receiver, &sent).await;
    let received = receiver.received();
    let span = received[received.len() - 1].at - received[0].at;
    // A burst of one second, then ten a second.
    let least = (received.len() as f64 - 11.0) / 10.0 * 0.9;
    assert!(
        span.as_secs_f64() >= least,
        "{} requests in {span:?}",
        received.len()
    );
}

#[tokio::test]
async fn a_flood_of_wrong_keys_does_not_stop_good_ones() {
    let (gateway, _database, desk) = Desk::own(&[]).await;
    let address = gateway.api;
    let flood: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn(async move {
                let api = stage::Api::new(address, Some(&format!("sk_{}", "ab".repeat(32))));
                for _ in 0..200 {
                    let status = api.get("/v1/whoami").await.status;
                    assert!([401, 429].contains(&status), "{status}");
                }
            })
        })
        .collect();
    for _ in 0..50 {
        desk.api.get("/v1/whoami").await.ok(200);
    }
    for task in flood {
        task.await.expect("refused each time");
    }
}

#[tokio::test]
async fn a_batch_that_makes_more_deliveries_than_fit_in_memory_arrives_whole() {
    const ENDPOINTS: usize = 200;
    const EVENTS: usize = 100;
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::start().await;
    for _ in 0..ENDPOINTS {
        desk.hook(&receiver, &[LABEL]).await;
    }
    let lines: Vec<String> = (0..EVENTS)
        .map(|number| json!({"type": LABEL, "data": {"number": number}}).to_string())
        .collect();
    let call = desk.api.call(http::Method::POST, "/v1/events/batch");
    let reply = call.body("application/x-ndjson", lines.join("\n")).send().await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    database
        .wait_for_count(
            "select count(*) from deliveries where status = 1",
            (ENDPOINTS * EVENTS) as i64,
        )
        .await;
    assert_eq!(receiver.received().len(), ENDPOINTS * EVENTS, "each once");
}
