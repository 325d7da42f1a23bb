//! The gateway's own events share the fate of the transaction that they are written in, whoever hears of it.

use gateway::facade::db;

use super::instance::{Instance, event};
use super::place::Place;
use super::severed::{Cut, Severed};
use stage::{SOON, eventually};

const CHANGE: &str = "insert into workspaces (name) values ('made with its event')";

async fn count_changes(database: &stage::Database) -> i64 {
    database
        .count("select count(*) from workspaces where name = 'made with its event'")
        .await
}

/// The bus holds nothing back for the emission any more, so all that it will ever hand out is out.
async fn until_settled(instance: &Instance) {
    eventually("nothing is out", SOON, || async {
        instance.bus.ledger().open_count() == 0
    })
    .await;
}

/// The numbers in the events that come out before the marker does, which is published now.
async fn received_before_marker(instance: &Instance) -> Vec<String> {
    instance.publish(event(99)).await;
    let mut received = Vec::new();
    loop {
        let batch = instance.receive().await;
        instance.finish(&batch);
        for event in batch.events {
            let data = String::from_utf8_lossy(&event.content.data).into_owned();
            if data.contains("99") {
                return received;
            }
            received.push(data);
        }
    }
}

#[tokio::test]
async fn rolled_back_events_are_never_delivered() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let mut client = instance.db.client().await.expect("a connection");
    let transaction = db::begin(&mut client).await.expect("a transaction");
    transaction.batch_execute(CHANGE).await.expect("changed");
    let emission = instance
        .bus
        .emit(&transaction, vec![event(1)])
        .await
        .expect("written");
    transaction.rollback().await.expect("rolled back");
    drop(emission);
    until_settled(&instance).await;
    assert_eq!(received_before_marker(&instance).await, Vec::<String>::new());
    assert_eq!(count_changes(&place.database).await, 0);
    place
        .database
        .expect_count("select count(*) from events", 1)
        .await;
    instance.crash().await;
}

#[tokio::test]
async fn nothing_comes_out_before_the_commit_is_known() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let mut client = instance.db.client().await.expect("a connection");
    let transaction = db::begin(&mut client).await.expect("a transaction");
    let emission = instance
        .bus
        .emit(&transaction, vec![event(1)])
        .await
        .expect("written");
    // Dropped while the transaction is open: the bus has to wait for its end.
    drop(emission);
    assert_eq!(received_before_marker(&instance).await, Vec::<String>::new());
    // The watermark stays below what may still be committed.
    instance.acknowledge().await;
    let watermark =
        "select count(*) from bus_owners o where o.watermark <= (select id from events order by id limit 1)";
    transaction.commit().await.expect("committed");
    place.database.expect_count(watermark, 1).await;
    assert_eq!(instance.receive().await.events.len(), 1);
    instance.crash().await;
}

/// Emits in a transaction whose commit breaks off; whether the database has the change.
async fn break_off(instance: &Instance, database: &stage::Database, cut: Cut) -> bool {
    let severed = Severed::before(database, cut).await;
    let db = severed.db();
    let mut client = db.client().await.expect("a connection");
    let transaction = db::begin(&mut client).await.expect("a transaction");
    transaction.batch_execute(CHANGE).await.expect("changed");
    let emission = instance
        .bus
        .emit(&transaction, vec![event(1)])
        .await
        .expect("written");
    assert!(transaction.commit().await.is_err(), "the commit breaks off");
    // Whoever does not know says nothing.
    drop(emission);
    eventually("the connection is cut", SOON, || async { severed.is_cut() }).await;
    until_settled_or_out(instance).await;
    count_changes(database).await == 1
}

/// What is committed is out and waits to be received; what is not has been forgotten.
async fn until_settled_or_out(instance: &Instance) {
    eventually("the bus has found out", SOON, || async {
        let ledger = instance.bus.ledger();
        ledger.open_count() == 0 || ledger.in_memory() == 1
    })
    .await;
}

#[tokio::test]
async fn events_of_an_unanswered_commit_are_delivered() {
    let place = Place::new().await;
    let instance = place.instance().await;
    assert!(break_off(&instance, &place.database, Cut::AfterTheCommit).await);
    assert_eq!(received_before_marker(&instance).await.len(), 1);
    instance.crash().await;
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_not() {
    let place = Place::new().await;
    let instance = place.instance().await;
    assert!(!break_off(&instance, &place.database, Cut::BeforeTheCommit).await);
    assert_eq!(received_before_marker(&instance).await, Vec::<String>::new());
    instance.crash().await;
}
