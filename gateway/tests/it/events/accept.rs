//! `POST /v1/events`: what is taken and what is refused.

use serde_json::{Value, json};

use stage::{Desk, Receiver, desk::text};

#[tokio::test]
async fn an_event_is_accepted_delivered_and_shown() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let accepted = desk
        .api
        .post("/v1/events", &json!({"type": "deal.won", "data": {"deal": 1}}))
        .await
        .ok(202);
    let id = text(&accepted, "id");
    let uuid = id.strip_prefix("evt_").expect("a prefix");
    assert!(uuid.len() == 36 && uuid.as_bytes()[14] == b'7', "UUIDv7: {id}");
    assert_eq!(accepted["type"], "deal.won");
    let accepted_at = text(&accepted, "accepted_at");
    assert_eq!(
        accepted.as_object().map(serde_json::Map::len),
        Some(3),
        "{accepted}"
    );

    let body = receiver.only().await.json();
    assert_eq!(
        body,
        json!({"id": id, "type": "deal.won", "timestamp": accepted_at, "data": {"deal": 1}})
    );
    let delivery = desk.delivery_that(&id, "succeeded").await;
    let shown = desk.api.get(&format!("/v1/events/{id}")).await.ok(200);
    assert_eq!(shown["accepted_at"], accepted["accepted_at"]);
    assert_eq!(shown["data"], json!({"deal": 1}));
    assert_eq!(
        shown["deliveries"],
        json!([{"id": delivery["id"], "webhook_id": hook.id, "status": "succeeded", "attempt_count": 1}])
    );
}

#[tokio::test]
async fn every_fault_is_named_at_once() {
    let desk = Desk::open().await;
    let post = async |body: Value| desk.api.post("/v1/events", &body).await;
    post(json!({})).await.refused_at(&["body.data", "body.type"]);
    let body = json!({"type": "deal.win", "data": [1], "id": "a b", "occurred_at": "2026-01-01T00:00:00", "dta": {}});
    post(body).await.refused_at(&[
        "body.data",
        "body.dta",
        "body.id",
        "body.occurred_at",
        "body.type",
    ]);
    for data in [json!(null), json!("x"), json!(1), json!([])] {
        post(json!({"type": "deal.won", "data": data}))
            .await
            .refused_at(&["body.data"]);
    }
    post(json!({"type": 1, "data": {}, "id": 1, "occurred_at": 1}))
        .await
        .refused_at(&["body.id", "body.occurred_at", "body.type"]);
    // Doubled keys outside data.
    let doubled = r#"{"type":"deal.won","type":"deal.lost","data":{}}"#;
    desk.api
        .post_text("/v1/events", doubled)
        .await
        .problem(400, "malformed_json");
    let doubled = r#"{"type":"deal.won","data":{},"data":{}}"#;
    desk.api
        .post_text("/v1/events", doubled)
        .await
        .problem(400, "malformed_json");
    let nul = r#"{"type":"deal.won\u0000","data":{}}"#;
    assert_eq!(desk.api.post_text("/v1/events", nul).await.status, 422);
    assert_eq!(
        desk.api.get("/v1/events").await.ok(200)["data"],
        json!([]),
        "nothing was taken"
    );
}

#[tokio::test]
async fn a_clients_id_has_1_to_128_of_its_letters() {
    let desk = Desk::open().await;
    let long = "x".repeat(128);
    for id in [
        "a",
        "A-Z_09",
        long.as_str(),
        "evt_0198c0de-0000-7000-8000-000000000001",
    ] {
        let body = json!({"type": "deal.won", "data": {}, "id": id});
        let accepted = desk.api.post("/v1/events", &body).await.ok(202);
        assert_eq!(accepted["id"], id);
        assert_eq!(desk.api.get(&format!("/v1/events/{id}")).await.ok(200)["id"], id);
    }
    let longer = "x".repeat(129);
    for id in ["", "batch", "a b", "a.b", "ü", "a/b", longer.as_str()] {
        let body = json!({"type": "deal.won", "data": {}, "id": id});
        desk.api.post("/v1/events", &body).await.refused_at(&["body.id"]);
    }
}

#[tokio::test]
async fn occurred_at_is_the_timestamp_that_receivers_get() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["*"]).await;
    let body = json!({"type": "deal.won", "data": {}, "occurred_at": "2020-02-29T23:59:59.9876+02:00"});
    let accepted = desk.api.post("/v1/events", &body).await.ok(202);
    let received = receiver.only().await.json();
    assert_eq!(received["timestamp"], "2020-02-29T21:59:59.987Z");
    let shown = desk
        .api
        .get(&format!("/v1/events/{}", text(&accepted, "id")))
        .await
        .ok(200);
    assert_eq!(shown["occurred_at"], "2020-02-29T21:59:59.987Z");
    assert_eq!(shown["accepted_at"], accepted["accepted_at"]);
    for bad in [
        "2020-02-30T00:00:00Z",
        "2020-02-29",
        "now",
        "2020-02-29 23:59:59",
        "",
    ] {
        let body = json!({"type": "deal.won", "data": {}, "occurred_at": bad});
        desk.api
            .post("/v1/events", &body)
            .await
            .refused_at(&["body.occurred_at"]);
    }
}

#[tokio::test]
async fn an_event_without_subscribers_is_kept() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.lost"]).await;
    let id = desk.send("deal.won", json!({"a": 1})).await;
    let wanted = desk.send("deal.lost", json!({"a": 2})).await;
    assert_eq!(receiver.only().await.json()["id"], wanted.as_str());
    let shown = desk.api.get(&format!("/v1/events/{id}")).await.ok(200);
    assert_eq!(shown["deliveries"], json!([]));
    let listed = desk.api.get("/v1/events").await.ok(200);
    assert_eq!(listed["data"][1]["id"], id.as_str());
}
