//! 401: what counts as a credential, and what is said of each that does not work.

use std::time::Duration;

use http::Method;
use serde_json::json;

use stage::{Desk, Reply, SOON, desk::text, eventually};

const BARE: &str = "Bearer realm=\"gateway\"";
const INVALID: &str = "Bearer realm=\"gateway\", error=\"invalid_token\"";

fn challenged(reply: &Reply, code: &str, challenge: &str) {
    reply.problem(401, code);
    assert_eq!(reply.header("www-authenticate"), Some(challenge));
}

#[tokio::test]
async fn no_credential_is_asked_for_one_without_an_error() {
    let desk = Desk::open().await;
    let mut nobody = desk.api.clone();
    nobody.key = None;
    challenged(&nobody.get("/v1/whoami").await, "key_missing", BARE);
    // Other schemes count as none.
    for other in ["Basic dXNlcjpwYXNz", "Digest x", "sk_"] {
        let reply = nobody
            .get_call("/v1/whoami")
            .header("authorization", other)
            .send()
            .await;
        challenged(&reply, "key_missing", BARE);
    }
}

#[tokio::test]
async fn a_key_is_never_read_from_the_query() {
    let desk = Desk::open().await;
    let key = desk.api.key.clone().expect("a key");
    let mut nobody = desk.api.clone();
    nobody.key = None;
    for name in ["key", "api_key", "access_token", "token"] {
        let reply = nobody.get(&format!("/v1/whoami?{name}={key}")).await;
        challenged(&reply, "key_missing", BARE);
    }
}

#[tokio::test]
async fn malformed_and_unknown_keys_are_invalid() {
    let desk = Desk::open().await;
    let mut nobody = desk.api.clone();
    nobody.key = None;
    let good = desk.api.key.clone().expect("a key");
    let flipped = if good.ends_with('0') { "1" } else { "0" };
    let bad = [
        "".to_owned(),
        "sk_".to_owned(),
        good[..66].to_owned(),
        format!("{good}0"),
        good.to_uppercase(),
        good.replacen("sk_", "pk_", 1),
        format!("{}{flipped}", &good[..66]),
        format!("sk_{}", "0".repeat(64)),
        format!("{good} {good}"),
    ];
    for key in bad {
        let call = nobody
            .get_call("/v1/whoami")
            .header("authorization", format!("Bearer {key}"));
        challenged(&call.send().await, "key_invalid", INVALID);
    }
    // The scheme's name has no case (RFC 9110, 11.1).
    let call = nobody
        .get_call("/v1/whoami")
        .header("authorization", format!("bearer {good}"));
    call.send().await.ok(200);
}

#[tokio::test]
async fn ended_keys_get_their_own_codes_while_they_exist() {
    let desk = Desk::open().await;
    // Times have whole milliseconds in the API.
    let soon = jiff::Timestamp::now() + Duration::from_secs(2);
    let soon = soon.round(jiff::Unit::Millisecond).expect("in range");
    let expiring = desk
        .make_key(&json!({"name": "short", "scopes": ["keys:read"], "expires_at": soon.to_string()}))
        .await;
    let api = desk.api.with_key(&text(&expiring, "key"));
    api.get("/v1/whoami").await.ok(200);
    eventually("the key expires", SOON, || async {
        api.get("/v1/whoami").await.status == 401
    })
    .await;
    assert!(jiff::Timestamp::now() >= soon, "not before its time");
    challenged(&api.get("/v1/whoami").await, "key_expired", INVALID);

    let path = format!("/v1/api-keys/{}", text(&expiring, "id"));
    desk.api.post_nothing(&format!("{path}/revoke")).await.ok(200);
    // Both revoked and expired.
    challenged(&api.get("/v1/whoami").await, "key_revoked", INVALID);
    desk.api.delete(&path).await.no_content();
    challenged(&api.get("/v1/whoami").await, "key_invalid", INVALID);
}

#[tokio::test]
async fn a_refused_head_has_the_same_headers_and_no_body() {
    let desk = Desk::open().await;
    let mut nobody = desk.api.clone();
    nobody.key = None;
    let reply = nobody.call(Method::HEAD, "/v1/whoami").send().await;
    assert_eq!(reply.status, 401);
    assert_eq!(reply.header("www-authenticate"), Some(BARE));
    assert!(reply.body.is_empty());
}
