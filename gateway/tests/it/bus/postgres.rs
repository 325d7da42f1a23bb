//! What the bus on PostgreSQL promises beyond the contract: whose events are whose, and who takes them over.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use gateway::facade::base::WorkspaceId;
use gateway::facade::bus::{Batch, NewEvent};
use gateway::facade::db;

use super::instance::{Instance, event};
use super::place::Place;

#[tokio::test]
async fn events_come_out_in_the_order_of_their_acceptance() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let mut accepted = Vec::new();
    for number in 0..200 {
        accepted.push(instance.publish(event(number)).await.id);
    }
    let batches = instance.receive_events(200).await;
    let received: Vec<_> = batches
        .iter()
        .flat_map(|batch| &batch.events)
        .map(|event| event.id)
        .collect();
    assert_eq!(received, accepted);
    assert!(accepted.is_sorted(), "ids rise");
    batches.iter().for_each(|batch| instance.finish(batch));
    instance.crash().await;
}

#[tokio::test]
async fn the_watermark_waits_for_the_slowest() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let mut batches = Vec::new();
    for number in 0..3 {
        instance.publish(event(number)).await;
        batches.push(instance.receive().await);
    }
    let first_of = |batch: &Batch| batch.events[0].id;
    let ledger = instance.bus.ledger();
    assert_eq!(ledger.watermark(), Some(first_of(&batches[0])));
    instance.finish(&batches[1]);
    instance.finish(&batches[2]);
    assert_eq!(
        ledger.watermark(),
        Some(first_of(&batches[0])),
        "the first holds it back"
    );
    instance.acknowledge().await;
    let kept = "select watermark from bus_owners";
    let watermark: uuid::Uuid = place.database.rows(kept).await[0].get(0);
    assert!(watermark <= first_of(&batches[0]));
    instance.finish(&batches[0]);
    assert_eq!(ledger.watermark(), None);
    instance.acknowledge().await;
    let watermark: uuid::Uuid = place.database.rows(kept).await[0].get(0);
    assert!(watermark > first_of(&batches[0]));
    // And never beyond what comes next.
    let next = instance.publish(event(4)).await;
    assert!(next.id >= watermark);
    instance.crash().await;
}

#[tokio::test]
async fn events_of_a_dead_instance_are_handed_out_elsewhere() {
    let place = Place::new().await;
    let dying = place.instance().await;
    for number in 0..30 {
        dying.publish(event(number)).await;
    }
    let batches = dying.receive_events(30).await;
    // The first batch is finished and said to be; the rest was out when it died.
    let done: Vec<_> = batches[0].events.iter().map(|event| event.id).collect();
    dying.finish(&batches[0]);
    dying.acknowledge().await;
    let left: Vec<_> = batches[1..]
        .iter()
        .flat_map(|batch| &batch.events)
        .map(|event| event.id)
        .collect();
    assert!(!left.is_empty(), "publishing in turn makes many batches");
    let heir = place.instance().await;
    assert!(
        heir.is_silent_for(Duration::from_secs(3)).await,
        "the living are left alone"
    );
    dying.crash().await;
    let recovered = heir.receive_events(left.len()).await;
    assert!(recovered.iter().all(|batch| batch.is_recovered));
    let ids: Vec<_> = recovered
        .iter()
        .flat_map(|batch| &batch.events)
        .map(|event| event.id)
        .collect();
    assert_eq!(ids, left);
    assert!(
        ids.iter().all(|id| !done.contains(id)),
        "what was finished does not come again"
    );
    assert!(
        recovered[0].events[0].content.data.starts_with(b"{ \"number\""),
        "to the byte"
    );
    recovered.iter().for_each(|batch| heir.finish(batch));
    place
        .database
        .wait_for_count("select count(*) from bus_owners", 1)
        .await;
    heir.crash().await;
}

#[tokio::test]
async fn the_takeover_of_one_dead_instance_delays_no_other() {
    let place = Place::new().await;
    let heir = place.instance().await;
    let dying = [place.instance().await, place.instance().await];
    let mut left = BTreeSet::new();
    for instance in &dying {
        left.insert(instance.publish(event(1)).await.id);
    }
    for instance in dying {
        instance.crash().await;
    }
    // The first is still being delivered when the second comes.
    let recovered = heir.receive_events(left.len()).await;
    let ids = recovered.iter().flat_map(|batch| &batch.events);
    assert_eq!(ids.map(|event| event.id).collect::<BTreeSet<_>>(), left);
    recovered.iter().for_each(|batch| heir.finish(batch));
    heir.crash().await;
}

