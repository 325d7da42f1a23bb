//! What every bus owes, in terms of the `Bus` trait alone. `place` says which bus it is: this file is compiled into
//! the suite of each.

use std::collections::BTreeSet;
use std::time::Duration;

use gateway::facade::base::Millis;
use gateway::facade::base::WorkspaceId;
use gateway::facade::bus::{Emission, NewEvent};
use gateway::facade::db;

use super::instance::{Instance, LABEL, event, ids_of, named};
use super::place::Place;
use stage::{SOON, eventually};

/// Long enough for what should not come to come: longer than any look into a table or an idle moment of a broker.
const A_WHILE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn published_events_are_received_unchanged_and_stored() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let sent = NewEvent {
        occurred_at: Some(Millis(1_600_000_000_123)),
        ..named(7, "mine")
    };
    let accepted = instance.publish(sent.clone()).await;
    assert!(!accepted.is_repeat);
    let batch = instance.receive().await;
    assert!(!batch.is_recovered);
    let received = &batch.events[0];
    assert_eq!(received.id, accepted.id);
    assert_eq!(received.content.data, sent.data);
    assert_eq!(&*received.content.label, LABEL);
    assert_eq!(received.content.client_id.as_deref(), Some("mine"));
    assert_eq!(received.content.occurred_at, sent.occurred_at);
    assert_eq!(received.content.workspace, sent.workspace);
    // Whoever gets it may park it, and whoever leases it later finds it in the table.
    let stored = place.database.rows("select id, data from events").await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].get::<_, uuid::Uuid>(0), accepted.id);
    assert_eq!(stored[0].get::<_, &str>(1).as_bytes(), sent.data);
    instance.finish(&batch);
    instance.crash().await;
}

#[tokio::test]
async fn everything_that_many_publish_at_once_comes_out_once() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let received = instance.pump();
    let publishing = (0..500).map(|number| {
        let bus = instance.bus.clone();
        tokio::spawn(async move { bus.publish(event(number)).await.expect("accepted").id })
    });
    let mut accepted = BTreeSet::new();
    for task in publishing.collect::<Vec<_>>() {
        accepted.insert(task.await.expect("an answer"));
    }
    assert_eq!(accepted.len(), 500);
    received.wait_for(500).await;
    tokio::time::sleep(A_WHILE).await;
    let ids = received.ids();
    assert_eq!(ids.len(), 500, "each once");
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), accepted);
    instance.crash().await;
}

#[tokio::test]
async fn events_of_one_key_come_out_in_their_order() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let received = instance.pump();
    let mut accepted = vec![Vec::new(); 3];
    for number in 0..240 {
        let key = number % accepted.len();
        let keyed = NewEvent {
            ordering_key: Some(format!("key {key}").into()),
            ..event(number)
        };
        accepted[key].push(instance.publish(keyed).await.id);
    }
    received.wait_for(240).await;
    let ids = received.ids();
    for of_key in accepted {
        assert!(of_key.is_sorted(), "ids rise");
        let came: Vec<_> = ids.iter().filter(|id| of_key.contains(id)).copied().collect();
        assert_eq!(came, of_key);
    }
    instance.crash().await;
}

#[tokio::test]
async fn a_repeat_gets_the_first_and_comes_out_once() {
    let place = Place::new().await;
    let (one, two) = (place.instance().await, place.instance().await);
    let received = [one.pump(), two.pump()];
    let first = one.publish(named(1, "a")).await;
    for instance in [&one, &two] {
        let other_label = NewEvent {
            label: "deal.lost".into(),
            ..named(2, "a")
        };
        let again = instance.publish(other_label).await;
        assert!(again.is_repeat);
        assert_eq!((again.id, &*again.label), (first.id, LABEL));
    }
    let elsewhere = NewEvent {
        workspace: WorkspaceId(2),
        ..named(3, "a")
    };
    assert!(
        !one.publish(elsewhere).await.is_repeat,
        "another workspace's names are its own"
    );
    // At once and on both.
    let publishing = (0..40).map(|nth| {
        let instance: &Instance = if nth % 2 == 0 { &one } else { &two };
        let bus = instance.bus.clone();
        tokio::spawn(async move { bus.publish(named(nth, "b")).await.expect("accepted") })
    });
    let mut answers = Vec::new();
    for task in publishing.collect::<Vec<_>>() {
        answers.push(task.await.expect("an answer"));
    }
    assert_eq!(answers.iter().filter(|answer| !answer.is_repeat).count(), 1);
    assert!(answers.iter().all(|answer| answer.id == answers[0].id));
    place
        .database
        .wait_for_count("select count(*) from events", 3)
        .await;
    tokio::time::sleep(A_WHILE).await;
    let ids: Vec<_> = received.iter().flat_map(|received| received.ids()).collect();
    assert_eq!(ids.len(), 3, "each once");
    one.crash().await;
    two.crash().await;
}

