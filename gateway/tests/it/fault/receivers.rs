//! Receivers that misbehave: what was acknowledged is delivered, or failed where everyone can see it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::receipts::{all_arrive, all_end};
use stage::certificate::Authority;
use stage::load::{LABEL, Load, number_of, numbers_of};
use stage::secure_receiver::{Answer, SecureReceiver};
use stage::{Act, Desk, Receiver, SOON, eventually};

const SECOND: Duration = Duration::from_secs(1);
/// Attempts under way at once.
const CONCURRENCY: usize = 4;
const HUGE: usize = 200 << 20;

#[tokio::test]
async fn drips_are_cut_at_the_time_limit_and_the_lane_goes_on() {
    let concurrency = CONCURRENCY.to_string();
    let (_gateway, database, desk) = Desk::own(&[("GATEWAY_WEBHOOKS__LANE_CONCURRENCY", &concurrency)]).await;
    let receiver = Receiver::deciding(|_, received| match number_of(received) % 10 {
        0 => Act::DripHead(SECOND),
        1 => Act::Drip(200, SECOND),
        2 => Act::Drip(500, SECOND),
        _ => Act::Status(200),
    })
    .await;
    let limits = json!({"timeout_seconds": 1, "max_attempts": 2});
    desk.hook_with(&receiver, &[LABEL], limits).await;
    let mut sent = Vec::new();
    for number in 0..40 {
        sent.push(desk.send(LABEL, json!({"number": number})).await);
    }
    let failed = all_end(&database, 1).await;
    assert_eq!(failed, 8, "those whose status never came or was no success");
    for (number, id) in sent.iter().enumerate() {
        let (status, codes): (_, &[Option<&str>]) = match number % 10 {
            0 => ("failed", &[Some("timeout"); 2]),
            1 => ("succeeded", &[None]),
            2 => ("failed", &[Some("http_status"); 2]),
            _ => ("succeeded", &[None]),
        };
        let delivery = desk.delivery_that(id, status).await;
        let attempts = delivery["attempts"].as_array().expect("attempts");
        let found: Vec<Option<&str>> = attempts.iter().map(|one| one["error_code"].as_str()).collect();
        assert_eq!(found, codes, "{number}: {delivery}");
        if number % 10 <= 2 {
            let total = attempts[0]["total_ms"].as_f64().expect("a time");
            assert!(total >= 990.0, "it was given its time: {total}");
        }
    }
    let (_, repeats) = numbers_of(&receiver.received());
    assert_eq!(repeats, 8, "the second attempts of the failed, and nothing else");
    eventually("the receiver is let go", SOON, || async {
        receiver.open_count() == 0
    })
    .await;
}

/// Memory beyond what it was, in KiB, that answers may take: 32 at once, each read up to 64 KiB, and what TLS needs.
const MEMORY_KIB: u64 = 48 << 10;

#[tokio::test]
async fn huge_answers_cost_neither_memory_nor_deliveries() {
    let authority = Authority::new("huge");
    let certificate = authority.certify("receiver", "IP:127.0.0.1");
    let root = authority.root();
    let (gateway, database, desk) = Desk::own(&[("GATEWAY_WEBHOOKS__EXTRA_CA_FILE", &root)]).await;
    let plain = Receiver::scripted(vec![Act::Big(200, HUGE)]).await;
    let secure = SecureReceiver::start(certificate.server(&["h2"]), |_, _| Answer::Big(HUGE)).await;
    desk.hook(&plain, &[LABEL]).await;
    let body = json!({"name": "secure", "url": secure.url("127.0.0.1"), "events": [LABEL]});
    desk.api.post("/v1/webhooks", &body).await.ok(201);
    // The first few make the connections and buffers that stay.
    for number in 0..3 {
        desk.send(LABEL, json!({"number": number})).await;
    }
    all_end(&database, 2).await;
    let held = gateway.held_kib();
    gateway.forget_peak();
    let load = Load::start(&[&desk.api], 8);
    load.advance(200).await;
    let sent = load.finish().await;
    assert!(sent.refused.is_empty() && sent.unanswered.is_empty());
    assert_eq!(all_end(&database, 2).await, 0);
    let peak = gateway.peak_kib();
    assert!(
        peak <= held + MEMORY_KIB,
        "{held} KiB before, {peak} KiB at the most"
    );
    let requests = plain.count();
    assert_eq!(
        plain.connection_count(),
        requests,
        "such a connection is not used again"
    );
    assert_eq!(secure.connection_count(), 1, "here the answer alone is cut");
    all_arrive(&plain, &sent).await;
    assert_eq!(requests, sent.acknowledged.len() + 3, "each once");
    assert_eq!(secure.seen().len(), requests, "each once");
}

#[tokio::test]
async fn a_receiver_that_flaps_gets_everything() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let state = Arc::new(AtomicUsize::new(0));
    let decide = |state: Arc<AtomicUsize>| {
        move |nth: usize, _: &stage::receiver::Received| match state.load(Ordering::SeqCst) % 4 {
            0 => Act::Status(200),
            1 => Act::Status(503),
            2 => Act::Close,
            _ if nth.is_multiple_of(2) => Act::Garbage,
            _ => Act::Cut(500),
        }
    };
    let mut receiver = Receiver::deciding(decide(state.clone())).await;
    let limits = json!({"max_attempts": 50, "timeout_seconds": 2});
    desk.hook_with(&receiver, &[LABEL], limits).await;
    let load = Load::start(&[&desk.api], 4);
    let mut taken = Vec::new();
    for _ in 0..3 {
        for _ in 0..4 {
            load.advance(40).await;
            state.fetch_add(1, Ordering::SeqCst);
        }
        // It goes altogether, and comes back where it was.
        let (address, received) = receiver.stop_and_tell().await;
        taken.extend(received);
        load.advance(40).await;
        receiver = Receiver::at(address, decide(state.clone())).await;
    }
    state.store(0, Ordering::SeqCst);
    let sent = load.finish().await;
    assert!(sent.refused.is_empty() && sent.unanswered.is_empty());
    assert_eq!(all_end(&database, 1).await, 0, "none failed for good");
    taken.extend(receiver.received());
    let (numbers, repeats) = numbers_of(&taken);
    let missing: BTreeSet<_> = sent.acknowledged.difference(&numbers).collect();
    assert!(missing.is_empty(), "{missing:?}");
    // Each request that came was an attempt, or was sent once more because its connection was closed under it.
    let attempts = database
        .count("select coalesce(sum(attempt_count), 0)::bigint from deliveries")
        .await;
    let attempts = usize::try_from(attempts).expect("a count");
    let requests = numbers.len() + repeats;
    assert!(
        requests <= attempts * 2,
        "{requests} requests, {attempts} attempts"
    );
}
