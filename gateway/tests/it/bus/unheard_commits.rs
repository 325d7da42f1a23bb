//! Scheduled deliveries when the database commits and its answer never comes.

use std::sync::Arc;
use std::time::Duration;

use gateway::facade::base::Millis;
use gateway::facade::base::WorkspaceId;
use gateway::facade::base::{DeliveryId, DestinationId};
use gateway::facade::delivery::Attempt;
use gateway::facade::delivery::Budget;
use gateway::facade::delivery::Leases;
use gateway::facade::delivery::Payload;
use gateway::facade::delivery::{Outcome, Verdict};
use gateway::facade::delivery::{Session, write};
use uuid::Uuid;

use super::place::Place;
use super::severed::{Cut, Severed};
use stage::{Cluster, SOON, eventually};

const LEASE: Duration = Duration::from_secs(150);
const DUE: &str = "
    insert into scheduled_deliveries (delivery_id, workspace_id, webhook_id, event_id, type, attempt_count, due_at)
    values (gen_random_uuid(), 1, gen_random_uuid(), gen_random_uuid(), 'deal.won', 1, now())";

fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(64 << 20, 100))
}

/// Takes leases over a way that breaks at each commit; the row's owner and fence after the first and the second try.
async fn try_twice(cut: Cut) -> [(Option<i32>, i32); 2] {
    let database = Cluster::shared().database().await;
    database.run(DUE).await;
    let severed = Severed::before(&database, cut).await;
    let leases = Leases::new(severed.db(), budget());
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
async fn leases_of_an_unanswered_commit_are_given_back_and_taken_again() {
    // Without being given back it would be due again only when it has run out.
    assert_eq!(try_twice(Cut::AfterTheCommit).await, [(Some(7), 1), (Some(7), 2)]);
}

#[tokio::test]
async fn a_lease_that_was_never_taken_is_not_given_back() {
    assert_eq!(try_twice(Cut::BeforeTheCommit).await, [(None, 0), (None, 0)]);
}

/// A first attempt that failed, of a delivery that is leased under `fence`.
fn failed(delivery: Uuid, fence: i32) -> Outcome {
    let payload = Payload {
        event: Uuid::nil(),
        event_id: String::new(),
        workspace: WorkspaceId(1),
        label: "deal.won".into(),
        ordering_key: None,
        body: bytes::Bytes::new(),
    };
    Outcome::Again {
        delivery: DeliveryId::from_uuid(delivery),
        destination: DestinationId::from_uuid(Uuid::nil()),
        payload: Arc::new(payload),
        fence,
        attempt: Attempt {
            number: 2,
            at: Millis::now(),
            status_code: Some(500),
            error_code: Some("http_status"),
            error_detail: None,
            response_body: None,
            dns_ms: None,
            connect_ms: None,
            tls_ms: None,
            first_byte_ms: None,
            total_ms: 1.0,
            request: None,
            revision: None,
            result: None,
        },
        verdict: Verdict::Retry(Millis::now()),
    }
}

#[tokio::test]
async fn a_retry_that_is_written_again_adds_its_attempt_once() {
    let place = Place::new().await;
    let instance = place.instance().await;
    let database = &place.database;
    database.run(DUE).await;
    database
        .run(
            "insert into deliveries (id, workspace_id, webhook_id, event_id, type, status, attempt_count, attempts)
             select delivery_id, workspace_id, webhook_id, event_id, type, 0, 1, '{}' from scheduled_deliveries",
        )
        .await;
    let leased = Leases::new(instance.db.clone(), budget())
        .take_due(instance.bus.owner(), Duration::ZERO, LEASE, 10)
        .await
        .expect("leased");
    let group = [failed(leased[0].delivery.uuid(), leased[0].fence)];
    let severed = Severed::before(database, Cut::AfterTheCommit).await;
    let mut outcomes = Vec::new();
    for db in [severed.db(), instance.db.clone()] {
        let mut session = Session::open(&db).await.expect("a session");
        let written = write(&mut session, &group, &*instance.bus, instance.bus.owner(), &[]).await;
        outcomes.push(written.is_ok());
    }
    assert_eq!(outcomes, [false, true], "the first was not heard of");
    let row = &database
        .rows("select attempt_count, attempts from deliveries")
        .await[0];
    assert_eq!(row.get::<_, i16>(0), 2);
    assert_eq!(row.get::<_, &str>(1).lines().count(), 2);
    instance.crash().await;
}
