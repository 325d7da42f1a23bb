//! `filter`: which events an endpoint gets, by their data.

use serde_json::{Value, json};

use stage::desk::{Desk, a_moment, text};
use stage::{Gateway, Receiver, SOON, eventually};

async fn set_filter(desk: &Desk, path: &str, filter: Value) -> Value {
    desk.api.patch(path, &json!({"filter": filter})).await.ok(200)
}

#[tokio::test]
async fn an_event_that_does_not_match_makes_no_delivery() {
    let desk = Desk::open().await;
    let (won, vip, every) = (
        Receiver::start().await,
        Receiver::start().await,
        Receiver::start().await,
    );
    let filter = json!({"deal.stage": {"in": ["won", "lost"]}});
    let hook = desk
        .hook_with(&won, &["deal.won"], json!({"filter": filter}))
        .await;
    assert_eq!(desk.webhook(&hook).await["filter"], filter);
    let filter =
        json!({"any_of": [{"customer.email": {"prefix": "vip"}}, {"customer.phone": {"exists": true}}]});
    desk.hook_with(&vip, &["*"], json!({"filter": filter})).await;
    let all = desk.hook(&every, &["deal.won"]).await;
    assert_eq!(desk.webhook(&all).await["filter"], json!(null));

    let unwanted = desk.send("deal.won", json!({"deal": {"stage": "new"}})).await;
    let wanted = desk
        .send(
            "deal.won",
            json!({"deal": {"stage": "won"}, "customer": {"email": "vip@x"}}),
        )
        .await;
    every.wait_for(2).await;
    assert_eq!(won.only().await.header("webhook-id"), wanted);
    assert_eq!(vip.only().await.header("webhook-id"), wanted);
    assert_eq!(desk.deliveries_of(&wanted).await.len(), 3);
    let only = desk.delivery_that(&unwanted, "succeeded").await;
    assert_eq!(text(&only, "webhook_id"), all.id);
    desk.api.delete(&all.path()).await.no_content();
    let nobody = desk.send("deal.won", json!({"deal": {"stage": "new"}})).await;
    a_moment().await;
    assert_eq!(desk.deliveries_of(&nobody).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_filter_changes_at_once_and_null_clears_it() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"filter": {"n": 1}}))
        .await;
    let text = r#"{"filter": {"n": {"in": [2.50, 12345678901234567890123, 1e300]}}}"#;
    let call = desk.api.call(http::Method::PATCH, &hook.path());
    let reply = call.body("application/json", text.to_owned()).send().await;
    let exact = r#""filter":{"n":{"in":[2.50,12345678901234567890123,1e300]}}"#;
    assert!(reply.text().contains(exact), "{}", reply.text());
    for data in [r#"{"n":1}"#, r#"{"n":12345678901234567890124}"#] {
        let body = format!(r#"{{"type":"deal.won","data":{data}}}"#);
        desk.api.post_text("/v1/events", &body).await.ok(202);
    }
    for (count, data) in [(1, r#"{"n":25e-1}"#), (2, r#"{"n":12345678901234567890123.0}"#)] {
        let body = format!(r#"{{"type":"deal.won","data":{data}}}"#);
        desk.api.post_text("/v1/events", &body).await.ok(202);
        receiver.wait_for(count).await;
    }
    assert_eq!(
        set_filter(&desk, &hook.path(), json!(null)).await["filter"],
        json!(null)
    );
    desk.send("deal.won", json!({"n": 7})).await;
    assert_eq!(receiver.wait_for(3).await.len(), 3);
    // Absent leaves it, and the trail tells of every change.
    set_filter(&desk, &hook.path(), json!({"n": 3})).await;
    let renamed = desk
        .api
        .patch(&hook.path(), &json!({"name": "other"}))
        .await
        .ok(200);
    assert_eq!(renamed["filter"], json!({"n": 3}));
    let trail = desk.api.get("/v1/audit?action=webhook.updated").await;
    assert!(
        trail
            .text()
            .contains(r#""changes":{"filter":[{"n":{"in":[2.50,12345678901234567890123,1e300]}},null]}"#)
    );
    let changes: Vec<Value> = trail.json()["data"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| entry["changes"].clone())
        .collect();
    assert_eq!(changes[0], json!({"name": ["hook", "other"]}));
    assert_eq!(changes[1], json!({"filter": [null, {"n": 3}]}));
}

#[tokio::test]
async fn faults_name_the_place() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let levels = json!({"not": {"not": {"not": {"not": {"not": {"a": 1}}}}}});
    let fields: serde_json::Map<_, _> = (0..51).map(|nth| (format!("f{nth}"), json!(1))).collect();
    for (filter, places) in [
        (json!("won"), &["body.filter"][..]),
        (json!({}), &["body.filter"]),
        (json!({"deal.stage": ["won"]}), &["body.filter.deal.stage"]),
        (
            json!({"deal.stage": {"is": "won"}}),
            &["body.filter.deal.stage.is"],
        ),
        (
            json!({"a": {"in": []}, "b": {"prefix": 1}, "c": {"exists": null}}),
            &["body.filter.a.in", "body.filter.b.prefix", "body.filter.c.exists"],
        ),
        (json!({"any_of": [{"a": 1}, {}]}), &["body.filter.any_of[1]"]),
        (levels, &["body.filter.not.not.not.not.not"]),
        (json!(fields), &["body.filter"]),
        (json!({"a": "x".repeat(1_001)}), &["body.filter.a"]),
        (json!({"a": "\0"}), &["body.filter.a"]),
    ] {
        let patched = desk.api.patch(&hook.path(), &json!({"filter": filter})).await;
        patched.refused_at(places);
        let body = json!({"name": "x", "url": receiver.url(), "events": ["*"], "filter": filter});
        desk.api.post("/v1/webhooks", &body).await.refused_at(places);
    }
    assert_eq!(desk.webhook(&hook).await["filter"], json!(null));
}

#[tokio::test]
async fn the_gateways_own_events_pass_it_and_tests_do_not_need_to() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let filter = json!({"record.job_title": "CTO", "object": "contact"});
    let hook = desk
        .hook_with(&receiver, &["contact.created"], json!({"filter": filter}))
        .await;
    for (name, title) in [("Ada", "CTO"), ("Bob", "Cook")] {
        let body = json!({"first_name": name, "job_title": title});
        desk.api.post("/v1/crm/contacts", &body).await.ok(201);
    }
    assert_eq!(
        receiver.only().await.json()["data"]["record"]["first_name"],
        "Ada"
    );
    let started = desk.api.post_nothing(&hook.at("test")).await.ok(202);
    desk.wait_for_delivery(&text(&started, "delivery_id"), "succeeded")
        .await;
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn a_successor_uses_the_same_filter() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::start().await;
    desk.hook_with(&receiver, &["deal.won"], json!({"filter": {"wanted": true}}))
        .await;
    // Killed again and again in the middle of it, so that some events are dispatched by a successor.
    let mut current = gateway;
    let mut wanted = Vec::new();
    for round in 0..3 {
        let api = desk.seen_from(&current);
        for nth in 0..20 {
            let data = json!({"round": round, "nth": nth, "wanted": nth % 2 == 0});
            let sent = api
                .post("/v1/events", &json!({"type": "deal.won", "data": data}))
                .await;
            if nth % 2 == 0 {
                wanted.push(text(&sent.ok(202), "id"));
            }
        }
        current.kill();
        current = Gateway::start(&database.url(), &[]).await;
    }
    eventually("all that is wanted arrives", SOON, || async {
        let received = receiver.received();
        wanted
            .iter()
            .all(|id| received.iter().any(|one| one.header("webhook-id") == id))
    })
    .await;
    a_moment().await;
    for one in receiver.received() {
        assert_eq!(one.json()["data"]["wanted"], true);
    }
    database.expect_count("select count(*) from deliveries d join events e on e.id = d.event_id where e.data like '%false%'", 0).await;
}

#[tokio::test]
async fn filtered_events_are_counted() {
    let (gateway, _database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::start().await;
    desk.hook_with(&receiver, &["deal.won"], json!({"filter": {"n": 1}}))
        .await;
    for n in [1, 2, 3] {
        desk.send("deal.won", json!({"n": n})).await;
    }
    receiver.only().await;
    let filtered = gateway.metric("gateway_deliveries_filtered_total").await;
    assert_eq!(filtered, Some(2.0));
}
