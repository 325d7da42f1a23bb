//! kill -9 of the gateway under load, again and again.

use std::time::Duration;

use serde_json::json;

use super::receipts::{all_arrive, quiet};
use stage::load::{LABEL, Load};
use stage::{Act, Desk, Gateway, Receiver, SOON};

const ROUNDS: usize = 5;
const SENDERS: usize = 16;
/// Attempts of one endpoint that may be under way, or done and not yet recorded, when the gateway dies.
const IN_FLIGHT: usize = 32 + 2_000;

#[tokio::test]
async fn five_times_and_every_acknowledged_event_arrives() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::start().await;
    // Some fail at first, so that retries are under way too.
    let stumbling = Receiver::deciding(|nth, _| Act::Status(if nth % 5 == 0 { 500 } else { 200 })).await;
    desk.hook(&receiver, &[LABEL]).await;
    desk.hook_with(&stumbling, &[LABEL], json!({"max_attempts": 50}))
        .await;
    let load = Load::start(&[&desk.api], SENDERS);
    let mut current = gateway;
    for round in 0..ROUNDS {
        load.advance(500).await;
        tokio::time::sleep(Duration::from_millis(50 * round as u64)).await;
        current.kill();
        current = Gateway::start(&database.url(), &[]).await;
        load.redirect(0, current.api);
    }
    load.advance(500).await;
    let sent = load.finish().await;
    assert!(sent.refused.is_empty(), "{:?}", sent.refused.first());
    assert!(sent.acknowledged.len() > 3_000);
    for receiver in [&receiver, &stumbling] {
        all_arrive(receiver, &sent).await;
    }
    quiet(&receiver).await;
    let repeats = all_arrive(&receiver, &sent).await;
    assert!(repeats <= ROUNDS * IN_FLIGHT, "{repeats} repeats");
    // Each event has its two deliveries, none of them left behind.
    let desk = Desk {
        api: desk.seen_from(&current),
        ..desk
    };
    desk.api.get("/v1/whoami").await.ok(200);
    let left = "select count(*) from deliveries where status <> 1";
    let scheduled = "select count(*) from scheduled_deliveries";
    let started = std::time::Instant::now();
    while database.count(left).await + database.count(scheduled).await > 0 {
        if started.elapsed() > SOON * 3 {
            let rows = database.dump("scheduled_deliveries").await;
            panic!("never recorded:\n{rows}\n{}", database.dump("bus_owners").await);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let without = "select count(*) from events e where (select count(*) from deliveries d where d.event_id = e.id) <> 2";
    stage::eventually("each event has its two deliveries", SOON, || async {
        database.count(without).await == 0
    })
    .await;
    assert_eq!(
        database.count("select count(*) from bus_owners").await,
        1,
        "the dead are forgotten"
    );
}

#[tokio::test]
async fn while_attempts_hang_they_are_made_again() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::deciding(|nth, _| if nth < 8 { Act::Hang } else { Act::Status(200) }).await;
    desk.hook(&receiver, &[LABEL]).await;
    let mut sent = Vec::new();
    for nth in 0..8 {
        sent.push(desk.send(LABEL, json!({"number": nth})).await);
    }
    receiver.wait_for(8).await;
    // Long enough to have become visible as pending.
    tokio::time::sleep(Duration::from_secs(1)).await;
    gateway.kill();
    let next = Gateway::start(&database.url(), &[]).await;
    let desk = Desk {
        api: desk.seen_from(&next),
        ..desk
    };
    for id in &sent {
        desk.delivery_that(id, "succeeded").await;
    }
    assert_eq!(receiver.count(), 16);
}
