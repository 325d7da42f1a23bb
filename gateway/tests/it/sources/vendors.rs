//! Ways of vendors beyond a signature in a header: tokens, passwords, consent, secrets that a handshake hands out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use stage::Desk;
use stage::desk::text;

use super::signed::{SECRET, hmac_hex};
use super::{Source, events_of, is_dressed};

/// A source of plain requests with these options, and the secret that was made for it.
async fn plain(desk: &Desk, options: Value) -> (Source, String) {
    let body = json!({"name": "in", "connector": "http", "options": options});
    let made = desk.api.post("/v1/sources", &body).await.ok(201);
    (Source::of(desk, &made), text(&made["secrets"], "secret"))
}

#[tokio::test]
async fn a_plain_source_says_how_it_is_verified() {
    let desk = Desk::open().await;
    let create = async |options: Value| {
        let body = json!({"name": "in", "connector": "http", "options": options});
        desk.api.post("/v1/sources", &body).await
    };
    create(json!({})).await.refused_at(&["body.options.scheme"]);
    create(json!({"scheme": "none"}))
        .await
        .refused_at(&["body.options.scheme"]);
    create(json!({"scheme": "basic"}))
        .await
        .refused_at(&["body.options.username"]);
    create(json!({"scheme": "token", "header": "a b"}))
        .await
        .refused_at(&["body.options.header"]);
    let wrong = json!({"scheme": "token", "dedupe": "{{body.id}}"});
    create(wrong).await.refused_at(&["body.options.dedupe"]);
}

#[tokio::test]
async fn tokens_passwords_signatures_and_secret_urls_verify() {
    let desk = Desk::open().await;
    let (source, secret) = plain(&desk, json!({"scheme": "token"})).await;
    let call = || source.call(Method::POST).body("text/plain", "hello");
    call().send().await.problem(401, "signature_missing");
    let wrong = call().header("authorization", format!("Bearer {secret}x"));
    wrong.send().await.problem(401, "signature_invalid");
    let right = call().header("authorization", format!("Bearer {secret}"));
    assert_eq!(right.send().await.status, 202);
    let receipts = source.receipts(&desk).await;
    assert!(receipts[1]["headers"]["authorization"] == "••••", "{receipts:?}");

    let (source, secret) = plain(&desk, json!({"scheme": "token", "header": "X-Token"})).await;
    let call = source.call(Method::POST).bare_body("").header("x-token", &secret);
    assert_eq!(call.send().await.status, 202);

    let (source, secret) = plain(&desk, json!({"scheme": "basic", "username": "ada"})).await;
    let basic = |user: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")));
    let call = |user: &str| {
        let call = source.call(Method::POST).bare_body(vec![0xff]);
        call.header("authorization", basic(user))
    };
    call("eve").send().await.problem(401, "signature_invalid");
    assert_eq!(call("ada").send().await.status, 202);

    let (source, secret) = plain(&desk, json!({"scheme": "url_secret"})).await;
    let at = |path: String| {
        source
            .api
            .call(Method::POST, &path)
            .body("application/json", "[1]")
    };
    at(source.path.clone())
        .send()
        .await
        .problem(401, "signature_missing");
    at(format!("{}/x", source.path))
        .send()
        .await
        .problem(401, "signature_invalid");
    assert_eq!(at(format!("{}/{secret}", source.path)).send().await.status, 202);
    assert!(
        !source.shown(&desk).await.to_string().contains(&secret),
        "shown once"
    );

    let payloads = events_of(&desk, "http.received").await;
    let payloads: Vec<&Value> = payloads.iter().map(|event| &event["data"]["payload"]).collect();
    let expected = [
        &json!([1]),
        &json!({"base64": "/w=="}),
        &json!({}),
        &json!({"text": "hello"}),
    ];
    assert_eq!(payloads, expected);
}

#[tokio::test]
async fn a_plain_source_knows_repeats_only_if_it_is_told_by_what() {
    let desk = Desk::open().await;
    for (dedupe, label, count) in [
        (None, "none", 3),
        (Some("body"), "whole", 2),
        (Some("body.id"), "id", 1),
    ] {
        let options = json!({"scheme": "url_secret", "type": label, "dedupe": dedupe});
        let (source, secret) = plain(&desk, options).await;
        for body in [r#"{"id":7}"#, r#"{"id":7}"#, r#"{"id":7,"n":1}"#] {
            let call = source
                .api
                .call(Method::POST, &format!("{}/{secret}", source.path));
            assert_eq!(call.body("application/json", body).send().await.status, 202);
        }
        assert_eq!(
            events_of(&desk, &format!("http.{label}")).await.len(),
            count,
            "{label}"
        );
    }
}

