//! PostgreSQL frozen: it accepts connections and says nothing.

use std::time::{Duration, Instant};

use serde_json::json;

use stage::cluster::Sync;
use stage::{Cluster, Desk, Gateway, Receiver, until};

/// The contract's 5 s, and a little for a machine that has other things to do.
const WITHIN: Duration = Duration::from_millis(6_500);

#[tokio::test]
async fn callers_get_an_answer_within_5_seconds_and_all_recovers() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::Off)));
    let database = cluster.database().await;
    let gateway = Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&gateway, &database).await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    cluster.signal_all("STOP");
    let frozen = Instant::now();
    // At once, while nobody has noticed yet, and later, when everybody has.
    for round in 0..3 {
        let key = desk.api.key.clone();
        let calls = [
            desk.api.post_call(
                "/v1/events",
                &json!({"type": "deal.won", "data": {"round": round}}),
            ),
            desk.api.get_call("/v1/webhooks"),
            desk.api.get_call("/v1/events"),
            desk.api
                .post_call("/v1/event-types", &json!({"name": "a.b", "description": "x"})),
            desk.api
                .post_call("/v1/api-keys", &json!({"name": "x", "scopes": ["crm:read"]}))
                .header("idempotency-key", "k"),
        ];
        assert!(key.is_some());
        let asking = calls.into_iter().map(|call| {
            tokio::spawn(async move {
                let started = Instant::now();
                (call.send().await, started.elapsed())
            })
        });
        for task in asking.collect::<Vec<_>>() {
            let (reply, elapsed) = task.await.expect("a reply");
            reply.problem(503, "unavailable");
            assert_eq!(reply.header("retry-after"), Some("1"));
            assert!(elapsed < WITHIN, "{elapsed:?}");
        }
        let live = Instant::now();
        assert_eq!(gateway.operations("/livez").await.status, 200);
        assert!(live.elapsed() < WITHIN);
    }
    let limit = WITHIN
        .saturating_sub(frozen.elapsed())
        .max(Duration::from_millis(100));
    until("readiness tells within 5 s", limit, || async {
        (gateway.operations("/readyz").await.status == 503).then_some(())
    })
    .await;
    cluster.signal_all("CONT");
    gateway.wait_until_ready().await;
    let id = desk.send("deal.won", json!({"round": "after"})).await;
    desk.delivery_that(&id, "succeeded").await;
    let stored = database.count("select count(*) from events").await;
    let delivered = until("what was stored is delivered", stage::SOON, || async {
        let count = receiver.count();
        (count as i64 >= stored).then_some(count)
    })
    .await;
    assert!(delivered >= 1);
    assert!(gateway.terminate().await.success());
    cluster.kill();
}

#[tokio::test]
async fn readiness_is_checked_without_traffic() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::Off)));
    let database = cluster.database().await;
    let gateway = Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&gateway, &database).await;
    cluster.signal_all("STOP");
    let ready = until("readiness tells within 5 s", WITHIN, || async {
        let ready = gateway.operations("/readyz").await;
        (ready.status == 503).then_some(ready)
    })
    .await;
    let checks = ready.json()["checks"].clone();
    assert!(
        checks["postgres"]["ok"] == false || checks["feed"]["ok"] == false,
        "{checks}"
    );
    // A key that may have been revoked meanwhile is not believed.
    until("keys are not believed", WITHIN, || async {
        (desk.api.get("/v1/whoami").await.status == 503).then_some(())
    })
    .await;
    cluster.signal_all("CONT");
    gateway.wait_until_ready().await;
    desk.api.get("/v1/whoami").await.ok(200);
    drop(gateway);
    cluster.kill();
}
