//! One partition that does not answer holds up its own events and no others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::fleet::Fleet;
use crate::receipts::all_arrive;
use stage::load::{LABEL, Load};
use stage::{Api, Broker, Receiver, SOON, Settings, until};

const SENDERS: usize = 16;
/// Unkeyed events that are accepted at least while a keyed one waits for its partition. Where that holds up everybody, each
/// sender gets an answer or two, and none to its next event.
const ALONE: usize = SENDERS * 8;
/// Keys of which each partition has some.
const KEYS: usize = 40;

/// Sends keyed events without pause, one at a time for each key, until `stop`.
async fn send_keyed(api: Api, key: usize, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        post_keyed(&api, key).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn post_keyed(api: &Api, key: usize) -> stage::Reply {
    let body = json!({"type": "deal.won", "ordering_key": format!("key {key}"), "data": {}});
    api.post("/v1/events", &body).await
}

/// Posts a keyed event; if it is refused, how many unkeyed ones were accepted while it waited.
async fn accepted_beside(api: &Api, key: usize, load: &Load) -> Option<usize> {
    let before = load.acknowledged_count();
    let reply = post_keyed(api, key).await;
    let count = load.acknowledged_count() - before;
    (reply.status != 202).then_some(count)
}

#[tokio::test]
async fn a_partition_that_does_not_answer_holds_up_its_own_events_alone() {
    let brokers = tokio::task::spawn_blocking(Broker::three).await.expect("brokers");
    let addresses: Vec<&str> = brokers.iter().map(Broker::address).collect();
    // With one copy each, nobody else can lead what a stopped broker led.
    let settings = Settings::new(&addresses.join(",")).with("REPLICATION", "1");
    let fleet = Fleet::at(settings, 1).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &[LABEL]).await;
    let api = &fleet.desk.api;
    let load = Load::start(&[api], SENDERS);
    let stop = Arc::new(AtomicBool::new(false));
    let keyed: Vec<_> = (0..KEYS)
        .map(|key| tokio::spawn(send_keyed(api.clone(), key, stop.clone())))
        .collect();
    load.advance(500).await;

    brokers[2].signal("STOP");
    // All of them now: once a partition is known to be slow, what comes for it may be refused sooner.
    let posts = join_all((0..KEYS).map(|key| accepted_beside(api, key, &load))).await;
    let beside: Vec<usize> = posts.into_iter().flatten().collect();
    assert!(!beside.is_empty(), "some key has its place at the stopped broker");
    assert!(
        beside.iter().all(|count| *count >= ALONE),
        "events accepted beside each that waited: {beside:?}"
    );
    stop.store(true, Ordering::Relaxed);
    for sender in keyed {
        sender.await.expect("sent");
    }

    // Once the brokers know that nobody leads it, they are refused in words; others go on.
    let mut accepted_count = 0;
    let mut refused = None;
    for key in 0..KEYS {
        let reply = post_keyed(api, key).await;
        match reply.status {
            202 => accepted_count += 1,
            _ => refused = Some(key),
        }
    }
    assert!(accepted_count > 0, "partitions with a leader take their events");
    let refused = refused.expect("some key has its place there");
    until("it is said that nobody leads its partition", SOON * 2, || async {
        let reply = post_keyed(api, refused).await;
        let problem = reply.problem(503, "unavailable");
        let detail = problem["detail"].as_str().expect("words").to_owned();
        detail.contains("has no leader").then_some(())
    })
    .await;

    brokers[2].signal("CONT");
    until("its events are accepted again", SOON * 3, || async {
        (post_keyed(api, refused).await.status == 202).then_some(())
    })
    .await;
    let sent = load.finish().await;
    all_arrive(&receiver, &sent).await;
}