#[tokio::test]
async fn consent_to_events_is_given_by_headers_and_batches_are_events_each() {
    let desk = Desk::open().await;
    let made = desk
        .api
        .post("/v1/sources", &json!({"name": "in", "connector": "cloudevents"}))
        .await;
    let made = made.ok(201);
    let (source, token) = (Source::of(&desk, &made), text(&made["secrets"], "token"));
    let bare = source.call(Method::OPTIONS).send().await;
    bare.problem(400, "bad_request");
    let asked = source
        .call(Method::OPTIONS)
        .header("webhook-request-origin", "events.example");
    let consent = asked.send().await;
    assert_eq!(consent.status, 200, "{consent:?}");
    assert_eq!(consent.header("webhook-allowed-origin"), Some("events.example"));
    assert!(consent.header("webhook-allowed-rate").is_some());
    let batch = r#"[{"id":"1","source":"/a","specversion":"1.0","type":"com.x.done","data":1.10},{"id":"2","source":"/a","specversion":"1.0","type":"com.x.done"}]"#;
    let send = || {
        let call = source.call(Method::POST);
        let call = call.body("application/cloudevents-batch+json", batch);
        call.header("authorization", format!("Bearer {token}")).send()
    };
    assert_eq!(send().await.status, 202);
    assert_eq!(send().await.status, 202);
    assert_eq!(events_of(&desk, "cloudevents.com.x.done").await.len(), 2);
    let receipts = source.receipts(&desk).await;
    assert_eq!(receipts[0]["outcome"], "repeat");
    assert_eq!(receipts[0]["event_ids"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_secret_that_a_handshake_hands_out_counts_once_it_is_confirmed() {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "notion", json!({})).await;
    assert_eq!(source.shown(&desk).await["status"], "pending");
    let hand_out = |token: &str| {
        let body = json!({"verification_token": token}).to_string();
        let signature = format!("sha256={}", hmac_hex(&body));
        let call = source.call(Method::POST).body("application/json", body);
        call.header("x-notion-signature", signature)
    };
    // Only one that is signed with what it hands out, which is the secret of these tests.
    hand_out("another").send().await.problem(401, "signature_invalid");
    assert_eq!(hand_out(SECRET).send().await.status, 200);
    hand_out(SECRET).send().await.problem(401, "signature_invalid");
    let reply = desk.api.get(&source.at("")).await;
    let shown = reply.ok(200);
    assert_eq!(shown["handshake"]["token"], SECRET);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let reader = desk.with_scopes(&["webhooks:read"]).await;
    assert_eq!(reader.get(&source.at("")).await.ok(200)["handshake"], Value::Null);
    let body = r#"{"id":"1","type":"page.created"}"#;
    let event = || {
        let signature = format!("sha256={}", hmac_hex(body));
        let call = source.call(Method::POST).body("application/json", body);
        call.header("x-notion-signature", signature).send()
    };
    event().await.problem(401, "signature_invalid");
    let confirmed = desk.api.post_nothing(&source.at("/confirm")).await.ok(200);
    assert_eq!(
        (&confirmed["status"], &confirmed["handshake"]),
        (&json!("ready"), &Value::Null)
    );
    assert_eq!(event().await.status, 200);
    desk.api
        .post_nothing(&source.at("/confirm"))
        .await
        .problem(409, "handshake_not_pending");
    hand_out(SECRET).send().await.problem(401, "signature_invalid");
}

#[tokio::test]
async fn a_subscription_is_confirmed_by_its_token_alone() {
    let desk = Desk::open().await;
    let body = json!({"name": "in", "connector": "facebook", "secrets": {"app_secret": SECRET}});
    let made = desk.api.post("/v1/sources", &body).await.ok(201);
    let (source, token) = (Source::of(&desk, &made), text(&made["secrets"], "verify_token"));
    let ask = async |query: String| source.api.get(&format!("{}?{query}", source.path)).await;
    let echoed = ask(format!(
        "hub.mode=subscribe&hub.challenge=1158&hub.verify_token={token}"
    ))
    .await;
    assert_eq!((echoed.status, echoed.text()), (200, "1158"));
    assert!(is_dressed(&echoed), "{echoed:?}");
    let wrong = ask("hub.mode=subscribe&hub.challenge=1&hub.verify_token=x".into()).await;
    wrong.problem(403, "handshake_refused");
    ask(String::new()).await.problem(403, "handshake_refused");
    let markup = format!("hub.mode=subscribe&hub.challenge=%3Cb%3E&hub.verify_token={token}");
    ask(markup).await.problem(403, "handshake_refused");
    let body = r#"{"object":"page","entry":[{"id":"1","messaging":[{"message":{"mid":"a"}},{"message":{"mid":"b"}}]}]}"#;
    let signature = format!("sha256={}", hmac_hex(body));
    let call = source.call(Method::POST).body("application/json", body);
    assert_eq!(
        call.header("x-hub-signature-256", signature).send().await.status,
        200
    );
    assert_eq!(events_of(&desk, "facebook.messaging").await.len(), 2);
}

#[tokio::test]
async fn a_token_within_the_body_verifies_each_item() {
    let desk = Desk::open().await;
    let made = desk
        .api
        .post("/v1/sources", &json!({"name": "in", "connector": "outlook"}))
        .await
        .ok(201);
    let (source, state) = (Source::of(&desk, &made), text(&made["secrets"], "client_state"));
    let echoed = source.api.call(
        Method::POST,
        &format!("{}?validationToken=a%20b%3A1", source.path),
    );
    let echoed = echoed.send().await;
    assert_eq!((echoed.status, echoed.text()), (200, "a b:1"));
    assert_eq!(echoed.header("content-type"), Some("text/plain; charset=utf-8"));
    let send = async |states: [&str; 2]| {
        let item = |state: &str, n: u32| json!({"changeType": "created", "clientState": state, "n": n});
        let body = json!({"value": [item(states[0], 1), item(states[1], 2)]});
        source.call(Method::POST).json(&body).send().await
    };
    send([&state, "x"]).await.problem(401, "signature_invalid");
    assert!(
        events_of(&desk, "outlook.created").await.is_empty(),
        "one wrong item refuses all"
    );
    assert_eq!(send([&state, &state]).await.status, 202);
    assert_eq!(events_of(&desk, "outlook.created").await.len(), 2);
}
