//! kill -9 of the gateway under load, again and again.

use std::time::Duration;

use serde_json::json;

use super::receipts::{all_arrive, all_end, hanging, quiet};
use stage::load::{LABEL, Load};
use stage::{Act, Desk, Gateway, Receiver};

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
        // Not always at the same stage of its work.
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
    desk.seen_from(&current).get("/v1/whoami").await.ok(200);
    assert_eq!(all_end(&database, 2).await, 0, "none has failed");
    assert_eq!(
        database.count("select count(*) from bus_owners").await,
        1,
        "the dead are forgotten"
    );
}

#[tokio::test]
async fn while_attempts_hang_they_are_made_again() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let (receiver, sent) = hanging(&desk, &database, 8).await;
    gateway.kill();
    let next = Gateway::start(&database.url(), &[]).await;
    let desk = desk.moved_to(&next);
    for id in &sent {
        desk.delivery_that(id, "succeeded").await;
    }
    assert_eq!(receiver.count(), 16);
}
