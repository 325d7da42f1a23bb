//! `Idempotency-Key`: the same request twice is done once.

use http::Method;
use serde_json::{Value, json};

use stage::{Api, Desk, Gateway, Pair, Receiver, Reply, desk::text};

async fn post(api: &Api, path: &str, key: &str, body: &Value) -> Reply {
    api.post_call(path, body)
        .header("idempotency-key", key)
        .send()
        .await
}

fn is_replay(reply: &Reply) -> bool {
    reply.header("idempotent-replayed") == Some("true")
}

#[tokio::test]
async fn the_same_key_and_body_get_the_first_reply() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    let body = json!({"type": "deal.won", "data": {"n": 1}});
    let first = post(&desk.api, "/v1/events", "k1", &body).await;
    first.ok(202);
    assert!(!is_replay(&first));
    let second = post(&desk.api, "/v1/events", "k1", &body).await;
    assert!(is_replay(&second));
    assert_eq!(second.ok(202), first.ok(202));
    let third = post(&desk.api, "/v1/events", "k2", &body).await;
    assert!(!is_replay(&third));
    assert_ne!(third.ok(202)["id"], first.ok(202)["id"]);
    receiver.wait_for(2).await;
    stage::desk::a_moment().await;
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn another_body_or_path_is_a_mismatch_byte_for_byte() {
    let desk = Desk::open().await;
    let body = json!({"name": "a.b", "description": "x"});
    post(&desk.api, "/v1/event-types", "k", &body).await.ok(201);
    let other = json!({"name": "a.c", "description": "x"});
    post(&desk.api, "/v1/event-types", "k", &other)
        .await
        .problem(422, "idempotency_mismatch");
    let spaced = desk
        .api
        .call(Method::POST, "/v1/event-types")
        .header("idempotency-key", "k");
    let spaced = spaced.body("application/json", format!("{body} "));
    spaced.send().await.problem(422, "idempotency_mismatch");
    post(
        &desk.api,
        "/v1/api-keys",
        "k",
        &json!({"name": "x", "scopes": ["crm:read"]}),
    )
    .await
    .problem(422, "idempotency_mismatch");
    // Another workspace's keys are its own.
    let theirs = Desk::open().await;
    assert!(!is_replay(
        &post(&theirs.api, "/v1/event-types", "k", &body).await
    ));
}

