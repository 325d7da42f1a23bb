//! An event's ways through a gateway on Apache Kafka, as clients, receivers and readers see them.

use serde_json::json;

use crate::admin::produce;
use crate::fleet::Fleet;
use stage::{Act, Receiver, SOON, Settings, desk::a_moment, eventually, until};

#[tokio::test]
async fn what_is_accepted_is_delivered_recorded_and_read_at_once() {
    let fleet = Fleet::start(1).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &["deal.won"]).await;
    for number in 0..20 {
        let id = fleet.desk.send("deal.won", json!({"number": number})).await;
        // Whoever asks right after the 202 finds it.
        let shown = fleet.desk.api.get(&format!("/v1/events/{id}")).await.ok(200);
        assert_eq!(shown["data"]["number"], number);
        fleet.desk.delivery_that(&id, "succeeded").await;
    }
    // Unmatched ones are stored like all others.
    let unmatched = fleet.desk.send("deal.lost", json!({})).await;
    let shown = fleet
        .desk
        .api
        .get(&format!("/v1/events/{unmatched}"))
        .await
        .ok(200);
    assert_eq!(shown["deliveries"], json!([]));
    assert_eq!(receiver.count(), 20);
    for (name, value) in [
        ("gateway_kafka_partitions", 6.0),
        ("gateway_kafka_lag_messages", 0.0),
        ("gateway_bus_relay_lag_seconds", 0.0),
    ] {
        fleet.gateways[0].wait_for_metric(name, value).await;
    }
}

#[tokio::test]
async fn retries_redeliveries_and_recoveries_work_as_on_the_other_bus() {
    let fleet = Fleet::start(1).await;
    let receiver = Receiver::scripted(vec![Act::Status(500), Act::Status(500), Act::Status(200)]).await;
    let failing = Receiver::deciding(|_, _| Act::Status(500)).await;
    fleet.desk.hook(&receiver, &["deal.won"]).await;
    let hook = fleet
        .desk
        .hook_with(&failing, &["deal.lost"], json!({"max_attempts": 1}))
        .await;
    let id = fleet.desk.send("deal.won", json!({})).await;
    let delivery = fleet.desk.delivery_that(&id, "succeeded").await;
    assert_eq!(delivery["attempt_count"], 3);
    let lost = fleet.desk.send("deal.lost", json!({})).await;
    let failed = fleet.desk.delivery_that(&lost, "failed").await;
    let path = format!(
        "/v1/deliveries/{}/redeliver",
        failed["id"].as_str().expect("an id")
    );
    fleet.desk.api.post_nothing(&path).await.ok(202);
    // A recovery repeats what has failed, and not what is still on its way.
    let failed = "select count(*) from deliveries where status = 2";
    fleet.database.wait_for_count(failed, 2).await;
    let since = json!({"since": "2020-01-01T00:00:00Z"});
    let recovered = fleet.desk.api.post(&hook.at("recover"), &since).await.ok(202);
    assert!(recovered["count"].as_u64().is_some_and(|count| count > 0));
    failing.wait_for(3).await;
}

#[tokio::test]
async fn a_repeat_gets_the_first_on_every_instance() {
    let fleet = Fleet::start(2).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &["deal.won"]).await;
    let send = |nth: usize, label: &'static str, number: i32| {
        let api = fleet.desk.seen_from(&fleet.gateways[nth]);
        async move {
            let body = json!({"type": label, "id": "mine", "data": {"number": number}});
            api.post("/v1/events", &body).await.ok(202)
        }
    };
    let first = send(0, "deal.won", 1).await;
    for (nth, label) in [(0, "deal.won"), (1, "deal.lost"), (1, "deal.won")] {
        assert_eq!(send(nth, label, 2).await, first);
    }
    receiver.wait_for(1).await;
    a_moment().await;
    assert_eq!(receiver.only().await.json()["data"]["number"], 1);
}

#[tokio::test]
async fn events_of_the_gateways_own_go_through_the_topic() {
    let fleet = Fleet::start(1).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &["contact.created"]).await;
    let api = &fleet.desk.api;
    for nth in 0..10 {
        let contact = json!({"email": format!("{nth}@example.com")});
        api.post("/v1/crm/contacts", &contact).await.ok(201);
    }
    receiver.wait_for(10).await;
    // A repeat of the relay, as a crash between topic and outbox makes it: known by its id.
    let stored = "select id, workspace_id from events where type = 'contact.created' limit 1";
    let row = &fleet.database.rows(stored).await[0];
    let (id, workspace): (uuid::Uuid, i32) = (row.get(0), row.get(1));
    let message =
        json!({"id": id, "workspace": workspace, "type": "contact.created", "stored": true, "data": {}});
    produce(&fleet.settings, &message.to_string()).await;
    let after = fleet.desk.send("contact.created", json!({"last": true})).await;
    fleet.desk.delivery_that(&after, "succeeded").await;
    a_moment().await;
    assert_eq!(receiver.count(), 11);
}