#[tokio::test]
async fn a_repeat_whose_first_is_gone_gets_its_own_type() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let once = |number| NewEvent {
        once_key: Some("a".into()),
        ..event(number)
    };
    let first = instance.publish(once(1)).await;
    // As when its day is dropped.
    place.database.run("delete from events").await;
    let repeat = instance.publish(once(2)).await;
    assert_eq!((repeat.id, repeat.is_repeat), (first.id, true));
    assert_eq!(repeat.label, event(2).label);
    instance.crash().await;
}

/// Publishes from `numbers`, many at once.
async fn flood(instance: &Instance, numbers: std::ops::Range<usize>) {
    let publishing = numbers.map(|number| instance.publish(event(number)));
    let published: Vec<_> = futures_util::stream::iter(publishing)
        .buffer_unordered(500)
        .collect()
        .await;
    drop(published);
}

#[tokio::test]
async fn a_backlog_comes_out_once_each_and_makes_no_other_workspace_wait() {
    const FLOOD: usize = 44_000;
    let place = Place::new().await;
    place
        .database
        .run("insert into workspaces (id, name) overriding system value values (2, 'small')")
        .await;
    let instance = place.instance().await;
    // Fills what memory may hold; all that follows stays in the table.
    flood(&instance, 0..FLOOD / 2).await;
    // Events of the gateway's own have their ids long before their commit, and others come between.
    let mut client = instance.db.client().await.expect("a connection");
    let transaction = db::begin(&mut client).await.expect("a transaction");
    let own = (FLOOD..FLOOD + 3_000).map(event).collect();
    let emission = instance.bus.emit(&transaction, own).await.expect("written");
    flood(&instance, FLOOD / 2..FLOOD).await;
    transaction.commit().await.expect("committed");
    emission.committed();
    flood(&instance, FLOOD + 3_000..FLOOD + 4_000).await;
    let small = NewEvent {
        workspace: WorkspaceId(2),
        ..event(0)
    };
    let small = instance.publish(small).await.id;

    let total = FLOOD + 4_001;
    let (mut received, mut small_at) = (std::collections::HashSet::new(), None);
    let mut count = 0;
    while count < total {
        let batch = instance.receive().await;
        for event in &batch.events {
            assert!(received.insert(event.id), "an event came out twice");
            if event.id == small {
                small_at = Some(count);
            }
            count += 1;
        }
        instance.finish(&batch);
    }
    let small_at = small_at.expect("it came out");
    assert!(
        small_at < FLOOD / 2,
        "the small workspace waited for {small_at} events"
    );
    assert_eq!(instance.bus.ledger().open_count(), 0);
    instance.crash().await;
}

#[tokio::test]
async fn a_closed_bus_hands_nothing_out() {
    let place = Place::new().await;
    let instance = place.instance().await;
    instance.publish(event(1)).await;
    let batch = instance.receive().await;
    instance.bus.close();
    assert!(instance.bus.receive().await.is_none());
    // With work left the life is a successor's; without, it ends.
    instance.bus.retire().await.expect("asked");
    place
        .database
        .expect_count("select count(*) from bus_owners", 1)
        .await;
    instance.finish(&batch);
    instance.bus.retire().await.expect("asked");
    place
        .database
        .expect_count("select count(*) from bus_owners", 0)
        .await;
    instance.crash().await;
}

#[tokio::test]
async fn a_key_keeps_its_order_after_ids_of_a_clock_ahead() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let keyed = |number| NewEvent {
        ordering_key: Some("k".into()),
        ..event(number)
    };
    let first = instance.publish(keyed(1)).await;
    // The same event, accepted by an instance whose clock is a minute ahead.
    let ahead = uuid::Uuid::from_u128(first.id.as_u128() + (60_000 << 80));
    place
        .database
        .run(&format!(
            "update events set id = '{ahead}' where id = '{}'",
            first.id
        ))
        .await;
    let next = instance.publish(keyed(2)).await;
    assert!(next.id > ahead, "{} after {ahead}", next.id);
    let unkeyed = instance.publish(event(3)).await;
    assert!(unkeyed.id > next.id, "ids rise within an instance");
    instance.crash().await;
}
