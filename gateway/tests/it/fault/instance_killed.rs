//! Two instances, one killed: the other takes over within seconds.

use std::time::{Duration, Instant};

use serde_json::json;

use super::receipts::{all_arrive, hanging};
use stage::load::{LABEL, Load};
use stage::{Act, Cluster, Gateway, Pair, Receiver};

#[tokio::test]
async fn the_other_instance_delivers_its_events() {
    let Pair {
        database,
        one,
        two,
        desk,
        other,
    } = Pair::start(&[]).await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &[LABEL]).await;
    database.wait_until_known().await;
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
    database
        .wait_for_count("select count(*) from bus_owners", 1)
        .await;
}

#[tokio::test]
async fn retries_of_the_dead_go_on_in_time() {
    let Pair {
        database,
        one,
        two,
        desk,
        ..
    } = Pair::start(&[]).await;
    let (receiver, sent) = hanging(&desk, &database, 5).await;
    one.kill();
    let desk = desk.moved_to(&two);
    // Not after the lease of more than a minute, but once the owner is known to be dead.
    receiver.wait_long_for(10, Duration::from_secs(30)).await;
    for id in &sent {
        desk.delivery_that(id, "succeeded").await;
    }
}

#[tokio::test]
async fn a_frozen_instance_loses_its_work_and_does_no_harm_when_it_wakes() {
    let Pair {
        database,
        one,
        two,
        desk,
        other,
    } = Pair::start(&[("GATEWAY_BUS__LEASE_SECONDS", "2")]).await;
    let receiver = Receiver::deciding(|_, _| Act::Status(200).after(Duration::from_millis(10))).await;
    desk.hook(&receiver, &[LABEL]).await;
    database.wait_until_known().await;
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
    here.wait_for_count("select count(*) from bus_owners", 1).await;
    assert_eq!(holders().await, before, "the bystander's session was ended");
    bystander.wait_until_ready().await;
    stuck.signal("CONT");
}
