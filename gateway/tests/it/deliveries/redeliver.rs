//! Sending again: one delivery by hand, or everything that failed.

use serde_json::{Value, json};

use stage::{Act, Desk, Hook, Receiver, desk::a_moment, desk::text};

#[tokio::test]
async fn a_redelivery_is_a_new_delivery_of_the_same_bytes() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    let id = desk.send("deal.won", json!({"n": 1})).await;
    let old = desk.delivery_that(&id, "succeeded").await;
    let path = format!("/v1/deliveries/{}/redeliver", text(&old, "id"));
    let started = desk.api.post_nothing(&path).await.ok(202);
    let new = desk
        .wait_for_delivery(&text(&started, "delivery_id"), "succeeded")
        .await;
    assert_eq!(new["redelivery_of"], old["id"]);
    assert_eq!(new["event_id"], old["event_id"]);
    assert_eq!(new["request_body"], old["request_body"]);
    assert_eq!(new["test"], false);
    let received = receiver.wait_for(2).await;
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(received[1].header("webhook-id"), id);
    assert_eq!(received[1].header("x-sentinel-attempt"), "1");
    assert_eq!(received[1].header("x-sentinel-delivery"), text(&new, "id"));
    assert_eq!(desk.deliveries_of(&id).await.len(), 2);
    let unknown = "/v1/deliveries/dlv_0198c0de-0000-7000-8000-000000000001/redeliver";
    desk.api.post_nothing(unknown).await.problem(404, "not_found");
    let other = Desk::open().await;
    other.api.post_nothing(&path).await.problem(404, "not_found");
    other
        .api
        .get(&format!("/v1/deliveries/{}", text(&old, "id")))
        .await
        .problem(404, "not_found");
}

async fn recover(desk: &Desk, hook: &Hook, body: Value) -> Value {
    desk.api.post(&hook.at("recover"), &body).await.ok(202)["count"].clone()
}

#[tokio::test]
async fn recovery_sends_what_failed_once() {
    let desk = Desk::open().await;
    // Fails for as long as the body holds a 1.
    let receiver = Receiver::scripted(vec![
        Act::Status(500),
        Act::Status(500),
        Act::Status(500),
        Act::Status(200),
    ])
    .await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"max_attempts": 1}))
        .await;
    let start = jiff::Timestamp::now().to_string();
    let mut failed = Vec::new();
    for nth in 0..3 {
        let id = desk.send("deal.won", json!({"n": nth})).await;
        desk.delivery_that(&id, "failed").await;
        failed.push(id);
    }
    let good = desk.send("deal.won", json!({"n": 3})).await;
    desk.delivery_that(&good, "succeeded").await;
    // `until` is exclusive.
    let first = desk.delivery_that(&failed[0], "failed").await;
    let until = text(&first, "created_at");
    assert_eq!(
        recover(
            &desk,
            &hook,
            json!({"since": "2020-01-01T00:00:00Z", "until": until})
        )
        .await,
        0
    );
    assert_eq!(
        recover(&desk, &hook, json!({"since": "2999-01-01T00:00:00Z"})).await,
        0
    );
    assert_eq!(recover(&desk, &hook, json!({"since": start})).await, 3);
    let received = receiver.wait_for(7).await;
    let again: Vec<String> = received[4..]
        .iter()
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    for id in &failed {
        assert!(again.contains(id), "{id} is not in {again:?}");
    }
    assert_eq!(
        recover(&desk, &hook, json!({"since": start})).await,
        0,
        "recovered ones are left out"
    );
    a_moment().await;
    assert_eq!(receiver.count(), 7);
}

#[tokio::test]
async fn a_test_that_failed_is_recovered_like_all_else() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(500), Act::Status(200)]).await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"max_attempts": 1}))
        .await;
    let started = desk.api.post_nothing(&hook.at("test")).await.ok(202);
    let old = desk
        .wait_for_delivery(&text(&started, "delivery_id"), "failed")
        .await;
    let since = json!({"since": "2020-01-01T00:00:00Z"});
    assert_eq!(recover(&desk, &hook, since.clone()).await, 1);
    let received = receiver.wait_for(2).await;
    assert_eq!(received[0].body, received[1].body);
    let new = received[1].header("x-sentinel-delivery").to_owned();
    let new = desk.wait_for_delivery(&new, "succeeded").await;
    assert_eq!(
        (&new["test"], &new["redelivery_of"], &new["request_body"]),
        (&json!(true), &old["id"], &old["request_body"])
    );
    assert_eq!(recover(&desk, &hook, since).await, 0);
}

#[tokio::test]
async fn recovery_needs_a_beginning() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    desk.api
        .post(&hook.at("recover"), &json!({}))
        .await
        .refused_at(&["body.since"]);
    let body = json!({"since": "2020-01-01", "until": 7, "x": 1});
    desk.api
        .post(&hook.at("recover"), &body)
        .await
        .refused_at(&["body.since", "body.until", "body.x"]);
    for until in ["2020-01-01T00:00:00Z", "2020-01-01T00:59:59+01:00"] {
        let body = json!({"since": "2020-01-01T00:00:00Z", "until": until, "x": 1});
        desk.api
            .post(&hook.at("recover"), &body)
            .await
            .refused_at(&["body.until", "body.x"]);
    }
}

#[tokio::test]
async fn a_failed_recovery_can_be_recovered() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(500), Act::Status(500), Act::Status(200)]).await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"max_attempts": 1}))
        .await;
    let id = desk.send("deal.won", json!({})).await;
    desk.delivery_that(&id, "failed").await;
    let since = json!({"since": "2020-01-01T00:00:00Z"});
    assert_eq!(recover(&desk, &hook, since.clone()).await, 1);
    receiver.wait_for(2).await;
    stage::eventually("the recovery failed", stage::SOON, || async {
        desk.deliveries_of(&id)
            .await
            .iter()
            .all(|delivery| delivery["status"] == "failed")
    })
    .await;
    assert_eq!(
        recover(&desk, &hook, since).await,
        1,
        "the failed recovery, not what it recovered"
    );
    receiver.wait_for(3).await;
}
