//! Bodies that are not the JSON that the API takes.

use http::Method;
use serde_json::json;

use stage::{Desk, desk::text};

const HOOKS: &str = "/v1/webhooks";

#[tokio::test]
async fn invalid_json_is_400() {
    let desk = Desk::open().await;
    let post = |body: &[u8]| {
        desk.api
            .call(Method::POST, HOOKS)
            .body("application/json", body.to_vec())
            .send()
    };
    for body in [
        &b""[..],
        b"   ",
        b"{",
        b"{\"name\":}",
        b"{\"name\":\"x\"",
        b"{\"name\":\"x\"}}",
        b"{\"name\":\"x\"} {}",
        b"{'name':'x'}",
        b"{\"name\":01}",
        b"{\"name\":NaN}",
        b"{\"name\":\"a\nb\"}",
        b"nothing",
        b"{\"name\":\"\xff\"}",
        b"{\"name\":\"\xed\xa0\x80\"}",
        b"\xff\xfe{\x00",
        b"{\"name\":\"\\ud800\"}",
        b"{\"name\":\"\\udc00\\ud800\"}",
        b"{\"name\":\"\\ud800x\"}",
        b"{\"\\udfff\":1}",
        b"{\"name\":\"x\",\"name\":\"y\"}",
        b"{\"name\":\"x\",\"n\\u0061me\":\"y\"}",
        b"{\"headers\":{\"a\":\"1\",\"a\":\"2\"}}",
    ] {
        let reply = post(body).await;
        reply.problem(400, "malformed_json");
    }
}

#[tokio::test]
async fn levels_end_at_128() {
    let desk = Desk::open().await;
    let nested = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    desk.api.post_text(HOOKS, &nested(128)).await.refused_at(&[
        "body.events",
        "body.name",
        "body.url",
        "body.x",
    ]);
    desk.api
        .post_text(HOOKS, &nested(129))
        .await
        .problem(400, "malformed_json");
    desk.api
        .post_text(HOOKS, &nested(100_000))
        .await
        .problem(400, "malformed_json");
    // Brackets in a string are no levels.
    let text = json!({"name": "[".repeat(150), "x": "\\\"[{".repeat(150)}).to_string();
    desk.api
        .post_text(HOOKS, &text)
        .await
        .refused_at(&["body.events", "body.url", "body.x"]);
}

#[tokio::test]
async fn a_body_that_is_not_an_object_is_one_fault() {
    let desk = Desk::open().await;
    for body in ["[]", "\"x\"", "7", "null", "true", " [1]"] {
        for path in ["/v1/api-keys", "/v1/event-types", "/v1/events"] {
            let places = desk.api.post_text(path, body).await.faults("validation_failed");
            assert!(places.contains(&"body".to_owned()), "{path} {body}: {places:?}");
        }
    }
}

#[tokio::test]
async fn nul_is_refused_where_it_stands() {
    let desk = Desk::open().await;
    let body = r#"{"name":"a\u0000b","url":"http://127.0.0.1:1/","events":["deal.won"],"description":"\u0000",
                   "headers":{"x-a":"\u0000"}}"#;
    let places = desk.api.post_text(HOOKS, body).await.faults("validation_failed");
    for place in ["body.name", "body.description", "body.headers.x-a"] {
        assert!(places.contains(&place.to_owned()), "{place}: {places:?}");
    }
    let body = r#"{"name":"a.b","description":"x","k\u0000":1}"#;
    assert_eq!(desk.api.post_text("/v1/event-types", body).await.status, 422);
}

#[tokio::test]
async fn unknown_fields_are_named_with_all_other_faults() {
    let desk = Desk::open().await;
    let body = json!({"nane": "x", "url": "ftp://x", "events": ["deal.won", "deal.win"], "max_attempts": 51,
                      "timeout_seconds": 0, "rate_limit_per_second": 0});
    desk.api.post(HOOKS, &body).await.refused_at(&[
        "body.events[1]",
        "body.max_attempts",
        "body.name",
        "body.nane",
        "body.rate_limit_per_second",
        "body.timeout_seconds",
        "body.url",
    ]);
    // Nothing of it was done.
    assert_eq!(desk.api.get(HOOKS).await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn surrogate_pairs_and_strange_letters_pass() {
    let desk = Desk::open().await;
    let body = r#"{"name":"\ud83d\ude00 \"\\ \u00e9 ü 漢","scopes":["crm:read"]}"#;
    let made = desk.api.post_text("/v1/api-keys", body).await.ok(201);
    assert_eq!(text(&made, "name"), "😀 \"\\ é ü 漢");
}