#[tokio::test]
async fn a_replay_holds_no_secret() {
    let desk = Desk::open().await;
    let body = json!({"name": "x", "scopes": ["crm:read"]});
    let first = post(&desk.api, "/v1/api-keys", "key", &body).await.ok(201);
    let replay = post(&desk.api, "/v1/api-keys", "key", &body).await;
    assert!(is_replay(&replay));
    let mut expected = first.clone();
    expected["key"] = json!(null);
    assert_eq!(replay.ok(201), expected);
    let path = format!("/v1/api-keys/{}/rotate", text(&first, "id"));
    let rotate = json!({"overlap_seconds": 60});
    let first = post(&desk.api, &path, "rotate", &rotate).await.ok(201);
    let replay = post(&desk.api, &path, "rotate", &rotate).await.ok(201);
    assert_eq!((&replay["key"], &replay["id"]), (&json!(null), &first["id"]));

    let hook = json!({"name": "x", "url": "http://127.0.0.1:9/", "events": ["deal.lost"]});
    let first = post(&desk.api, "/v1/webhooks", "hook", &hook).await.ok(201);
    let replay = post(&desk.api, "/v1/webhooks", "hook", &hook).await.ok(201);
    assert_eq!(
        (&replay["secret"], &replay["standard_secret"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(replay["id"], first["id"]);
    let path = format!("/v1/webhooks/{}/rotate-secret", text(&first, "id"));
    post(&desk.api, &path, "secret", &json!({})).await.ok(200);
    let replay = post(&desk.api, &path, "secret", &json!({})).await;
    assert!(is_replay(&replay));
    let replay = replay.ok(200);
    for (field, value) in replay.as_object().expect("an object") {
        assert!(!field.ends_with("secret") || value.is_null(), "{field}: {value}");
    }
    let (_, database) = Gateway::shared().await;
    let kept = database.dump("idempotency_replies").await;
    let hex: String = text(&first, "secret")
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(!kept.contains(&hex), "the table holds replies as bytes");
}

#[tokio::test]
async fn only_success_is_kept() {
    let desk = Desk::open().await;
    let wrong = json!({"name": "a", "description": "x"});
    post(&desk.api, "/v1/event-types", "k", &wrong)
        .await
        .refused_at(&["body.name"]);
    let again = post(&desk.api, "/v1/event-types", "k", &wrong).await;
    again.refused_at(&["body.name"]);
    assert!(!is_replay(&again));
    post(
        &desk.api,
        "/v1/event-types",
        "k",
        &json!({"name": "a.b", "description": "x"}),
    )
    .await
    .ok(201);
}

#[tokio::test]
async fn key_and_scope_come_first() {
    let desk = Desk::open().await;
    let body = json!({"name": "a.b", "description": "x"});
    post(&desk.api, "/v1/event-types", "k", &body).await.ok(201);
    let narrow = desk.with_scopes(&["events:read"]).await;
    post(&narrow, "/v1/event-types", "k", &body)
        .await
        .problem(403, "scope_missing");
    let mut nobody = desk.api.clone();
    nobody.key = None;
    post(&nobody, "/v1/event-types", "k", &body)
        .await
        .problem(401, "key_missing");
    // It holds for the workspace, not for one key.
    let colleague = desk.with_scopes(&["events:write"]).await;
    assert!(is_replay(&post(&colleague, "/v1/event-types", "k", &body).await));
}

#[tokio::test]
async fn a_key_has_1_to_255_characters_on_every_post() {
    let desk = Desk::open().await;
    let long = "x".repeat(255);
    post(
        &desk.api,
        "/v1/events",
        &long,
        &json!({"type": "deal.won", "data": {}}),
    )
    .await
    .ok(202);
    let longer = "x".repeat(256);
    for key in ["", longer.as_str()] {
        let reply = post(
            &desk.api,
            "/v1/events",
            key,
            &json!({"type": "deal.won", "data": {}}),
        )
        .await;
        reply.refused_at(&["header.idempotency-key"]);
    }
    // On others it means nothing.
    let get = desk
        .api
        .get_call("/v1/whoami")
        .header("idempotency-key", longer.as_str());
    get.send().await.ok(200);
}

#[tokio::test]
async fn every_kind_of_post_can_be_repeated() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let id = desk.send("deal.won", json!({})).await;
    let delivery = text(&desk.delivery_that(&id, "succeeded").await, "id");
    let key = desk.make_key(&json!({"name": "x", "scopes": ["crm:read"]})).await;
    let posts = [
        (hook.at("test"), json!({})),
        (hook.at("recover"), json!({"since": "2020-01-01T00:00:00Z"})),
        (format!("/v1/deliveries/{delivery}/redeliver"), json!({})),
        (format!("/v1/api-keys/{}/revoke", text(&key, "id")), json!({})),
    ];
    for (path, body) in posts {
        let first = post(&desk.api, &path, &path, &body).await;
        assert!(first.status < 300 && !is_replay(&first), "{path}");
        let again = post(&desk.api, &path, &path, &body).await;
        assert!(is_replay(&again), "{path}");
        assert_eq!(
            (again.status, again.json()),
            (first.status, first.json()),
            "{path}"
        );
    }
    // One event, one test, one redelivery.
    receiver.wait_for(3).await;
    stage::desk::a_moment().await;
    assert_eq!(receiver.count(), 3);
}

#[tokio::test]
async fn many_at_once_on_two_instances_do_it_once() {
    let pair = Pair::start(&[]).await;
    for round in 0..5 {
        let sending: Vec<_> = (0..20)
            .map(|nth| {
                let api = if nth % 2 == 0 {
                    pair.desk.api.clone()
                } else {
                    pair.other.clone()
                };
                tokio::spawn(async move {
                    let body = json!({"type": "deal.won", "data": {"round": round}});
                    post(&api, "/v1/events", &format!("round {round}"), &body).await
                })
            })
            .collect();
        let mut accepted = Vec::new();
        for task in sending {
            let reply = task.await.expect("a reply");
            match reply.status {
                202 => accepted.push((is_replay(&reply), reply.json())),
                _ => {
                    reply.problem(409, "idempotency_running");
                }
            }
        }
        assert!(!accepted.is_empty());
        assert_eq!(
            accepted.iter().filter(|(replayed, _)| !replayed).count(),
            1,
            "one is the first"
        );
        assert!(
            accepted.iter().all(|(_, body)| *body == accepted[0].1),
            "{accepted:?}"
        );
    }
    let database = &pair.database;
    database.expect_count("select count(*) from events", 5).await;
    database
        .expect_count("select count(*) from idempotency_replies", 5)
        .await;
}
