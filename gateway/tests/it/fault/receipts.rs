//! Compares what was acknowledged with what arrived.

use std::collections::BTreeSet;
use std::time::Duration;

use stage::load::{Sent, numbers_of};
use stage::{Database, Receiver, until};

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

/// Waits until no more requests come in for a while.
pub async fn quiet(receiver: &Receiver) {
    let mut last = (0, std::time::Instant::now());
    until("the receiver is left alone", LIMIT, || {
        let count = receiver.count();
        if count != last.0 {
            last = (count, std::time::Instant::now());
        }
        let is_quiet = last.1.elapsed() > Duration::from_secs(2);
        async move { is_quiet.then_some(()) }
    })
    .await;
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
