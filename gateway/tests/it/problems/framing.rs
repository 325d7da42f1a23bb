//! Size, media type, method: what is wrong with a request before its content.

use http::Method;
use serde_json::json;

use stage::{Desk, wire::Wire};

const MOST: usize = 256 * 1024;

#[tokio::test]
async fn a_body_of_256_kib_passes_and_one_more_byte_does_not() {
    let desk = Desk::open().await;
    let of_length = |length: usize| {
        let frame = r#"{"type":"deal.won","data":{"x":""}}"#.len();
        format!(
            r#"{{"type":"deal.won","data":{{"x":"{}"}}}}"#,
            "x".repeat(length - frame)
        )
    };
    desk.api.post_text("/v1/events", &of_length(MOST)).await.ok(202);
    desk.api
        .post_text("/v1/events", &of_length(MOST + 1))
        .await
        .problem(413, "too_large");
    // Whatever the body's kind.
    desk.api
        .post_text("/v1/api-keys", &of_length(MOST + 1))
        .await
        .problem(413, "too_large");
    desk.api
        .post_text("/v1/webhooks", &of_length(16 * MOST))
        .await
        .problem(413, "too_large");
}

#[tokio::test]
async fn a_body_that_grows_too_large_on_the_way_is_413() {
    let desk = Desk::open().await;
    let mut wire = Wire::open(desk.api.address).await;
    let key = desk.api.key.as_deref().expect("a key");
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    wire.write(head).await;
    for _ in 0..20 {
        wire.write(format!("4000\r\n{}\r\n", "x".repeat(0x4000))).await;
    }
    let answer = wire.answer().await.expect("an answer");
    assert_eq!(answer.status, 413);
    assert!(answer.head.contains("application/problem+json"));
}

#[tokio::test]
async fn the_media_type_must_be_json() {
    let desk = Desk::open().await;
    let body = json!({"name": "x", "scopes": ["crm:read"]}).to_string();
    let bare = desk
        .api
        .call(Method::POST, "/v1/api-keys")
        .bare_body(body.clone());
    bare.send().await.problem(415, "media_type_unsupported");
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "text/json",
        "application/jsonx",
        "json",
        "application/json; charset=latin1",
        "application/json;charset=\"UTF-16\"",
    ] {
        let call = desk
            .api
            .call(Method::POST, "/v1/api-keys")
            .body(media_type, body.clone());
        call.send().await.problem(415, "media_type_unsupported");
    }
    for media_type in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json; Charset=\"UTF-8\"",
        "application/json;x=y",
    ] {
        desk.api
            .call(Method::POST, "/v1/api-keys")
            .body(media_type, body.clone())
            .send()
            .await
            .ok(201);
    }
}

#[tokio::test]
async fn a_body_whose_fields_are_all_optional_may_be_absent() {
    let desk = Desk::open().await;
    let made = desk.make_key(&json!({"name": "x", "scopes": ["crm:read"]})).await;
    let path = format!("/v1/api-keys/{}/revoke", made["id"].as_str().expect("an id"));
    desk.api.post_nothing(&path).await.ok(200);
    desk.api.post(&path, &json!({})).await.ok(200);
    desk.api
        .post(&path, &json!({"x": 1}))
        .await
        .refused_at(&["body.x"]);
    desk.api
        .post_text(&path, "{")
        .await
        .problem(400, "malformed_json");
    desk.api
        .call(Method::POST, &path)
        .body("text/plain", "x")
        .send()
        .await
        .problem(415, "media_type_unsupported");
}

#[tokio::test]
async fn a_405_names_the_allowed_methods() {
    let desk = Desk::open().await;
    let allowed = async |method: Method, path: &str| {
        let is_head = method == Method::HEAD;
        let reply = desk.api.call(method, path).send().await;
        assert_eq!(reply.status, 405);
        if !is_head {
            reply.problem(405, "method_not_allowed");
        }
        let mut methods: Vec<String> = reply
            .header("allow")
            .expect("Allow")
            .split(", ")
            .map(str::to_owned)
            .collect();
        methods.sort();
        methods
    };
    let id = "wh_0198c0de-0000-7000-8000-000000000001";
    assert_eq!(
        allowed(Method::DELETE, "/v1/events").await,
        ["GET", "HEAD", "OPTIONS", "POST"]
    );
    assert_eq!(
        allowed(Method::POST, "/v1/whoami").await,
        ["GET", "HEAD", "OPTIONS"]
    );
    assert_eq!(
        allowed(Method::PUT, &format!("/v1/webhooks/{id}")).await,
        ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH"]
    );
    assert_eq!(
        allowed(Method::GET, &format!("/v1/webhooks/{id}/test")).await,
        ["OPTIONS", "POST"]
    );
    assert_eq!(
        allowed(Method::HEAD, &format!("/v1/webhooks/{id}/test")).await,
        ["OPTIONS", "POST"]
    );
    assert_eq!(
        allowed(Method::POST, "/openapi.json").await,
        ["GET", "HEAD", "OPTIONS"]
    );
}

#[tokio::test]
async fn documents_need_no_key() {
    let desk = Desk::open().await;
    let mut nobody = desk.api.clone();
    nobody.key = None;
    nobody.get("/openapi.json").await.ok(200);
    let page = nobody.get("/docs").await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-type")
            .is_some_and(|kind| kind.starts_with("text/html"))
    );
    assert!(page.text().contains("/v1/webhooks"));
    let head = nobody.call(Method::HEAD, "/openapi.json").send().await;
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn a_coded_body_is_refused_and_not_read_as_it_is() {
    let desk = Desk::open().await;
    let event = json!({"type": "deal.won", "data": {}}).to_string();
    let cases = [
        ("/v1/events", "application/json", event.clone()),
        ("/v1/events/batch", "application/x-ndjson", event),
        (
            "/v1/api-keys",
            "application/json",
            json!({"name": "x", "scopes": ["crm:read"]}).to_string(),
        ),
    ];
    for (path, media_type, body) in cases {
        for coding in ["gzip", "zstd", "br", "GZIP", "identity, gzip", "x"] {
            let call = desk.api.call(Method::POST, path).body(media_type, body.clone());
            let reply = call.header("content-encoding", coding).send().await;
            let problem = reply.problem(415, "media_type_unsupported");
            assert!(
                problem["detail"]
                    .as_str()
                    .is_some_and(|text| text.contains("Content-Encoding")),
                "{problem}"
            );
        }
        let call = desk.api.call(Method::POST, path).body(media_type, body);
        let reply = call.header("content-encoding", "Identity").send().await;
        assert!((200..300).contains(&reply.status), "{path}: {:?}", reply.body);
    }
    // The order of checks: the size comes first.
    let call = desk.api.call(Method::POST, "/v1/events");
    let call = call.body("application/json", "x".repeat(MOST + 1));
    call.header("content-encoding", "gzip")
        .send()
        .await
        .problem(413, "too_large");
    let made = desk.make_key(&json!({"name": "x", "scopes": ["crm:read"]})).await;
    let path = format!("/v1/api-keys/{}/revoke", made["id"].as_str().expect("an id"));
    let call = desk.api.post_call(&path, &json!({}));
    call.header("content-encoding", "gzip")
        .send()
        .await
        .problem(415, "media_type_unsupported");
}
