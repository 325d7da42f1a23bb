//! `ordering: by_key`: events of one key arrive one after another, whatever fails, and hold up nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use serde_json::{Value, json};

use stage::receiver::Received;
use stage::{Act, Api, Cluster, Desk, Gateway, Receiver, SOON, desk::a_moment, eventually, until};

const LABEL: &str = "deal.won";
/// A machine that has other things to do is given time.
const LONG: Duration = Duration::from_secs(90);

async fn send(api: &Api, key: Option<&str>, number: usize) -> String {
    let data = json!({"key": key, "number": number});
    let reply = api
        .post(
            "/v1/events",
            &json!({"type": LABEL, "data": data, "ordering_key": key}),
        )
        .await;
    reply.ok(202)["id"].as_str().expect("an id").to_owned()
}

/// The numbers that arrived of each key, as they came.
fn by_key(received: &[Received]) -> BTreeMap<String, Vec<u64>> {
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for one in received {
        let data = &one.json()["data"];
        if let Some(key) = data["key"].as_str() {
            let number = data["number"].as_u64().expect("a number");
            numbers.entry(key.to_owned()).or_default().push(number);
        }
    }
    numbers
}

/// No number comes after a later one; it may come again, while the next has not.
fn assert_in_order(received: &[Received]) {
    for (key, numbers) in by_key(received) {
        assert!(numbers.is_sorted(), "{key}: {numbers:?}");
    }
}

async fn wait_for_numbers(receiver: &Receiver, key: &str, numbers: &[u64]) {
    let what = format!("{numbers:?} of {key} arrive");
    eventually(&what, SOON, || async {
        by_key(&receiver.received())
            .get(key)
            .is_some_and(|all| all == numbers)
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_says_how_it_wants_its_events() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &[LABEL]).await;
    assert_eq!(desk.webhook(&hook).await["ordering"], "none");
    let ordered = desk
        .hook_with(&receiver, &["deal.lost"], json!({"ordering": "by_key"}))
        .await;
    assert_eq!(desk.webhook(&ordered).await["ordering"], "by_key");
    let changed = desk
        .api
        .patch(&hook.path(), &json!({"ordering": "by_key"}))
        .await
        .ok(200);
    assert_eq!(changed["ordering"], "by_key");
    let trail = desk.api.get("/v1/audit?action=webhook.updated").await.ok(200);
    assert_eq!(
        trail["data"][0]["changes"],
        json!({"ordering": ["none", "by_key"]})
    );
    for bad in [json!("by-key"), json!(1), json!(null)] {
        let body = json!({"ordering": bad});
        desk.api
            .patch(&hook.path(), &body)
            .await
            .refused_at(&["body.ordering"]);
    }
    let body = json!({"name": "x", "url": receiver.url(), "events": [LABEL], "ordering": "fifo"});
    desk.api
        .post("/v1/webhooks", &body)
        .await
        .refused_at(&["body.ordering"]);
}

#[tokio::test]
async fn an_events_key_is_checked_and_shown() {
    let desk = Desk::open().await;
    let longest = "ü".repeat(255);
    let id = send(&desk.api, Some(&longest), 1).await;
    let shown = desk.api.get(&format!("/v1/events/{id}")).await.ok(200);
    assert_eq!(shown["ordering_key"], longest);
    let unkeyed = send(&desk.api, None, 1).await;
    let shown = desk.api.get(&format!("/v1/events/{unkeyed}")).await.ok(200);
    assert_eq!(shown["ordering_key"], Value::Null);
    for bad in [json!(""), json!("x".repeat(256)), json!(7), json!("a\u{0}")] {
        let body = json!({"type": LABEL, "data": {}, "ordering_key": bad});
        desk.api
            .post("/v1/events", &body)
            .await
            .refused_at(&["body.ordering_key"]);
    }
    let lines = "{\"type\":\"deal.won\",\"data\":{},\"ordering_key\":\"k\"}\n{\"type\":\"deal.won\",\"data\":{},\"ordering_key\":[]}\n";
    let batch = desk
        .api
        .call(http::Method::POST, "/v1/events/batch")
        .body("application/x-ndjson", lines)
        .send()
        .await
        .ok(202);
    assert_eq!(
        (&batch["accepted"], &batch["rejected"][0]["line"]),
        (&json!(1), &json!(2))
    );
    let newest = desk.api.get("/v1/events?limit=1").await.ok(200);
    assert_eq!(newest["data"][0]["ordering_key"], "k");
}

#[tokio::test]
async fn keys_keep_their_order_through_failures_and_the_rest_goes_by() {
    let desk = Desk::open().await;
    // Every third request fails, by what it says and how often it was tried.
    let receiver = Receiver::deciding(|nth, received| {
        let mut hasher = DefaultHasher::new();
        (nth, &received.body).hash(&mut hasher);
        match hasher.finish() % 6 {
            0 => Act::Status(500),
            1 => Act::Close,
            2 => Act::Status(200).after(Duration::from_millis(30)),
            _ => Act::Status(200),
        }
    })
    .await;
    let more = json!({"ordering": "by_key", "max_attempts": 50});
    desk.hook_with(&receiver, &[LABEL], more).await;
    let mut ids = Vec::new();
    for number in 0..12 {
        for key in ["a", "b", "c", "a b", "ä"] {
            ids.push(send(&desk.api, Some(key), number).await);
        }
        ids.push(send(&desk.api, None, number).await);
    }
    for id in &ids {
        until("the delivery has succeeded", LONG, || async {
            let deliveries = desk.deliveries_of(id).await;
            (deliveries.first()?["status"] == "succeeded").then_some(())
        })
        .await;
    }
    let received = receiver.received();
    assert_in_order(&received);
    let arrived = by_key(&received);
    assert_eq!(arrived.len(), 5);
    for numbers in arrived.values() {
        let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
        assert_eq!(distinct, (0..12).collect());
    }
    let first = received.first().expect("one").json();
    let members: Vec<&String> = first.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["data", "id", "timestamp", "type"]);
}

