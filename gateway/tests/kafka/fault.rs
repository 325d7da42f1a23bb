//! Gateways, brokers and PostgreSQL killed and frozen under load: what was acknowledged arrives.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::fleet::Fleet;
use crate::receipts::{all_arrive, all_end, quiet};
use stage::broker::Door;
use stage::load::{LABEL, Load};
use stage::{Broker, Cluster, Gateway, Receiver, SOON, Settings, eventually, until};

const SENDERS: usize = 16;
/// Deliveries of one endpoint that may be under way, or done and not yet recorded, when something dies.
const IN_FLIGHT: usize = 32 + 2_000;

async fn own_broker() -> Broker {
    let started = tokio::task::spawn_blocking(|| Broker::start(Door::Open));
    started.await.expect("a broker")
}

#[tokio::test]
async fn a_gateway_killed_again_and_again() {
    const ROUNDS: usize = 3;
    let mut fleet = Fleet::start(1).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &[LABEL]).await;
    let load = Load::start(&[&fleet.desk.api], SENDERS);
    for _ in 0..ROUNDS {
        load.advance(500).await;
        fleet.gateways[0].kill();
        let next = fleet.join().await;
        load.redirect(0, next.api);
        fleet.gateways[0] = next;
    }
    load.advance(500).await;
    let sent = load.finish().await;
    all_arrive(&receiver, &sent).await;
    quiet(&receiver).await;
    let repeats = all_arrive(&receiver, &sent).await;
    assert!(repeats <= ROUNDS * IN_FLIGHT, "{repeats} repeats");
    assert_eq!(all_end(&fleet.database, 1).await, 0, "none has failed");
}

#[tokio::test]
async fn one_of_two_instances_killed() {
    let fleet = Fleet::start(2).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &[LABEL]).await;
    let other = fleet.desk.seen_from(&fleet.gateways[1]);
    fleet.database.wait_until_known().await;
    let load = Load::start(&[&fleet.desk.api, &other], SENDERS);
    load.advance(1_000).await;
    fleet.gateways[0].kill();
    let killed = Instant::now();
    load.redirect(0, fleet.gateways[1].api);
    load.advance(500).await;
    let sent = load.finish().await;
    all_arrive(&receiver, &sent).await;
    // The brokers' patience with a silent member, and the takeover of what was parked.
    assert!(
        killed.elapsed() < Duration::from_secs(45),
        "{:?}",
        killed.elapsed()
    );
    let survivor = &fleet.gateways[1];
    eventually("the survivor has every partition", SOON, || async {
        Fleet::partitions_of(survivor).await == 6
    })
    .await;
}

#[tokio::test]
async fn the_broker_killed_and_back() {
    let broker = own_broker().await;
    let fleet = Fleet::at(Settings::new(broker.address()), 1).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &[LABEL]).await;
    let load = Load::start(&[&fleet.desk.api], SENDERS);
    load.advance(500).await;
    broker.kill();
    eventually("it says that the bus is away", SOON, || async {
        let reply = fleet.gateways[0].operations("/readyz").await;
        reply.status == 503 && reply.json()["checks"]["bus"]["ok"] == false
    })
    .await;
    // Refused in time and in words, not left hanging.
    let refused = fleet
        .desk
        .api
        .post(
            "/v1/events",
            &json!({"type": LABEL, "data": {"number": 90_000_000}}),
        )
        .await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    broker.restart();
    load.advance(500).await;
    fleet.gateways[0].wait_until_ready().await;
    let sent = load.finish().await;
    all_arrive(&receiver, &sent).await;
    assert_eq!(all_end(&fleet.database, 1).await, 0, "none has failed");
}

#[tokio::test]
async fn the_broker_frozen_for_a_while() {
    let broker = own_broker().await;
    let fleet = Fleet::at(Settings::new(broker.address()), 1).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &[LABEL]).await;
    let load = Load::start(&[&fleet.desk.api], SENDERS);
    load.advance(300).await;
    broker.signal("STOP");
    // Longer than all waits for it.
    tokio::time::sleep(Duration::from_secs(8)).await;
    broker.signal("CONT");
    load.advance(300).await;
    let sent = load.finish().await;
    all_arrive(&receiver, &sent).await;
    fleet.gateways[0].wait_until_ready().await;
}

#[tokio::test]
async fn one_broker_of_three_killed() {
    let brokers = tokio::task::spawn_blocking(Broker::three).await.expect("brokers");
    let addresses: Vec<&str> = brokers.iter().map(Broker::address).collect();
    let fleet = Fleet::at(Settings::new(&addresses.join(",")), 1).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &[LABEL]).await;
    let load = Load::start(&[&fleet.desk.api], SENDERS);
    load.advance(500).await;
    brokers[1].kill();
    // Two of three copies are enough.
    load.advance(1_000).await;
    // One is not: what the brokers do not acknowledge is not accepted.
    brokers[2].kill();
    let body = json!({"type": LABEL, "data": {"number": 90_000_000}});
    until("it is refused", SOON * 2, || async {
        let reply = fleet.desk.api.post("/v1/events", &body).await;
        (reply.status != 202).then(|| reply.problem(503, "unavailable"))
    })
    .await;
    brokers[1].restart();
    load.advance(1_000).await;
    let sent = load.finish().await;
    all_arrive(&receiver, &sent).await;
    assert_eq!(all_end(&fleet.database, 1).await, 0, "none has failed");
}

/// The place that fails is in debug builds alone.
#[cfg(debug_assertions)]
#[tokio::test]
async fn a_fetching_thread_that_ends_or_panics_ends_the_process() {
    let settings = Settings::shared().await;
    for fault in ["fetching:end", "fetching:panic"] {
        let database = Cluster::shared().database().await;
        let mut environment = settings.environment();
        environment.push(("GATEWAY_FAIL_POINT", fault));
        let gateway = Gateway::launch(&database.url(), &environment);
        let status = gateway.wait_for_exit(SOON * 2).await;
        assert_eq!(status.code(), Some(1), "{fault}: {}", gateway.log());
        assert!(gateway.log().contains("task=\"kafka\""), "{}", gateway.log());
    }
}

/// The same holds for this one.
#[cfg(debug_assertions)]
#[tokio::test]
async fn an_event_that_panics_the_intake_costs_no_other_and_no_instance() {
    let settings = Settings::shared().await;
    let database = Cluster::shared().database().await;
    let mut environment = settings.environment();
    environment.push(("GATEWAY_FAIL_POINT", "row:panic:deal.lost"));
    let gateway = Gateway::start(&database.url(), &environment).await;
    let desk = stage::Desk::at(&gateway, &database).await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won", "deal.lost"]).await;
    desk.send("deal.lost", json!({})).await;
    let good = desk.send("deal.won", json!({})).await;
    desk.delivery_that(&good, "succeeded").await;
    receiver.wait_for(2).await;
    let panics = "gateway_dispatch_panics_total{place=\"store\"}";
    gateway.wait_for_metric(panics, 1.0).await;
    assert_eq!(gateway.terminate().await.code(), Some(0));
}
