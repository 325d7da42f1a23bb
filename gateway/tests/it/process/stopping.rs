//! SIGTERM and Ctrl-C end the gateway in time, whatever the database does; a second signal ends it at once.

use std::time::Duration;

use serde_json::json;

use stage::cluster::Sync;
use stage::{Act, Cluster, Database, Desk, Gateway, Receiver, SOON, eventually, steady};

const DRAIN: (&str, &str) = ("GATEWAY_SERVER__DRAIN_SECONDS", "2");
/// The drain time, the contract's 10 s, and a little for a machine that has other things to do.
const WITHIN: Duration = Duration::from_secs(2 + 10 + 5);
/// A wait for ever ends later than this, and what is at once earlier.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A gateway with deliveries under way and others that wait, on a server of its own.
async fn busy() -> (&'static Cluster, Database, Gateway, Receiver) {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::Off)));
    let database = cluster.database().await;
    let settings = [DRAIN, ("GATEWAY_WEBHOOKS__LANE_CONCURRENCY", "2")];
    let gateway = Gateway::start(&database.url(), &settings).await;
    let desk = Desk::at(&gateway, &database).await;
    let slow = Act::Status(200).after(Duration::from_millis(300));
    let receiver = Receiver::deciding(move |_, _| slow.clone()).await;
    desk.hook(&receiver, &["deal.won"]).await;
    for nth in 0..60 {
        desk.send("deal.won", json!({"n": nth})).await;
    }
    receiver.wait_for(3).await;
    (cluster, database, gateway, receiver)
}

/// Waits until no more attempts begin: all that has ended waits to be recorded.
async fn have_outcomes_wait(receiver: &Receiver) {
    steady("requests", SOON, || receiver.count()).await;
}

#[tokio::test]
async fn with_the_database_away() {
    let (cluster, _database, gateway, _receiver) = busy().await;
    cluster.kill();
    gateway.signal("TERM");
    assert_eq!(gateway.wait_for_exit(WITHIN).await.code(), Some(0));
}

#[tokio::test]
async fn with_the_database_frozen() {
    let (cluster, _database, gateway, receiver) = busy().await;
    cluster.signal_all("STOP");
    have_outcomes_wait(&receiver).await;
    gateway.signal("TERM");
    assert_eq!(gateway.wait_for_exit(WITHIN).await.code(), Some(0));
    cluster.signal_all("CONT");
    cluster.kill();
}

#[tokio::test]
async fn with_tables_locked() {
    let (cluster, database, gateway, receiver) = busy().await;
    let session = database.session().await;
    session
        .batch_execute(
            "begin; lock table events, deliveries, scheduled_deliveries, bus_owners, api_keys, instances",
        )
        .await
        .expect("locked");
    have_outcomes_wait(&receiver).await;
    gateway.signal("INT");
    assert_eq!(gateway.wait_for_exit(WITHIN).await.code(), Some(0));
    drop(session);
    cluster.kill();
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        // The request under way would hold the drain for 30 s.
        let (gateway, _database, desk) = Desk::own(&[]).await;
        let receiver = Receiver::scripted(vec![Act::Hang]).await;
        desk.hook_with(&receiver, &["deal.won"], json!({"timeout_seconds": 60}))
            .await;
        desk.send("deal.won", json!({})).await;
        receiver.wait_for(1).await;
        gateway.signal(first);
        gateway.wait_for_log("stopping").await;
        // It does not end by itself.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(gateway.is_running());
        gateway.signal(second);
        assert_eq!(gateway.wait_for_exit(AT_ONCE).await.code(), Some(1));
        assert!(gateway.log().contains("ending at once"), "{}", gateway.log());
    }
}

#[tokio::test]
async fn while_it_waits_for_the_database() {
    for name in ["TERM", "INT"] {
        let gateway = Gateway::launch("postgres://postgres@127.0.0.1:1/x", &[DRAIN]);
        gateway.wait_for_log("waiting for the database").await;
        gateway.signal(name);
        assert_eq!(gateway.wait_for_exit(AT_ONCE).await.code(), Some(0));
    }
}

#[tokio::test]
async fn while_the_database_is_frozen_at_the_start() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::Off)));
    let database = cluster.database().await;
    cluster.signal_all("STOP");
    let gateway = Gateway::launch(&database.url(), &[DRAIN]);
    eventually("it asks the database", SOON, || async {
        cluster.connection_count() > 0
    })
    .await;
    gateway.signal("TERM");
    assert_eq!(gateway.wait_for_exit(AT_ONCE).await.code(), Some(0));
    cluster.signal_all("CONT");
    cluster.kill();
}

#[tokio::test]
async fn while_another_holds_the_lock_on_migrations() {
    let database = Cluster::shared().database().await;
    let session = database.session().await;
    // The lock of `db::migrate`.
    session
        .batch_execute("select pg_advisory_lock(x'676174656d696772'::bigint)")
        .await
        .expect("locked");
    let gateway = Gateway::launch(&database.url(), &[DRAIN]);
    gateway
        .wait_for_log("another session migrates this database")
        .await;
    gateway.signal("TERM");
    assert_eq!(gateway.wait_for_exit(AT_ONCE).await.code(), Some(0));
    drop(session);
}