#[tokio::test]
async fn one_that_fails_for_good_lets_the_next_go() {
    let desk = Desk::open().await;
    let receiver = Receiver::deciding(|_, received| match received.json()["data"]["number"] == 0 {
        true => Act::Status(500),
        false => Act::Status(200),
    })
    .await;
    let more = json!({"ordering": "by_key", "max_attempts": 2});
    desk.hook_with(&receiver, &[LABEL], more).await;
    let failing = send(&desk.api, Some("k"), 0).await;
    send(&desk.api, Some("k"), 1).await;
    send(&desk.api, Some("k"), 2).await;
    desk.delivery_that(&failing, "failed").await;
    wait_for_numbers(&receiver, "k", &[0, 0, 1, 2]).await;
    // Sent again by hand, it has no place in the line.
    let deliveries = desk.deliveries_of(&failing).await;
    let id = deliveries[0]["id"].as_str().expect("an id");
    desk.api
        .post_nothing(&format!("/v1/deliveries/{id}/redeliver"))
        .await
        .ok(202);
    wait_for_numbers(&receiver, "k", &[0, 0, 1, 2, 0, 0]).await;
}

#[tokio::test]
async fn a_key_that_is_stuck_holds_up_itself_alone() {
    let desk = Desk::open().await;
    let receiver = Receiver::deciding(|_, received| match received.json()["data"]["key"] == "stuck" {
        true => Act::Hang,
        false => Act::Status(200),
    })
    .await;
    desk.hook_with(&receiver, &[LABEL], json!({"ordering": "by_key"}))
        .await;
    for number in 0..3 {
        send(&desk.api, Some("stuck"), number).await;
    }
    let mut others = Vec::new();
    for number in 0..5 {
        others.push(send(&desk.api, Some("free"), number).await);
        others.push(send(&desk.api, None, number).await);
    }
    for id in &others {
        desk.delivery_that(id, "succeeded").await;
    }
    assert_eq!(by_key(&receiver.received())["stuck"], [0]);
    assert_in_order(&receiver.received());
}

