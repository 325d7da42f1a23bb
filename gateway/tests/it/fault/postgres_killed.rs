//! PostgreSQL killed under load and started again.

use std::time::Duration;

use super::receipts::all_arrive;
use stage::cluster::Sync;
use stage::load::{LABEL, Load};
use stage::{Cluster, Desk, Gateway, Receiver, SOON, until};

#[tokio::test]
async fn callers_are_asked_to_wait_and_nothing_acknowledged_is_lost() {
    // With fsync on: what is acknowledged must survive the server's crash.
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::On)));
    let database = cluster.database().await;
    let gateway = Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&gateway, &database).await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &[LABEL]).await;
    let load = Load::start(&[&desk.api], 12);
    load.advance(400).await;
    for _ in 0..2 {
        cluster.kill();
        let before = load.refused().len();
        let refused = until("callers are refused", SOON, || async {
            load.refused().get(before + 20).cloned()
        })
        .await;
        refused.problem(503, "unavailable");
        let ready = until("readiness tells", Duration::from_secs(10), || async {
            let ready = gateway.operations("/readyz").await;
            (ready.status == 503 && ready.json()["checks"]["postgres"]["ok"] == false).then_some(ready)
        })
        .await;
        assert!(
            ready.json()["checks"]["postgres"]["detail"].is_string(),
            "and says what is wrong"
        );
        assert_eq!(gateway.operations("/livez").await.status, 200);
        for path in ["/v1/webhooks", "/v1/events", "/v1/audit"] {
            let reply = desk.api.get(path).await;
            reply.problem(503, "unavailable");
            assert_eq!(reply.header("retry-after"), Some("1"));
        }
        cluster.restart();
        gateway.wait_until_ready().await;
        load.advance(300).await;
    }
    let sent = load.finish().await;
    for reply in &sent.refused {
        reply.problem(503, "unavailable");
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    let some: Vec<_> = sent.unanswered.iter().take(3).collect();
    assert!(
        some.is_empty(),
        "{} requests were not answered: {some:?}",
        sent.unanswered.len()
    );
    all_arrive(&receiver, &sent).await;
    database
        .wait_for_count("select count(*) from deliveries where status <> 1", 0)
        .await;
    let without =
        "select count(*) from events e where not exists (select from deliveries d where d.event_id = e.id)";
    database.wait_for_count(without, 0).await;
    assert!(gateway.terminate().await.success());
    cluster.kill();
}