#[tokio::test]
async fn a_damaged_message_is_kept_aside_and_stops_nothing() {
    let fleet = Fleet::start(1).await;
    let receiver = Receiver::start().await;
    fleet.desk.hook(&receiver, &["deal.won"]).await;
    let id = uuid::Uuid::now_v7();
    let nul = format!(r#"{{"id":"{id}","workspace":1,"type":"a\u0000b","data":{{}}}}"#);
    let huge = format!("{{{}", "x".repeat(200_000));
    for message in ["", "no JSON at all", "{}", "[1,2]", &nul, &huge] {
        for _ in 0..6 {
            produce(&fleet.settings, message).await;
        }
    }
    for _ in 0..20 {
        let id = fleet.desk.send("deal.won", json!({})).await;
        fleet.desk.delivery_that(&id, "succeeded").await;
    }
    fleet
        .database
        .wait_for_count("select count(*) from damaged_messages", 30)
        .await;
    let longest = "select max(octet_length(value))::bigint from damaged_messages";
    assert!(fleet.database.count(longest).await <= 65_536);
    let damaged = "gateway_kafka_damaged_messages_total";
    assert_eq!(fleet.gateways[0].metric(damaged).await, Some(30.0));
}

#[tokio::test]
async fn idempotency_keys_and_batches_hold() {
    let fleet = Fleet::start(1).await;
    let api = &fleet.desk.api;
    let body = json!({"type": "deal.won", "data": {}});
    let send = || async {
        let call = api
            .post_call("/v1/events", &body)
            .header("idempotency-key", "once");
        call.send().await.ok(202)
    };
    let first = send().await;
    assert_eq!(send().await, first);
    let lines: String = (0..2_500)
        .map(|number| {
            format!(
                "{{\"type\":\"deal.won\",\"id\":\"n{}\",\"data\":{{}}}}\n",
                number % 2_000
            )
        })
        .collect();
    let call = api.post_call("/v1/events/batch", &json!({}));
    let reply = call.body("application/x-ndjson", lines).send().await.ok(202);
    assert_eq!(reply["accepted"], 2_500);
    fleet
        .database
        .wait_for_count("select count(*) from events", 2_001)
        .await;
}

#[tokio::test]
async fn without_a_broker_it_waits_and_says_so() {
    let database = stage::Cluster::shared().database().await;
    let settings = Settings::new("127.0.0.1:1");
    let gateway = stage::Gateway::launch(&database.url(), &settings.environment());
    let detail = until("it says what it waits for", SOON, || async {
        let reply = gateway.try_operations("/readyz").await?;
        let bus = reply.json()["checks"]["bus"].clone();
        let detail = bus["detail"].as_str()?.to_owned();
        (reply.status == 503 && detail != "not known yet").then_some(detail)
    })
    .await;
    assert!(!detail.is_empty());
    assert!(gateway.is_running());
}

#[tokio::test]
async fn an_endpoint_that_asks_for_it_gets_the_events_of_a_key_in_order() {
    let fleet = Fleet::start(2).await;
    // Each third attempt fails, so that the next of the key has to wait.
    let receiver = Receiver::deciding(|nth, _| Act::Status(if nth % 3 == 0 { 500 } else { 200 })).await;
    let by_key = json!({"ordering": "by_key", "max_attempts": 50});
    fleet.desk.hook_with(&receiver, &["deal.won"], by_key).await;
    let apis = [
        fleet.desk.seen_from(&fleet.gateways[0]),
        fleet.desk.seen_from(&fleet.gateways[1]),
    ];
    fleet.database.wait_until_known().await;
    for number in 0..30 {
        let key = format!("key {}", number % 3);
        let body = json!({"type": "deal.won", "ordering_key": key, "data": {"number": number}});
        // In turn through one and the other.
        apis[number % 2].post("/v1/events", &body).await.ok(202);
    }
    eventually("all succeed", SOON * 2, || async {
        let left = "select count(*) from deliveries where status = 1";
        fleet.database.count(left).await == 30
    })
    .await;
    for key in 0..3 {
        let numbers: Vec<u64> = receiver
            .received()
            .iter()
            .map(|received| received.json()["data"]["number"].as_u64().expect("a number"))
            .filter(|number| number % 3 == key)
            .collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
}
