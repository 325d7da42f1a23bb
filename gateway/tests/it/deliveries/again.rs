//! `POST /v1/deliveries/redeliver`, and what narrows a recovery.

use serde_json::{Value, json};

use stage::{Act, Desk, Hook, Receiver, SOON, eventually};

/// An endpoint that answers what each event says; what was sent has ended.
async fn scene(desk: &Desk) -> (Receiver, Hook) {
    let receiver = Receiver::deciding(|_, received| {
        let answer = received.json()["data"]["answer"].as_u64().unwrap_or(200);
        Act::Status(u16::try_from(answer).expect("a status"))
    })
    .await;
    let types = ["deal.won", "deal.lost"];
    let hook = desk
        .hook_with(&receiver, &types, json!({"max_attempts": 1}))
        .await;
    for (label, answer) in [
        ("deal.won", 200),
        ("deal.won", 503),
        ("deal.won", 500),
        ("deal.lost", 503),
    ] {
        desk.send(label, json!({"answer": answer})).await;
    }
    ended(desk, 4).await;
    (receiver, hook)
}

async fn ended(desk: &Desk, count: usize) {
    eventually("all have ended", SOON, || async {
        let found = desk
            .api
            .get("/v1/deliveries?status=succeeded,failed")
            .await
            .ok(200);
        found["data"].as_array().expect("data").len() == count
    })
    .await;
}

async fn audited(desk: &Desk, action: &str) -> usize {
    let trail = desk.api.get(&format!("/v1/audit?action={action}")).await.ok(200);
    trail["data"].as_array().expect("entries").len()
}

async fn redeliver(desk: &Desk, body: Value, status: u16) -> Value {
    let reply = desk.api.post("/v1/deliveries/redeliver", &body).await.ok(status);
    reply["count"].clone()
}

#[tokio::test]
async fn all_that_match_and_have_ended_are_sent_again() {
    let desk = Desk::open().await;
    let (receiver, hook) = scene(&desk).await;
    for (filter, count) in [
        (json!({}), 4),
        (json!({"status": "failed"}), 3),
        (json!({"status": "failed,succeeded", "type": "deal.won"}), 3),
        (json!({"status": "pending"}), 0),
        (json!({"status_code": 503}), 2),
        (json!({"status_code": 200}), 1),
        (json!({"error_code": "http_status", "type": "deal.lost"}), 1),
        (json!({"webhook_id": hook.id}), 4),
        (
            json!({"webhook_id": "wh_0198c0de-0000-7000-8000-000000000001"}),
            0,
        ),
        (json!({"event_id": "never-sent"}), 0),
        (json!({"until": "2020-01-01T00:00:00Z"}), 0),
    ] {
        let mut body = filter.clone();
        body["dry_run"] = json!(true);
        assert_eq!(redeliver(&desk, body, 200).await, count, "{filter}");
    }
    assert_eq!(receiver.count(), 4, "a dry run sends nothing");
    assert_eq!(audited(&desk, "delivery.redelivered").await, 0);
    assert_eq!(redeliver(&desk, json!({"status_code": 503}), 202).await, 2);
    ended(&desk, 6).await;
    assert_eq!(receiver.count(), 6);
    assert_eq!(audited(&desk, "delivery.redelivered").await, 1);
    // Unlike a recovery it minds no earlier copy.
    assert_eq!(redeliver(&desk, json!({"status_code": 503}), 202).await, 4);
    let event = desk.api.get("/v1/deliveries?status_code=200").await.ok(200);
    let one = json!({"event_id": event["data"][0]["event_id"]});
    assert_eq!(redeliver(&desk, one, 202).await, 1);
    ended(&desk, 11).await;
}

#[tokio::test]
async fn its_body_is_checked_like_the_lists_parameters() {
    let desk = Desk::open().await;
    for (body, place) in [
        (json!({"status": "lost"}), "body.status"),
        (json!({"status": 1}), "body.status"),
        (json!({"type": "Deal!"}), "body.type"),
        (json!({"webhook_id": "wh_1"}), "body.webhook_id"),
        (json!({"event_id": "a b"}), "body.event_id"),
        (json!({"status_code": 99}), "body.status_code"),
        (json!({"error_code": "http_503"}), "body.error_code"),
        (json!({"dry_run": "yes"}), "body.dry_run"),
        (
            json!({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}),
            "body.until",
        ),
        (json!({"colour": "red"}), "body.colour"),
        (json!([]), "body"),
    ] {
        desk.api
            .post("/v1/deliveries/redeliver", &body)
            .await
            .refused_at(&[place]);
    }
    let reader = desk.with_scopes(&["webhooks:read"]).await;
    let reply = reader
        .post("/v1/deliveries/redeliver", &json!({"dry_run": true}))
        .await;
    reply.problem(403, "scope_missing");
}

#[tokio::test]
async fn a_repeat_under_the_same_key_sends_nothing_more() {
    let desk = Desk::open().await;
    let (receiver, _hook) = scene(&desk).await;
    for _ in 0..2 {
        let body = json!({"status": "succeeded"});
        let call = desk.api.post_call("/v1/deliveries/redeliver", &body);
        let reply = call.header("idempotency-key", "once").send().await.ok(202);
        assert_eq!(reply["count"], 1);
    }
    ended(&desk, 5).await;
    assert_eq!(receiver.count(), 5);
}

#[tokio::test]
async fn what_a_deleted_endpoint_got_stays_where_it_is() {
    let desk = Desk::open().await;
    let (_receiver, hook) = scene(&desk).await;
    desk.api.delete(&hook.path()).await.no_content();
    assert_eq!(redeliver(&desk, json!({"dry_run": true}), 200).await, 0);
    assert_eq!(redeliver(&desk, json!({}), 202).await, 0);
}

#[tokio::test]
async fn a_recovery_is_narrowed_and_counted_first() {
    let desk = Desk::open().await;
    let (_receiver, hook) = scene(&desk).await;
    let all = json!({"since": "2020-01-01T00:00:00Z"});
    let count = async |more: Value, status: u16| {
        let mut body = all.clone();
        for (name, value) in more.as_object().expect("fields") {
            body[name] = value.clone();
        }
        desk.api.post(&hook.at("recover"), &body).await.ok(status)["count"].clone()
    };
    for (more, expected) in [
        (json!({}), 3),
        (json!({"type": "deal.won"}), 2),
        (json!({"status_code": 503}), 2),
        (json!({"status_code": 503, "type": "deal.lost"}), 1),
        (json!({"error_code": "http_status"}), 3),
        (json!({"error_code": "timeout"}), 0),
        (json!({"status_code": 200}), 0),
    ] {
        let mut dry = more.clone();
        dry["dry_run"] = json!(true);
        assert_eq!(count(dry, 200).await, expected, "{more}");
    }
    assert_eq!(audited(&desk, "webhook.recovered").await, 0);
    assert_eq!(count(json!({"status_code": 503}), 202).await, 2);
    assert_eq!(audited(&desk, "webhook.recovered").await, 1);
    ended(&desk, 6).await;
    // The two that failed again, and the one that was not asked for.
    assert_eq!(count(json!({"dry_run": true}), 200).await, 3);
    for (body, place) in [
        (
            json!({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}),
            "body.until",
        ),
        (
            json!({"since": "2026-01-02T00:00:00Z", "error_code": "x"}),
            "body.error_code",
        ),
        (
            json!({"since": "2026-01-02T00:00:00Z", "dry_run": 1}),
            "body.dry_run",
        ),
    ] {
        desk.api
            .post(&hook.at("recover"), &body)
            .await
            .refused_at(&[place]);
    }
}
