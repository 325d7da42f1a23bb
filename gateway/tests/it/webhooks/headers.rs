//! What a receiver gets beside the body: the gateway's headers and the endpoint's own.

use serde_json::{Value, json};

use stage::{Desk, Receiver, desk::text};

#[tokio::test]
async fn the_gateways_headers() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    let before = jiff::Timestamp::now().as_second();
    let id = desk.send("deal.won", json!({})).await;
    let received = receiver.only().await;
    let delivery = desk.delivery_that(&id, "succeeded").await;
    assert_eq!(received.line, "POST /hook?from=test HTTP/1.1");
    assert_eq!(received.header("host"), receiver.address().to_string());
    assert_eq!(received.header("content-type"), "application/json");
    assert!(!received.header("user-agent").is_empty());
    assert_eq!(received.header("x-sentinel-event"), "deal.won");
    assert_eq!(received.header("x-sentinel-delivery"), text(&delivery, "id"));
    assert_eq!(received.header("x-sentinel-attempt"), "1");
    assert_eq!(received.header("webhook-id"), id);
    let at: i64 = received.header("webhook-timestamp").parse().expect("seconds");
    assert!((before - 1..=before + 60).contains(&at), "{at}");
}

#[tokio::test]
async fn an_endpoints_own_headers_are_sent_and_masked() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let own = json!({"headers": {"Authorization": "Bearer s3same", "X-Team": "blue"}});
    let hook = desk.hook_with(&receiver, &["deal.won"], own).await;
    desk.send("deal.won", json!({})).await;
    let received = receiver.only().await;
    assert_eq!(received.header("authorization"), "Bearer s3same");
    assert_eq!(received.header("x-team"), "blue");
    let shown = desk.webhook(&hook).await;
    let names: Vec<String> = shown["headers"]
        .as_object()
        .expect("headers")
        .keys()
        .map(|name| name.to_lowercase())
        .collect();
    assert_eq!(names, ["authorization", "x-team"]);
    let listed = desk.api.get("/v1/webhooks").await;
    let audit = desk.api.get("/v1/audit").await;
    for reply in [listed.text(), audit.text(), &shown.to_string()] {
        assert!(!reply.contains("s3same") && !reply.contains("blue"), "{reply}");
    }
    // PATCH replaces all.
    let patched = desk
        .api
        .patch(&hook.path(), &json!({"headers": {"x-other": "1"}}))
        .await;
    assert!(!patched.text().contains("s3same"));
    patched.ok(200);
    desk.send("deal.won", json!({})).await;
    let received = receiver.wait_for(2).await.remove(1);
    assert_eq!(received.header("x-other"), "1");
    assert!(!received.headers.contains_key("authorization") && !received.headers.contains_key("x-team"));
    desk.api
        .patch(&hook.path(), &json!({"headers": {}}))
        .await
        .ok(200);
    assert_eq!(desk.webhook(&hook).await["headers"], json!({}));
}

#[tokio::test]
async fn headers_that_are_the_gateways_are_refused() {
    let desk = Desk::open().await;
    let with = async |headers: Value| {
        let body = json!({"name": "x", "url": "http://127.0.0.1:9/", "events": ["*"], "headers": headers});
        desk.api.post("/v1/webhooks", &body).await
    };
    for name in [
        "Host",
        "content-length",
        "Content-Type",
        "Content-Encoding",
        "Transfer-Encoding",
        "connection",
        "webhook-id",
        "Webhook-Anything",
        "X-Sentinel-Signature",
        "x-sentinel-new",
        "TE",
        "Trailer",
        "Upgrade",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authorization",
        "Expect",
    ] {
        with(json!({name: "x"}))
            .await
            .refused_at(&[&format!("body.headers.{name}")]);
    }
    for (name, value) in [
        ("a b", "x"),
        ("", "x"),
        ("x:y", "x"),
        ("x", "a\r\nb: c"),
        ("x", "a\nb"),
        ("x", "gr\u{fc}n"),
        ("x", "a\u{7f}b"),
        ("x", "••••"),
    ] {
        with(json!({name: value}))
            .await
            .refused_at(&[&format!("body.headers.{name}")]);
    }
    with(json!({"x": 1})).await.refused_at(&["body.headers.x"]);
    with(json!(["x"])).await.refused_at(&["body.headers"]);
    let many: serde_json::Map<String, Value> = (0..21).map(|nth| (format!("x-{nth}"), json!("1"))).collect();
    with(Value::Object(many.clone()))
        .await
        .refused_at(&["body.headers"]);
    let twenty: serde_json::Map<String, Value> = many.into_iter().take(20).collect();
    with(Value::Object(twenty)).await.ok(201);
}

#[tokio::test]
async fn the_mask_keeps_a_value_and_does_nothing_else() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let own = json!({"headers": {"Authorization": "Bearer s3same", "X-Team": "blue"}});
    let hook = desk.hook_with(&receiver, &["deal.won"], own).await;
    let shown = desk.webhook(&hook).await;
    let mut headers = shown["headers"].clone();
    headers["x-team"] = json!("red");
    headers.as_object_mut().expect("an object").remove("X-Team");
    headers["User-Agent"] = json!("Mine/1.0");
    let body = json!({"headers": headers});
    desk.api.patch(&hook.path(), &body).await.ok(200);
    desk.send("deal.won", json!({})).await;
    let received = receiver.only().await;
    assert_eq!(received.header("authorization"), "Bearer s3same");
    assert_eq!(received.header("x-team"), "red");
    assert_eq!(received.header("user-agent"), "Mine/1.0");
    let mask = headers["Authorization"].clone();
    let fresh = json!({"headers": {"X-New": mask, "bad name": "x"}, "max_attempts": 0});
    desk.api.patch(&hook.path(), &fresh).await.refused_at(&[
        "body.headers.X-New",
        "body.headers.bad name",
        "body.max_attempts",
    ]);
}
