//! The order of checks: 401, unknown route 404, 405, 403, 429, 413, 415, 400, unknown id 404, 422.

use http::Method;
use serde_json::json;

use stage::{Api, Desk};

const NOWHERE: &str = "/v1/webhooks/wh_0198c0de-0000-7000-8000-000000000001";
const LARGE: usize = 256 * 1024 + 1;

fn large() -> String {
    format!("{{\"name\":\"{}\"}}", "x".repeat(LARGE))
}

#[tokio::test]
async fn no_key_comes_before_unknown_routes_and_methods() {
    let desk = Desk::open().await;
    let mut nobody = desk.api.clone();
    nobody.key = None;
    nobody.get("/v1/nothing").await.problem(401, "key_missing");
    nobody
        .call(Method::PUT, "/v1/webhooks")
        .send()
        .await
        .problem(401, "key_missing");
    nobody.get(NOWHERE).await.problem(401, "key_missing");
    let wrong = desk.api.with_key("sk_nonsense");
    wrong.get("/v1/nothing").await.problem(401, "key_invalid");
    // Outside the API nobody needs a key to learn that there is nothing.
    nobody.get("/nothing").await.problem(404, "not_found");
}

#[tokio::test]
async fn unknown_routes_and_methods_come_before_scopes() {
    let desk = Desk::open().await;
    let narrow = desk.with_scopes(&["crm:read"]).await;
    narrow.get("/v1/nothing").await.problem(404, "not_found");
    narrow.get("/v1").await.problem(404, "not_found");
    narrow.get("/v1/webhooks/").await.problem(404, "not_found");
    let reply = narrow.call(Method::PUT, "/v1/webhooks").send().await;
    reply.problem(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), Some("GET, HEAD, OPTIONS, POST"));
}

#[tokio::test]
async fn scopes_come_before_the_body() {
    let desk = Desk::open().await;
    let narrow = desk.with_scopes(&["crm:read"]).await;
    let calls = [
        narrow
            .call(Method::POST, "/v1/webhooks")
            .body("application/json", large()),
        narrow.call(Method::POST, "/v1/webhooks").body("text/plain", "x"),
        narrow
            .call(Method::POST, "/v1/webhooks")
            .body("application/json", "{"),
        narrow.call(Method::PATCH, NOWHERE).body("application/json", "{}"),
        narrow
            .call(Method::POST, "/v1/webhooks?nonsense=1")
            .body("application/json", "{}"),
    ];
    for call in calls {
        call.send().await.problem(403, "scope_missing");
    }
}

#[tokio::test]
async fn the_rate_comes_after_scopes_and_before_the_body() {
    let desk = Desk::open().await;
    let made = desk
        .make_key(&json!({"name": "slow", "scopes": ["webhooks:write"], "rate_limit_per_second": 1}))
        .await;
    let slow = desk.api.with_key(made["key"].as_str().expect("a key"));
    let is_limited = |api: Api| async move {
        let call = api.call(Method::POST, "/v1/webhooks").body("text/plain", large());
        call.send().await
    };
    // The first may pass; in the same second the next does not.
    let replies = [
        is_limited(slow.clone()).await,
        is_limited(slow.clone()).await,
        is_limited(slow.clone()).await,
    ];
    let limited = replies
        .iter()
        .find(|reply| reply.status == 429)
        .expect("one of three at once is too much");
    limited.problem(429, "rate_limited");
    slow.get("/v1/api-keys").await.problem(403, "scope_missing");
}

#[tokio::test]
async fn size_then_media_type_then_form_then_id_then_content() {
    let desk = Desk::open().await;
    let api = &desk.api;
    let patch =
        |media_type: &str, body: String| api.call(Method::PATCH, NOWHERE).body(media_type, body).send();
    patch("text/plain", large()).await.problem(413, "too_large");
    patch("text/plain", "{".into())
        .await
        .problem(415, "media_type_unsupported");
    patch("application/json", "{".into())
        .await
        .problem(400, "malformed_json");
    patch("application/json", "{\"nonsense\":1}".into())
        .await
        .problem(404, "not_found");
    api.get(&format!("{NOWHERE}?nonsense=1"))
        .await
        .problem(404, "not_found");
    api.get(&format!("{NOWHERE}/deliveries?limit=0"))
        .await
        .problem(404, "not_found");
    api.post_text(&format!("{NOWHERE}/test"), "{\"nonsense\":1}")
        .await
        .problem(404, "not_found");
    api.post_text(&format!("{NOWHERE}/recover"), "{")
        .await
        .problem(400, "malformed_json");
}

#[tokio::test]
async fn ids_that_are_not_well_formed_are_not_found() {
    let desk = Desk::open().await;
    for id in [
        "x",
        "wh_",
        "wh_0198c0de",
        "key_0198c0de-0000-7000-8000-000000000001",
        "wh_0198C0DE-0000-7000-8000-000000000001",
    ] {
        desk.api
            .get(&format!("/v1/webhooks/{id}"))
            .await
            .problem(404, "not_found");
        desk.api
            .delete(&format!("/v1/webhooks/{id}"))
            .await
            .problem(404, "not_found");
    }
    for path in [
        "/v1/api-keys/x",
        "/v1/deliveries/x",
        "/v1/events/!",
        "/v1/events/evt_x",
    ] {
        desk.api.get(path).await.problem(404, "not_found");
    }
}
