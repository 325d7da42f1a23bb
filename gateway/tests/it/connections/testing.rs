//! The connector's test call: what is sent, and what is made of the answer.

use serde_json::{Value, json};

use stage::{Act, Desk, Receiver};

use super::{TOKEN, bearer, create, hosts};

fn says(status: u16, body: &Value) -> Act {
    let headers = vec![("content-type", "application/json".to_owned())];
    Act::Full(status, headers, body.to_string().into_bytes())
}

#[tokio::test]
async fn the_call_goes_out_as_the_definition_says() {
    let good = json!({"ok": true, "team": "Acme", "user": "bot"});
    let bad = json!({"ok": false, "error": "invalid_auth"});
    let elsewhere = Receiver::start().await;
    let moved = Act::Full(302, vec![("location", elsewhere.url())], Vec::new());
    let vendor = Receiver::scripted(vec![says(200, &good), says(200, &bad), moved, Act::Close]).await;
    let (_gateway, _database, desk) = Desk::own(&[("GATEWAY_CONNECTORS__HOSTS", &hosts(&vendor))]).await;
    let path = create(&desk, &bearer(TOKEN)).await;
    let test = format!("{path}/test");
    let first = desk
        .api
        .post_call(&test, &json!({}))
        .header("idempotency-key", "once")
        .send()
        .await
        .ok(200);
    assert_eq!(
        (
            &first["ok"],
            &first["status_code"],
            &first["account"],
            &first["detail"]
        ),
        (&json!(true), &json!(200), &json!("Acme / bot"), &Value::Null)
    );
    assert!(first["total_ms"].as_f64().is_some_and(|millis| millis > 0.0));
    let received = vendor.only().await;
    assert_eq!(received.line, "POST /api/auth.test HTTP/1.1");
    assert_eq!(received.header("host"), "slack.com");
    assert_eq!(received.header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(desk.api.get(&path).await.ok(200)["account"], "Acme / bot");
    // A repeat gets the same and asks nobody.
    let again = desk
        .api
        .post_call(&test, &json!({}))
        .header("idempotency-key", "once")
        .send()
        .await;
    assert_eq!(again.ok(200), first);
    assert_eq!(vendor.count(), 1);

    let refused = desk.api.post_nothing(&test).await.ok(200);
    assert_eq!(
        (&refused["ok"], &refused["status_code"], &refused["detail"]),
        (
            &json!(false),
            &json!(200),
            &json!("Slack answered 200 (invalid_auth).")
        )
    );
    // A redirect is an answer like any other, and is not followed.
    let moved = desk.api.post_nothing(&test).await.ok(200);
    assert_eq!(
        (&moved["ok"], &moved["status_code"]),
        (&json!(false), &json!(302))
    );
    assert_eq!(elsewhere.count(), 0);
    let closed = desk.api.post_nothing(&test).await.ok(200);
    assert_eq!(
        (&closed["ok"], &closed["status_code"]),
        (&json!(false), &Value::Null)
    );
    desk.api
        .post(&test, &json!({"more": 1}))
        .await
        .refused_at(&["body.more"]);
}

#[tokio::test]
async fn a_kind_without_a_test_call_says_so() {
    let desk = Desk::open().await;
    let url = "https://hooks.slack.com/services/T000/B000/x";
    let body = json!({"name": "x", "connector": "slack", "kind": "url", "fields": {"url": url}});
    let path = create(&desk, &body).await;
    let tested = desk.api.post_nothing(&format!("{path}/test")).await.ok(200);
    assert_eq!(
        (&tested["ok"], &tested["status_code"]),
        (&json!(false), &Value::Null)
    );
    let client = json!({"client_id": "id", "client_secret": "secret"});
    let body = json!({"name": "x", "connector": "slack", "kind": "oauth2", "fields": client});
    let path = create(&desk, &body).await;
    assert_eq!(desk.api.get(&path).await.ok(200)["status"], "pending");
    let test = desk.api.post_nothing(&format!("{path}/test")).await;
    test.problem(409, "connection_not_ready");
}
