//! Topics that drop what was not read, and that become others under the gateway's feet.

use serde_json::json;
use stage::{Receiver, SOON, Settings, eventually, until};

use crate::admin::{delete_messages, delete_topic, make_topic, produce};
use crate::fleet::Fleet;

#[tokio::test]
async fn messages_that_expired_unread_are_counted_and_logged() {
    let settings = Settings::shared().await.with("ALLOW_SHORT_RETENTION", "true");
    make_topic(&settings, &[("retention.ms", "1800000")]).await;
    let mut fleet = Fleet::at(settings, 1).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &["deal.won"]).await;
    let id = fleet.desk.send("deal.won", json!({})).await;
    fleet.desk.delivery_that(&id, "succeeded").await;
    let next = fleet.gateways.remove(0);
    assert!(next.terminate().await.success());
    for _ in 0..9 {
        produce(&fleet.settings, "{}").await;
    }
    // The first was read. The last two are left.
    delete_messages(&fleet.settings, 8).await;
    let gateway = fleet.join().await;
    gateway
        .wait_for_metric("gateway_kafka_expired_messages_total", 7.0)
        .await;
    let topic = fleet.settings.topic();
    let told = format!("ERROR messages expired unread topic={topic:?} partition=0 from=1 count=7");
    gateway.wait_for_log(&told).await;
    let log = gateway.log();
    assert_eq!(
        log.matches("messages expired unread").count(),
        1,
        "once for each gap: {log}"
    );
}

#[tokio::test]
async fn a_topic_that_was_deleted_and_made_anew_is_checked_before_it_is_used() {
    let fleet = Fleet::at(Settings::shared().await, 1).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &["deal.won"]).await;
    let id = fleet.desk.send("deal.won", json!({})).await;
    fleet.desk.delivery_that(&id, "succeeded").await;

    delete_topic(&fleet.settings).await;
    make_topic(&fleet.settings, &[("retention.bytes", "1073741824")]).await;
    let gateway = &fleet.gateways[0];
    eventually("it says what is wrong with it", SOON, || async {
        let bus = gateway.operations("/readyz").await.json()["checks"]["bus"].clone();
        bus["ok"] == false
            && bus["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("retention.bytes"))
    })
    .await;
    let body = json!({"type": "deal.won", "data": {}});
    let refused = fleet.desk.api.post("/v1/events", &body).await;
    refused.problem(503, "unavailable");

    delete_topic(&fleet.settings).await;
    make_topic(&fleet.settings, &[]).await;
    let id = until("it is used again", SOON * 2, || async {
        let reply = fleet.desk.api.post("/v1/events", &body).await;
        (reply.status == 202).then(|| reply.json()["id"].as_str().expect("an id").to_owned())
    })
    .await;
    fleet.desk.delivery_that(&id, "succeeded").await;
}
