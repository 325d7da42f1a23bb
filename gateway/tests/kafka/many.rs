//! Many instances at one topic: they share the work, and come and go under load.

use crate::admin::add_partitions;
use crate::fleet::Fleet;
use crate::receipts::{all_arrive, hanging, quiet};
use stage::load::{LABEL, Load};
use stage::{Receiver, SOON, eventually};

#[tokio::test]
async fn three_instances_join_and_leave_under_load() {
    let mut fleet = Fleet::start(1).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &[LABEL]).await;
    let load = Load::start(&[&fleet.desk.api], 8);
    load.advance(300).await;
    for count in 2..=3 {
        let next = fleet.join().await;
        fleet.gateways.push(next);
        eventually("the work is spread", SOON, || async {
            let mut held = Vec::new();
            for gateway in &fleet.gateways {
                held.push(Fleet::partitions_of(gateway).await);
            }
            held.iter().all(|partitions| *partitions == 6 / count)
        })
        .await;
        load.advance(300).await;
    }
    // Those that do not accept leave, one politely.
    let leaving = fleet.gateways.pop().expect("three");
    assert!(leaving.terminate().await.success());
    load.advance(300).await;
    let leaving = fleet.gateways.pop().expect("two");
    assert!(leaving.terminate().await.success());
    load.advance(300).await;
    let sent = load.finish().await;
    assert!(sent.refused.is_empty(), "{:?}", sent.refused.first());
    all_arrive(&receiver, &sent).await;
    quiet(&receiver).await;
    let repeats = all_arrive(&receiver, &sent).await;
    assert_eq!(repeats, 0, "nobody died, so nothing was sent twice");
}

#[tokio::test]
async fn partitions_are_added_under_load() {
    let fleet = Fleet::start(1).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &[LABEL]).await;
    let load = Load::start(&[&fleet.desk.api], 8);
    load.advance(200).await;
    add_partitions(&fleet.settings, 9).await;
    let gateway = &fleet.gateways[0];
    eventually("the new ones are taken up", SOON * 2, || async {
        Fleet::partitions_of(gateway).await == 9
    })
    .await;
    load.advance(500).await;
    let sent = load.finish().await;
    assert!(sent.refused.is_empty(), "{:?}", sent.refused.first());
    all_arrive(&receiver, &sent).await;
}

#[tokio::test]
async fn retries_of_a_dead_instance_go_on_elsewhere() {
    let fleet = Fleet::start(2).await;
    let (receiver, sent) = hanging(&fleet.desk, &fleet.database, 12).await;
    fleet.gateways[1].kill();
    fleet.gateways[0].kill();
    let heir = fleet.join().await;
    let api = fleet.desk.seen_from(&heir);
    for id in &sent {
        eventually("its delivery succeeds", SOON * 3, || async {
            let shown = api.get(&format!("/v1/events/{id}")).await.ok(200);
            shown["deliveries"][0]["status"] == "succeeded"
        })
        .await;
    }
    assert_eq!(receiver.count(), 24);
}
