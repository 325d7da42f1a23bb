//! Clients that dawdle: each wait has an end, and nobody else waits with them.

use std::time::{Duration, Instant};

use stage::{Desk, wire::Wire};

const SHORT: &[(&str, &str)] = &[
    ("GATEWAY_SERVER__HEAD_TIMEOUT_SECONDS", "1"),
    ("GATEWAY_SERVER__BODY_TIMEOUT_SECONDS", "1"),
    ("GATEWAY_SERVER__IDLE_TIMEOUT_SECONDS", "2"),
];

fn head(desk: &Desk, length: usize) -> String {
    let key = desk.api.key.as_deref().expect("a key");
    format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_or_408() {
    let (_gateway, _database, desk) = Desk::own(SHORT).await;
    for start in ["", "G", "GET /v1/whoami HTTP/1.1\r\nhost: x\r\n"] {
        let mut wire = Wire::open(desk.api.address).await;
        wire.write(start).await;
        let started = Instant::now();
        let rest = wire.rest().await;
        let waited = started.elapsed();
        assert!(
            waited >= Duration::from_millis(900),
            "{start:?} was cut after {waited:?}"
        );
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{start:?}");
    }
    // A byte now and then does not prolong it.
    let mut wire = Wire::open(desk.api.address).await;
    let dripping = async {
        loop {
            wire.write("x").await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(3), dripping).await;
    assert!(wire.rest().await.len() < 1000);
    desk.api.get("/v1/whoami").await.ok(200);
}

#[tokio::test]
async fn a_body_that_falls_silent_is_408() {
    let (_gateway, _database, desk) = Desk::own(SHORT).await;
    let mut wire = Wire::open(desk.api.address).await;
    wire.write(head(&desk, 100)).await;
    wire.write("{\"type\":").await;
    let answer = wire.answer().await.expect("an answer");
    assert_eq!(answer.status, 408);
    assert!(String::from_utf8_lossy(&answer.body).contains("\"code\""));
    assert!(wire.rest().await.is_empty(), "and the connection is closed");
}

#[tokio::test]
async fn a_body_that_is_slow_but_steady_passes() {
    let (_gateway, _database, desk) = Desk::own(SHORT).await;
    let body = r#"{"type":"deal.won","data":{"patience":true}}"#;
    let mut wire = Wire::open(desk.api.address).await;
    wire.write(head(&desk, body.len())).await;
    for piece in body.as_bytes().chunks(10) {
        wire.write(piece).await;
        // Shorter than the time for silence, and together longer.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(wire.answer().await.expect("an answer").status, 202);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let (_gateway, _database, desk) = Desk::own(SHORT).await;
    let key = desk.api.key.as_deref().expect("a key");
    let request = format!("GET /v1/whoami HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n");
    let mut wire = Wire::open(desk.api.address).await;
    for _ in 0..3 {
        wire.write(&request).await;
        assert_eq!(wire.answer().await.expect("an answer").status, 200);
        // Shorter than the time for idle connections, and together longer.
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    let started = Instant::now();
    assert!(wire.rest().await.is_empty());
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn many_dawdlers_do_not_keep_others_waiting() {
    let (_gateway, _database, desk) = Desk::own(SHORT).await;
    let mut dawdlers = Vec::new();
    for _ in 0..200 {
        let mut wire = Wire::open(desk.api.address).await;
        wire.write("POST /v1/events HTTP/1.1\r\nhost:").await;
        dawdlers.push(wire);
    }
    for _ in 0..10 {
        desk.api.get("/v1/whoami").await.ok(200);
    }
}

#[tokio::test]
async fn connections_beyond_the_cap_are_closed_and_places_come_back() {
    let (gateway, _database, desk) = Desk::own(&[("GATEWAY_SERVER__MAX_CONNECTIONS", "5")]).await;
    // The one that asks for it counts too. Those of the setting up have to be gone.
    let open = "gateway_http_connections";
    gateway.wait_for_metric(open, 1.0).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(Wire::open(desk.api.address).await);
    }
    gateway.wait_for_metric(open, 6.0).await;
    let mut sixth = Wire::open(desk.api.address).await;
    sixth.write("GET /v1/whoami HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(sixth.rest().await.is_empty());
    held.clear();
    stage::eventually("there is room again", stage::SOON, || async {
        desk.api
            .get_call("/v1/whoami")
            .try_send()
            .await
            .is_some_and(|reply| reply.status == 200)
    })
    .await;
}

#[tokio::test]
async fn a_connection_in_use_outlives_the_time_for_a_head() {
    let (_gateway, _database, desk) = Desk::own(SHORT).await;
    let key = desk.api.key.as_deref().expect("a key");
    let request = format!("GET /v1/whoami HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n");
    let mut wire = Wire::open(desk.api.address).await;
    for nth in 0..60 {
        wire.write(&request).await;
        let answer = wire.answer().await;
        assert_eq!(answer.map(|answer| answer.status), Some(200), "request {nth}");
        // Together longer than the time for a head.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