#[tokio::test]
async fn a_crash_hands_over_only_unfinished_events() {
    let place = Place::new().await;
    let dying = place.instance().await;
    for number in 0..30 {
        dying.publish(event(number)).await;
    }
    let batches = dying.receive_events(30).await;
    let done = ids_of(&batches[..1]);
    dying.finish(&batches[0]);
    dying.acknowledge().await;
    let left: BTreeSet<_> = ids_of(&batches[1..]).into_iter().collect();
    assert!(!left.is_empty(), "publishing in turn makes many batches");
    // The bus on Kafka commits offsets a moment later. Without them the finished events would come again below.
    place.wait_until_done(done.len()).await;
    dying.crash().await;
    let heir = place.instance().await;
    let mut recovered = Vec::new();
    while ids_of(&recovered).len() < left.len() {
        recovered.push(heir.receive().await);
    }
    assert!(recovered.iter().all(|batch| batch.is_recovered));
    let ids = ids_of(&recovered);
    assert_eq!(ids.iter().copied().collect::<BTreeSet<_>>(), left);
    assert!(
        ids.iter().all(|id| !done.contains(id)),
        "what was finished does not come again"
    );
    assert!(
        recovered[0].events[0].content.data.starts_with(b"{ \"number\""),
        "to the byte"
    );
    recovered.iter().for_each(|batch| heir.finish(batch));
    heir.crash().await;
}

#[tokio::test]
async fn emitted_events_are_received_if_their_change_commits() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let received = instance.pump();
    let mut client = instance.db.client().await.expect("a connection");
    // Committed, and said to be.
    let transaction = db::begin(&mut client).await.expect("a transaction");
    let emission = instance.bus.emit(&transaction, vec![event(1), event(2)]).await;
    let emission = emission.expect("emitted");
    assert!(received.ids().is_empty());
    transaction.commit().await.expect("committed");
    emission.committed();
    received.wait_for(2).await;
    // Committed, and nobody said so.
    let transaction = db::begin(&mut client).await.expect("a transaction");
    let emission: Emission = instance
        .bus
        .emit(&transaction, vec![event(3)])
        .await
        .expect("emitted");
    transaction.commit().await.expect("committed");
    drop(emission);
    received.wait_for(3).await;
    // Rolled back.
    let transaction = db::begin(&mut client).await.expect("a transaction");
    let emission = instance
        .bus
        .emit(&transaction, vec![event(4)])
        .await
        .expect("emitted");
    transaction.rollback().await.expect("rolled back");
    drop(emission);
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(received.ids().len(), 3);
    place
        .database
        .expect_count("select count(*) from events", 3)
        .await;
    drop(client);
    instance.crash().await;
}

#[tokio::test]
async fn a_cut_connection_costs_no_acknowledged_event() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let received = instance.pump();
    let bus = instance.bus.clone();
    let publishing = tokio::spawn(async move {
        let mut accepted = Vec::new();
        for number in 0..1_500 {
            match bus.publish(event(number)).await {
                Ok(answer) => accepted.push(answer.id),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        accepted
    });
    for _ in 0..5 {
        // Between the cuts events are published.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid()";
        place.database.rows(cut).await;
    }
    let accepted = publishing.await.expect("published");
    assert!(accepted.len() > 100);
    let is_there = || {
        let ids: BTreeSet<_> = received.ids().into_iter().collect();
        accepted.iter().filter(|id| !ids.contains(id)).count()
    };
    eventually("every acknowledged event comes out", SOON, || async {
        is_there() == 0
    })
    .await;
    instance.crash().await;
}

#[tokio::test]
async fn a_closed_bus_hands_nothing_out() {
    let place = Place::new().await;
    let instance = place.instance().await;
    instance.publish(event(1)).await;
    let batch = instance.receive().await;
    instance.finish(&batch);
    instance.bus.close();
    assert!(instance.bus.receive().await.is_none());
    instance.bus.retire().await.expect("retired");
    place
        .database
        .expect_count("select count(*) from bus_owners", 0)
        .await;
    instance.crash().await;
}
