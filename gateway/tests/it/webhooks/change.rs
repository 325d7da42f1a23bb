//! PATCH and DELETE.

use serde_json::{Value, json};

use stage::{Act, Desk, Receiver, desk::a_moment, desk::text, until};

#[tokio::test]
async fn any_field_changes_and_the_rest_stays() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk
        .hook_with(
            &receiver,
            &["deal.won"],
            json!({"description": "old", "max_attempts": 3}),
        )
        .await;
    let before = desk.webhook(&hook).await;
    let changed = desk
        .api
        .patch(
            &hook.path(),
            &json!({"name": "new", "description": null, "timeout_seconds": 7}),
        )
        .await
        .ok(200);
    let mut expected = before.clone();
    expected["name"] = json!("new");
    expected["description"] = json!(null);
    expected["timeout_seconds"] = json!(7);
    expected["updated_at"] = changed["updated_at"].clone();
    assert_eq!(changed, expected);
    assert!(text(&changed, "updated_at") >= text(&before, "updated_at"));
    assert_eq!(desk.webhook(&hook).await, changed);
    let nothing = desk.api.patch(&hook.path(), &json!({})).await.ok(200);
    assert_eq!(nothing, changed, "what changes nothing changes nothing");
}

#[tokio::test]
async fn faults_change_nothing() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let before = desk.webhook(&hook).await;
    let patch = async |body: Value| desk.api.patch(&hook.path(), &body).await;
    patch(json!({"name": "x", "events": []}))
        .await
        .refused_at(&["body.events"]);
    patch(json!({"name": null, "url": null, "events": null, "enabled": null}))
        .await
        .refused_at(&["body.enabled", "body.events", "body.name", "body.url"]);
    patch(json!({"name": "x", "secret": "y", "health": "healthy"}))
        .await
        .refused_at(&["body.health", "body.secret"]);
    let places = patch(json!({"url": "ftp://x"})).await.faults("url_invalid");
    assert_eq!(places, ["body.url"]);
    let places = patch(json!({"url": "http://10.0.0.1/"}))
        .await
        .faults("url_forbidden_address");
    assert_eq!(places, ["body.url"]);
    assert_eq!(desk.webhook(&hook).await, before);
}

#[tokio::test]
async fn new_types_hold_at_once() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    desk.api
        .patch(&hook.path(), &json!({"events": ["deal.lost"]}))
        .await
        .ok(200);
    desk.send("deal.won", json!({})).await;
    let lost = desk.send("deal.lost", json!({})).await;
    assert_eq!(receiver.only().await.header("webhook-id"), lost);
    desk.api
        .patch(&hook.path(), &json!({"events": ["*"]}))
        .await
        .ok(200);
    desk.send("ticket.created", json!({})).await;
    receiver.wait_for(2).await;
}

#[tokio::test]
async fn a_retry_goes_to_the_present_url() {
    let desk = Desk::open().await;
    let (old, new) = (
        Receiver::scripted(vec![Act::Status(500)]).await,
        Receiver::start().await,
    );
    let hook = desk
        .hook_with(&old, &["deal.won"], json!({"max_attempts": 50}))
        .await;
    let id = desk.send("deal.won", json!({})).await;
    old.wait_for(1).await;
    desk.api
        .patch(&hook.path(), &json!({"url": new.url()}))
        .await
        .ok(200);
    let delivery = desk.delivery_that(&id, "succeeded").await;
    let received = new.only().await;
    let attempts = delivery["attempts"].as_array().expect("attempts").len();
    assert_eq!(received.header("x-sentinel-attempt"), attempts.to_string());
}

#[tokio::test]
async fn deleting_drops_pending_deliveries_and_keeps_the_log() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(200), Act::Status(500)]).await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"max_attempts": 50}))
        .await;
    let done = desk.send("deal.won", json!({"n": 1})).await;
    let done = text(&desk.delivery_that(&done, "succeeded").await, "id");
    let waiting = desk.send("deal.won", json!({"n": 2})).await;
    let pending = desk
        .delivery_when(&waiting, |delivery| delivery["attempt_count"].as_u64() > Some(0))
        .await;
    desk.api.delete(&hook.path()).await.no_content();
    desk.api.get(&hook.path()).await.problem(404, "not_found");
    desk.api
        .get(&hook.at("deliveries"))
        .await
        .problem(404, "not_found");
    // An attempt that was under way may still arrive.
    a_moment().await;
    let count = receiver.count();
    a_moment().await;
    a_moment().await;
    assert_eq!(receiver.count(), count, "no more attempts");
    assert_eq!(desk.delivery(&done).await["status"], "succeeded");
    let dropped = until("the pending delivery has ended", stage::SOON, || async {
        let shown = desk.delivery(&text(&pending, "id")).await;
        (shown["status"] != "pending").then_some(shown)
    })
    .await;
    assert_eq!(dropped["status"], "failed");
    assert_eq!(dropped["next_attempt_at"], json!(null));
    desk.api
        .post_nothing(&format!("/v1/deliveries/{done}/redeliver"))
        .await
        .problem(404, "not_found");
    desk.send("deal.won", json!({"n": 3})).await;
    a_moment().await;
    assert_eq!(receiver.count(), count, "no new deliveries");
}
