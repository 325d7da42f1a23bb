//! Clocks that disagree or step: the gateway's and the database's. Retries stay on time and nothing is lost; none is made
//! twice but for what is under way when the database's clock steps forward.
//!
//! The database's clock is what `now()` says, and that is put in front of the real one here: seen from the gateway it is
//! the same whose clock is wrong.

use std::time::Duration;

use serde_json::{Value, json};

use super::receipts::all_end;
use stage::load::numbers_of;
use stage::{Act, Cluster, Database, Desk, Gateway, Receiver, SOON, eventually, steady};

/// From now on the database's clock is off by so much.
async fn set_clock(database: &Database, off: &str) {
    let functions = [
        "now",
        "clock_timestamp",
        "statement_timestamp",
        "transaction_timestamp",
    ];
    for function in functions {
        let statement = format!(
            "create or replace function public.{function}() returns timestamptz language sql stable as
             $$ select pg_catalog.{function}() + interval '{off}' $$"
        );
        database.run(&statement).await;
    }
}

/// A gateway on a database whose clock can be set.
pub(super) async fn gateway(off: &str) -> (Gateway, Database, Desk) {
    let database = Cluster::shared().database().await;
    set_clock(&database, off).await;
    database
        .run(
            "do $$ begin
                 execute format('alter database %I set search_path = public, pg_catalog', current_database());
             end $$",
        )
        .await;
    let gateway = Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&gateway, &database).await;
    (gateway, database, desk)
}

/// Fails each event's first attempt, and takes its time for the second, so that a lease is needed.
async fn receiver() -> Receiver {
    Receiver::deciding(|_, received| match received.header("x-sentinel-attempt") {
        "1" => Act::Status(500),
        _ => Act::Status(200).after(Duration::from_millis(1_500)),
    })
    .await
}

async fn send(desk: &Desk, from: usize, count: usize) {
    for number in from..from + count {
        desk.send("invoice.paid", json!({"number": number})).await;
    }
}

/// Each event was attempted twice, and at most so many once more; the second attempt came when it was due.
async fn each_twice(database: &Database, receiver: &Receiver, count: usize, most_more: usize) {
    assert_eq!(all_end(database, 1).await, 0);
    let received = receiver.received();
    let (numbers, repeats) = numbers_of(&received);
    assert_eq!(numbers.len(), count);
    assert!(
        (count..=count + most_more).contains(&repeats),
        "{repeats} repeats of {count}"
    );
    for one in received
        .iter()
        .filter(|one| one.header("x-sentinel-attempt") == "2")
    {
        let same = |other: &&stage::receiver::Received| other.body == one.body;
        let first = received.iter().find(same).expect("the first attempt");
        let wait = one.at - first.at;
        assert!(wait >= Duration::from_millis(150), "too early: {wait:?}");
        assert!(wait < SOON, "too late: {wait:?}");
    }
}

#[tokio::test]
async fn clocks_that_disagree() {
    for off in ["10 minutes", "-10 minutes"] {
        let (_gateway, database, desk) = gateway(off).await;
        let receiver = receiver().await;
        desk.hook(&receiver, &["invoice.paid"]).await;
        send(&desk, 0, 20).await;
        each_twice(&database, &receiver, 20, 0).await;
        // Slow at once: written down under a lease while it is under way.
        let slow = Receiver::scripted(vec![Act::Status(200).after(Duration::from_millis(2_500))]).await;
        desk.hook(&slow, &["deal.won"]).await;
        let id = desk.send("deal.won", json!({})).await;
        let delivery = desk.delivery_that(&id, "succeeded").await;
        assert_eq!(
            (delivery["attempt_count"].clone(), slow.count()),
            (json!(1), 1),
            "{off}"
        );
        assert_eq!(delivery["next_attempt_at"], Value::Null);
    }
}

#[tokio::test]
async fn clocks_that_step() {
    let (_gateway, database, desk) = gateway("0").await;
    let receiver = receiver().await;
    desk.hook(&receiver, &["invoice.paid"]).await;
    for (round, off) in ["10 minutes", "-10 minutes", "0"].into_iter().enumerate() {
        send(&desk, round * 10, 10).await;
        // The second attempts have begun and hold leases. What waits when the clock steps back waits longer.
        eventually("every second attempt has begun", SOON, || async {
            let received = receiver.received();
            let second = received
                .into_iter()
                .filter(|one| one.header("x-sentinel-attempt") == "2");
            let (numbers, _) = numbers_of(&second.collect::<Vec<_>>());
            numbers.len() == round * 10 + 10
        })
        .await;
        set_clock(&database, off).await;
        all_end(&database, 1).await;
        // Attempts that nobody waits for any more arrive too, and count as repeats.
        steady("requests", SOON, || receiver.count()).await;
        // When it steps forward the leases have run out, and what was under way is attempted again: once.
        each_twice(&database, &receiver, round * 10 + 10, round * 10 + 10).await;
    }
}