#[tokio::test]
async fn an_endpoint_that_was_away_gets_the_line_as_it_stood() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(410), Act::Status(200)]).await;
    let hook = desk
        .hook_with(&receiver, &[LABEL], json!({"ordering": "by_key"}))
        .await;
    let gone = send(&desk.api, Some("k"), 0).await;
    desk.delivery_that(&gone, "failed").await;
    eventually("it is disabled", SOON, || async {
        desk.webhook(&hook).await["enabled"] == false
    })
    .await;
    let receiver_count = receiver.count();
    desk.api
        .patch(&hook.path(), &json!({"enabled": true}))
        .await
        .ok(200);
    let slow = Receiver::scripted(vec![Act::Status(500), Act::Status(200)]).await;
    desk.api
        .patch(&hook.path(), &json!({"url": slow.url()}))
        .await
        .ok(200);
    for number in 1..6 {
        send(&desk.api, Some("k"), number).await;
    }
    slow.wait_for(1).await;
    desk.api
        .patch(&hook.path(), &json!({"enabled": false}))
        .await
        .ok(200);
    a_moment().await;
    let before = slow.count();
    assert!(before < 5, "the line waits for the endpoint");
    desk.api
        .patch(&hook.path(), &json!({"enabled": true}))
        .await
        .ok(200);
    eventually("the line is done", SOON, || async {
        by_key(&slow.received())["k"].last() == Some(&5)
    })
    .await;
    assert_in_order(&slow.received());
    assert_eq!(receiver.count(), receiver_count);
}

#[tokio::test]
async fn two_instances_keep_one_line_and_one_of_them_is_killed() {
    let database = Cluster::shared().database().await;
    let retries = [("GATEWAY_WEBHOOKS__RETRY_BASE_SECONDS", "0.2")];
    let one = Gateway::start(&database.url(), &retries).await;
    let two = Gateway::start(&database.url(), &retries).await;
    let desk = Desk::at(&one, &database).await;
    let other = desk.seen_from(&two);
    eventually("both know the key", SOON, || async {
        other.get("/v1/whoami").await.status == 200
    })
    .await;
    let receiver = Receiver::deciding(|nth, _| match nth % 7 {
        3 => Act::Status(503),
        _ => Act::Status(200).after(Duration::from_millis(5)),
    })
    .await;
    let more = json!({"ordering": "by_key", "max_attempts": 50});
    let hook = desk.hook_with(&receiver, &[LABEL, "deal.lost"], more).await;
    eventually("both know the endpoint", SOON, || async {
        other.get(&hook.path()).await.status == 200
    })
    .await;
    // What the other accepts must find the endpoint in its memory too.
    until("the other delivers", SOON, || async {
        let body = json!({"type": "deal.lost", "data": {"key": null}});
        other.post("/v1/events", &body).await.ok(202);
        (receiver.count() > 0).then_some(())
    })
    .await;
    const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    for number in 0..40 {
        for (place, key) in KEYS.iter().enumerate() {
            let api = match (number + place) % 2 == 0 && number < 25 {
                true => &desk.api,
                false => &other,
            };
            send(api, Some(key), number).await;
        }
        if number == 24 {
            one.kill();
        }
    }
    eventually("all have arrived", LONG, || async {
        let arrived = by_key(&receiver.received());
        KEYS.iter()
            .all(|key| arrived.get(*key).is_some_and(|all| all.last() == Some(&39)))
    })
    .await;
    let received = receiver.received();
    assert_in_order(&received);
    for (key, numbers) in by_key(&received) {
        let distinct: BTreeSet<u64> = numbers.into_iter().collect();
        assert_eq!(distinct, (0..40).collect(), "{key}");
    }
}
