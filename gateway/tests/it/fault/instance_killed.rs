//! Two instances, one killed: the other takes over within seconds.

use std::time::{Duration, Instant};

use serde_json::json;

use super::receipts::all_arrive;
use stage::load::{LABEL, Load};
use stage::{Act, Cluster, Desk, Gateway, Receiver, SOON, eventually};

#[tokio::test]
async fn the_other_instance_delivers_its_events() {
    let database = Cluster::shared().database().await;
    let one = Gateway::start(&database.url(), &[]).await;
    let two = Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&one, &database).await;
    let other = desk.seen_from(&two);
    eventually("both know the key", SOON, || async {
        other.get("/v1/whoami").await.status == 200
    })
    .await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &[LABEL]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let load = Load::start(&[&desk.api, &other], 16);
    load.advance(1_500).await;
    one.kill();
    let killed = Instant::now();
    load.redirect(0, two.api);
    load.advance(500).await;
    let sent = load.finish().await;
    assert!(sent.refused.is_empty(), "{:?}", sent.refused.first());
    all_arrive(&receiver, &sent).await;
    assert!(
        killed.elapsed() < Duration::from_secs(45),
        "{:?}",
        killed.elapsed()
    );
    eventually("the dead are forgotten", SOON, || async {
        database.count("select count(*) from bus_owners").await == 1
    })
    .await;
}

#[tokio::test]
async fn retries_of_the_dead_go_on_in_time() {
    let database = Cluster::shared().database().await;
    let one = Gateway::start(&database.url(), &[]).await;
    let two = Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&one, &database).await;
    let receiver = Receiver::deciding(|nth, _| if nth < 5 { Act::Hang } else { Act::Status(200) }).await;
    desk.hook_with(&receiver, &[LABEL], json!({"timeout_seconds": 60}))
        .await;
    let mut sent = Vec::new();
    for nth in 0..5 {
        sent.push(desk.send(LABEL, json!({"number": nth})).await);
    }
    receiver.wait_for(5).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    one.kill();
    let desk = Desk {
        api: desk.seen_from(&two),
        ..desk
    };
    // Not after the lease of more than a minute, but once the owner is known to be dead.
    receiver.wait_long_for(10, Duration::from_secs(30)).await;
    for id in &sent {
        desk.delivery_that(id, "succeeded").await;
    }
}

#[tokio::test]
async fn a_frozen_instance_loses_its_work_and_does_no_harm_when_it_wakes() {
    let database = Cluster::shared().database().await;
    let lease = [("GATEWAY_BUS__LEASE_SECONDS", "2")];
    let one = Gateway::start(&database.url(), &lease).await;
    let two = Gateway::start(&database.url(), &lease).await;
    let desk = Desk::at(&one, &database).await;
    let other = desk.seen_from(&two);
    eventually("both know the key", SOON, || async {
        other.get("/v1/whoami").await.status == 200
    })
    .await;
    let receiver = Receiver::deciding(|_, _| Act::Status(200).after(Duration::from_millis(10))).await;
    desk.hook(&receiver, &[LABEL]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let load = Load::start(&[&desk.api, &other], 12);
    for _ in 0..3 {
        load.advance(300).await;
        one.signal("STOP");
        load.redirect(0, two.api);
        // All that it had taken on comes out of the other, while it cannot do anything itself.
        all_arrive(&receiver, &load.so_far()).await;
        one.signal("CONT");
        one.wait_until_ready().await;
        load.redirect(0, one.api);
    }
    load.advance(100).await;
    all_arrive(&receiver, &load.finish().await).await;
    one.wait_until_ready().await;
    let back = desk.send(LABEL, json!({"number": 10_000_000})).await;
    desk.delivery_that(&back, "succeeded").await;
}

#[tokio::test]
async fn a_stuck_instance_of_one_database_is_no_matter_of_another() {
    // Advisory locks of all databases stand in one view, under the same numbers.
    let (elsewhere, here) = (
        Cluster::shared().database().await,
        Cluster::shared().database().await,
    );
    let bystander = Gateway::start(&elsewhere.url(), &[]).await;
    let holder = "select pid::bigint from pg_locks where locktype = 'advisory' and objsubid = 2
                  and database = (select oid from pg_database where datname = current_database())";
    let holders = async || {
        elsewhere
            .rows(holder)
            .await
            .iter()
            .map(|row| row.get(0))
            .collect::<Vec<i64>>()
    };
    let before = holders().await;
    assert_eq!(before.len(), 1);
    let lease = [("GATEWAY_BUS__LEASE_SECONDS", "2")];
    let stuck = Gateway::start(&here.url(), &lease).await;
    let _heir = Gateway::start(&here.url(), &lease).await;
    stuck.signal("STOP");
    eventually("the stuck one is taken over", SOON * 2, || async {
        here.count("select count(*) from bus_owners").await == 1
    })
    .await;
    assert_eq!(holders().await, before, "the bystander's session was ended");
    bystander.wait_until_ready().await;
    stuck.signal("CONT");
}
