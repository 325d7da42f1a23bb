//! Compares what was acknowledged with what arrived.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use stage::load::{LABEL, Sent, numbers_of};
use stage::{Act, Database, Desk, Receiver, steady, until};

/// Long enough for a takeover, leases and retries on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits until everything that was acknowledged has arrived; how many requests were repeats.
pub async fn all_arrive(receiver: &Receiver, sent: &Sent) -> usize {
    let mut missing = BTreeSet::new();
    let arriving = async {
        loop {
            let (numbers, repeats) = numbers_of(&receiver.received());
            missing = sent.acknowledged.difference(&numbers).copied().collect();
            if missing.is_empty() {
                return repeats;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let arrived = tokio::time::timeout(LIMIT, arriving).await;
    arrived.unwrap_or_else(|_| {
        let some: Vec<_> = missing.iter().take(10).collect();
        panic!(
            "{} of {} acknowledged events never arrived, such as {some:?}",
            missing.len(),
            sent.acknowledged.len()
        )
    })
}

/// A receiver at which the first `count` requests hang, and the events whose first attempts do, each under a lease.
pub async fn hanging(desk: &Desk, database: &Database, count: usize) -> (Receiver, Vec<String>) {
    let receiver = Receiver::deciding(move |nth, _| match nth < count {
        true => Act::Hang,
        false => Act::Status(200),
    })
    .await;
    desk.hook_with(&receiver, &[LABEL], json!({"timeout_seconds": 60}))
        .await;
    database.wait_until_known().await;
    let mut sent = Vec::new();
    for number in 0..count {
        sent.push(desk.send(LABEL, json!({"number": number})).await);
    }
    receiver.wait_for(count).await;
    database.wait_for_leases(count as i64).await;
    (receiver, sent)
}

/// Waits until no more requests come in for a while.
pub async fn quiet(receiver: &Receiver) {
    steady("requests", LIMIT, || receiver.count()).await;
}

/// Waits until every accepted event has a delivery for each of `hook_count` endpoints, and each of them has succeeded or
/// failed; how many failed.
pub async fn all_end(database: &Database, hook_count: i64) -> i64 {
    let open = "select count(*) from deliveries where status = 0";
    let waiting = "select count(*) from scheduled_deliveries";
    let without = format!(
        "select count(*) from events e
         where (select count(*) from deliveries d where d.event_id = e.id) <> {hook_count}"
    );
    until("every delivery has ended", LIMIT, || async {
        let left =
            database.count(open).await + database.count(waiting).await + database.count(&without).await;
        (left == 0).then_some(())
    })
    .await;
    database
        .count("select count(*) from deliveries where status = 2")
        .await
}
