//! Leases on scheduled deliveries when the database does not answer.

use std::time::Duration;

use gateway::webhooks::lease_store::Leases;

use crate::stage::severed::{Cut, Severed};
use crate::stage::{Cluster, SOON, eventually};

const LEASE: Duration = Duration::from_secs(150);
const DUE: &str = "
    insert into scheduled_deliveries (delivery_id, workspace_id, webhook_id, event_id, type, attempt_count, due_at)
    values (gen_random_uuid(), 1, gen_random_uuid(), gen_random_uuid(), 'deal.won', 1, now())";

/// Takes leases over a way that breaks at each commit; the row's owner and fence after the first and the second try.
async fn try_twice(cut: Cut) -> [(Option<i32>, i32); 2] {
    let database = Cluster::shared().database().await;
    database.run(DUE).await;
    let severed = Severed::before(&database, cut).await;
    let leases = Leases::new(severed.db());
    let mut seen = Vec::new();
    for _ in 0..2 {
        let taken = leases.take_due(7, Duration::ZERO, LEASE, 10).await;
        assert!(taken.is_err(), "nobody knows");
        eventually("the connection is cut", SOON, || async { severed.is_cut() }).await;
        let row = &database
            .rows("select owner, fence from scheduled_deliveries")
            .await[0];
        seen.push((row.get(0), row.get(1)));
    }
    [seen[0], seen[1]]
}

#[tokio::test]
async fn a_lease_that_nobody_heard_of_is_given_back_and_taken_again() {
    // Without being given back it would be due again only when it has run out.
    assert_eq!(try_twice(Cut::AfterTheCommit).await, [(Some(7), 1), (Some(7), 2)]);
}

#[tokio::test]
async fn a_lease_that_was_never_taken_is_not_given_back() {
    assert_eq!(try_twice(Cut::BeforeTheCommit).await, [(None, 0), (None, 0)]);
}
