//! `POST /v1/api-keys/{id}/rotate`: a new key in an old one's place.

use serde_json::{Value, json};

use stage::{Desk, desk::text};

async fn rotate(desk: &Desk, key: &Value, body: Value) -> stage::Reply {
    desk.api
        .post(&format!("/v1/api-keys/{}/rotate", text(key, "id")), &body)
        .await
}

#[tokio::test]
async fn the_new_key_inherits_and_the_old_one_lives_for_the_overlap() {
    let desk = Desk::open().await;
    let old = desk
        .make_key(&json!({"name": "svc", "scopes": ["crm:read", "events:read"], "expires_at": "2999-01-01T00:00:00Z",
                          "ip_allowlist": ["127.0.0.1"], "rate_limit_per_second": 500}))
        .await;
    let reply = rotate(&desk, &old, json!({"overlap_seconds": 3600})).await;
    let new = reply.ok(201);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    for field in [
        "name",
        "scopes",
        "expires_at",
        "ip_allowlist",
        "rate_limit_per_second",
    ] {
        assert_eq!(new[field], old[field], "{field}");
    }
    assert_eq!(new["rotated_from"], old["id"]);
    assert_ne!(new["id"], old["id"]);
    assert_ne!(new["key"], old["key"]);
    for key in [&old, &new] {
        desk.whoami(key).await.ok(200);
    }
    let shown = desk
        .api
        .get(&format!("/v1/api-keys/{}", text(&old, "id")))
        .await
        .ok(200);
    let end: jiff::Timestamp = text(&shown, "expires_at").parse().expect("a time");
    let left = end.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((3500..=3600).contains(&left), "{left}");
}

#[tokio::test]
async fn without_overlap_the_old_key_ends_at_once() {
    let desk = Desk::open().await;
    let old = desk
        .make_key(&json!({"name": "svc", "scopes": ["crm:read"]}))
        .await;
    let new = rotate(&desk, &old, json!({"overlap_seconds": 0})).await.ok(201);
    desk.whoami(&old).await.problem(401, "key_expired");
    desk.whoami(&new).await.ok(200);
    rotate(&desk, &old, json!({"overlap_seconds": 0}))
        .await
        .problem(409, "key_ended");
}

#[tokio::test]
async fn the_overlap_never_prolongs_a_life() {
    let desk = Desk::open().await;
    let soon = (jiff::Timestamp::now() + std::time::Duration::from_secs(60)).to_string();
    let old = desk
        .make_key(&json!({"name": "svc", "scopes": ["crm:read"], "expires_at": soon}))
        .await;
    rotate(&desk, &old, json!({"overlap_seconds": 604800}))
        .await
        .ok(201);
    let shown = desk
        .api
        .get(&format!("/v1/api-keys/{}", text(&old, "id")))
        .await
        .ok(200);
    assert_eq!(shown["expires_at"], old["expires_at"]);
}

#[tokio::test]
async fn the_overlap_is_required_and_at_most_a_week() {
    let desk = Desk::open().await;
    let old = desk
        .make_key(&json!({"name": "svc", "scopes": ["crm:read"]}))
        .await;
    for body in [
        json!({}),
        json!({"overlap_seconds": 604801}),
        json!({"overlap_seconds": -1}),
        json!({"overlap_seconds": 1.5}),
        json!({"overlap_seconds": "1"}),
        json!({"overlap_seconds": null}),
    ] {
        rotate(&desk, &old, body)
            .await
            .refused_at(&["body.overlap_seconds"]);
    }
    rotate(&desk, &old, json!({"overlap_seconds": 604800, "x": 1}))
        .await
        .refused_at(&["body.x"]);
    desk.api
        .post_nothing(&format!("/v1/api-keys/{}/rotate", text(&old, "id")))
        .await
        .problem(415, "media_type_unsupported");
    desk.whoami(&old).await.ok(200);
}

#[tokio::test]
async fn a_dead_key_is_not_rotated_and_scopes_must_be_held() {
    let desk = Desk::open().await;
    let old = desk
        .make_key(&json!({"name": "svc", "scopes": ["crm:read", "audit:read"]}))
        .await;
    let path = format!("/v1/api-keys/{}", text(&old, "id"));
    let narrow = desk.with_scopes(&["keys:write", "crm:read"]).await;
    let reply = narrow
        .post(&format!("{path}/rotate"), &json!({"overlap_seconds": 1}))
        .await;
    let problem = reply.problem(403, "scope_missing");
    assert!(text(&problem, "detail").contains("audit:read"), "{problem}");
    desk.api.post_nothing(&format!("{path}/revoke")).await.ok(200);
    rotate(&desk, &old, json!({"overlap_seconds": 1}))
        .await
        .problem(409, "key_ended");
}
