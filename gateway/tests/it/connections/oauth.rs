//! OAuth 2.0: from the URL that a person opens to tokens that stay fresh, whatever the vendor does and whoever dies.

use serde_json::{Value, json};

use stage::desk::{a_moment, text};
use stage::{Api, Desk, Gateway, Pair, Receiver, Reply, SOON, eventually};

use super::create;
use super::vendor::{Mood, Vendor, url_pairs};

const FORM: &str = "application/x-www-form-urlencoded";

fn slack() -> Value {
    json!({"name": "Team", "connector": "slack", "kind": "oauth2",
           "fields": {"client_id": "id-1", "client_secret": "secret-canary-1"}})
}

/// Begins an authorization; the parameters of its URL.
async fn begin(api: &Api, path: &str) -> std::collections::BTreeMap<String, String> {
    let begun = api.post_nothing(&format!("{path}/authorize")).await;
    assert_eq!(begun.header("cache-control"), Some("no-store"));
    let url = text(&begun.ok(200), "authorize_url");
    url_pairs(url.split_once('?').expect("a query").1)
}

/// What the person's browser does after the vendor.
async fn come_back(api: &Api, state: &str) -> Reply {
    let asked = api
        .get(&format!("/oauth/callback?state={state}&code=code-canary-1"))
        .await;
    assert_eq!(asked.status, 200, "{}", asked.text());
    assert!(asked.text().contains("name=\"state\"") && asked.text().contains("name=\"code\""));
    api.call(http::Method::POST, "/oauth/callback")
        .body(FORM, format!("state={state}&code=code-canary-1"))
        .send()
        .await
}

async fn connect(desk: &Desk, path: &str) {
    let sent = begin(&desk.api, path).await;
    let done = come_back(&desk.api, &sent["state"]).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(done.text().contains("Connected"));
}

async fn status(api: &Api, path: &str) -> String {
    text(&api.get(path).await.ok(200), "status")
}

async fn wait_for_status(api: &Api, path: &str, wanted: &str) {
    eventually(&format!("{path} is {wanted}"), SOON * 2, || async {
        status(api, path).await == wanted
    })
    .await;
}

#[tokio::test]
async fn a_person_says_yes_and_the_connection_is_ready() {
    let vendor = Vendor::start(Some(3600)).await;
    let settings = [
        ("GATEWAY_CONNECTORS__HOSTS", vendor.hosts()),
        ("GATEWAY_SERVER__PUBLIC_URL", "https://gateway.example".to_owned()),
    ];
    let settings: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (gateway, database, desk) = Desk::own(&settings).await;
    let path = create(&desk, &slack()).await;
    assert_eq!(status(&desk.api, &path).await, "pending");
    let sent = begin(&desk.api, &path).await;
    assert_eq!(sent["response_type"], "code");
    assert_eq!(sent["client_id"], "id-1");
    assert_eq!(sent["scope"], "chat:write");
    assert_eq!(sent["redirect_uri"], "https://gateway.example/oauth/callback");
    assert_eq!(sent["state"].len(), 43);
    let rows = database
        .ask("select encode(digest, 'escape') from connection_grants")
        .await;
    assert!(!rows.contains(&sent["state"]));

    let anyone = gateway.anonymous();
    let asked = anyone
        .get(&format!(
            "/oauth/callback?state={}&code=code-canary-1",
            sent["state"]
        ))
        .await;
    assert_eq!(asked.status, 200);
    assert_eq!(asked.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(asked.header("referrer-policy"), Some("no-referrer"));
    assert!(
        asked
            .header("content-security-policy")
            .is_some_and(|policy| policy.starts_with("default-src 'none'"))
    );
    assert_eq!(vendor.calls().len(), 0, "nobody has gone on");
    let done = come_back(&anyone, &sent["state"]).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let call = &vendor.calls()[0];
    let expected = [
        ("grant_type", "authorization_code"),
        ("code", "code-canary-1"),
        ("redirect_uri", "https://gateway.example/oauth/callback"),
        ("client_id", "id-1"),
        ("client_secret", "secret-canary-1"),
    ];
    for (name, value) in expected {
        assert_eq!(call[name], value);
    }
    let shown = desk.api.get(&path).await.ok(200);
    assert_eq!(
        (&shown["status"], &shown["account"], &shown["scopes"]),
        (&json!("ready"), &json!("Acme"), &json!(["chat:write"]))
    );
    assert!(shown["expires_at"].is_string() && shown["refreshed_at"].is_string());
    // Once.
    let again = anyone
        .get(&format!("/oauth/callback?state={}&code=x", sent["state"]))
        .await;
    assert_eq!(again.status, 400);
    let again = anyone
        .call(http::Method::POST, "/oauth/callback")
        .body(FORM, format!("state={}&code=x", sent["state"]))
        .send()
        .await;
    assert_eq!(again.status, 400);
    assert_eq!(vendor.calls().len(), 1);
    // The test call goes out with the token.
    let tested = desk.api.post_nothing(&format!("{path}/test")).await.ok(200);
    assert_eq!(tested["account"], "1 / bot");
    let audit = desk
        .api
        .get("/v1/audit?action=connection.authorized")
        .await
        .ok(200);
    assert_eq!(audit["data"].as_array().map(Vec::len), Some(1));

    // Nothing of it anywhere.
    let mut seen = gateway.log();
    for reply in [
        desk.api.get("/v1/connections").await,
        desk.api.get("/v1/audit").await,
        desk.api.get("/v1/events").await,
        gateway.operations("/metrics").await,
    ] {
        seen.push_str(reply.text());
    }
    let tables = "select c::text, encode(c.fields || c.tokens, 'escape') from connections c
                  union all select g::text, '' from connection_grants g
                  union all select encode(r.reply, 'escape'), '' from idempotency_replies r";
    seen.push_str(&database.ask(tables).await);
    for secret in ["canary", sent["state"].as_str()] {
        assert!(!seen.contains(secret), "{secret} is seen");
    }
}

#[tokio::test]
async fn what_is_wrong_at_the_callback_is_a_page_and_no_token_call() {
    let vendor = Vendor::start(None).await;
    let (gateway, _database, desk) = Desk::own(&[("GATEWAY_CONNECTORS__HOSTS", &vendor.hosts())]).await;
    let path = create(&desk, &slack()).await;
    let anyone = gateway.anonymous();
    let state = begin(&desk.api, &path).await["state"].clone();
    for query in [
        String::new(),
        "state=unknown&code=x".into(),
        format!("state={state}"),
        format!("state={state}&code=x&iss=https%3A%2F%2Fevil.example"),
    ] {
        let reply = anyone.get(&format!("/oauth/callback?{query}")).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.text());
        assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(reply.header("content-security-policy").is_some());
    }
    // After another issuer has answered, nothing is left of it.
    let reply = anyone.get(&format!("/oauth/callback?state={state}&code=x")).await;
    assert_eq!(reply.status, 400);
    let state = begin(&desk.api, &path).await["state"].clone();
    let denied = anyone
        .get(&format!("/oauth/callback?state={state}&error=access_denied"))
        .await;
    assert_eq!(denied.status, 400);
    assert!(denied.text().contains("access_denied"));
    let state = begin(&desk.api, &path).await["state"].clone();
    let foreign = anyone
        .call(http::Method::POST, "/oauth/callback")
        .header("sec-fetch-site", "cross-site")
        .body(FORM, format!("state={state}&code=x"))
        .send()
        .await;
    assert_eq!(foreign.status, 403);
    assert_eq!(vendor.calls().len(), 0);
    let wrong = anyone.call(http::Method::PUT, "/oauth/callback").send().await;
    assert_eq!(wrong.status, 405);
    vendor.set(Mood::Refusing);
    let refused = come_back(&anyone, &state).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("invalid_grant"));
    assert_eq!(status(&desk.api, &path).await, "pending");

    let url = "https://hooks.slack.com/services/T000/B000/x";
    let body = json!({"name": "x", "connector": "slack", "kind": "url", "fields": {"url": url}});
    let other = create(&desk, &body).await;
    let reply = desk.api.post_nothing(&format!("{other}/authorize")).await;
    reply.problem(409, "not_authorizable");
    for return_to in [
        "https://evil.example",
        "//evil.example",
        "/other",
        "/integrations/../x",
        "/integrations\\x",
    ] {
        let reply = desk
            .api
            .post(&format!("{path}/authorize"), &json!({"return_to": return_to}))
            .await;
        reply.refused_at(&["body.return_to"]);
    }
    vendor.set(Mood::Good);
    let body = json!({"return_to": "/integrations/connections", "scopes": ["a", "b"]});
    let begun = desk.api.post(&format!("{path}/authorize"), &body).await.ok(200);
    let sent = url_pairs(&text(&begun, "authorize_url"));
    assert_eq!(sent["scope"], "a,b");
    let done = come_back(&anyone, &sent["state"]).await;
    assert_eq!(
        (done.status, done.header("location")),
        (303, Some("/integrations/connections"))
    );
    assert_eq!(desk.api.get(&path).await.ok(200)["scopes"], json!(["a", "b"]));
}

#[tokio::test]
async fn two_instances_spend_each_refresh_token_once() {
    let vendor = Vendor::start(Some(2)).await;
    let pair = Pair::start(&[("GATEWAY_CONNECTORS__HOSTS", &vendor.hosts())]).await;
    let path = create(&pair.desk, &slack()).await;
    connect(&pair.desk, &path).await;
    eventually("it is refreshed again and again", SOON * 3, || async {
        vendor.calls().len() >= 6
    })
    .await;
    assert_eq!(vendor.reused(), 0);
    assert_eq!(status(&pair.other, &path).await, "ready");
    for call in &vendor.calls()[1..] {
        assert_eq!(call["grant_type"], "refresh_token");
        assert_eq!(call["client_secret"], "secret-canary-1");
    }
    // Many ask at once for a token that has ended; each is answered by a live one.
    let test = format!("{path}/test");
    let asked = (0..20).map(|nth| {
        let api = if nth % 2 == 0 { &pair.desk.api } else { &pair.other };
        api.post_nothing(&test)
    });
    for reply in futures_of(asked).await {
        assert_eq!(reply.ok(200)["ok"], true);
    }
    assert_eq!(vendor.reused(), 0);
}

async fn futures_of<F: Future<Output = Reply>>(asked: impl Iterator<Item = F>) -> Vec<Reply> {
    let mut replies = Vec::new();
    let mut under_way: Vec<std::pin::Pin<Box<F>>> = asked.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        under_way.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(reply) => {
                replies.push(reply);
                false
            }
            std::task::Poll::Pending => true,
        });
        match under_way.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    replies
}

#[tokio::test]
async fn a_vendor_that_is_down_is_asked_again_and_one_that_refuses_is_not() {
    let vendor = Vendor::start(Some(2)).await;
    let receiver = Receiver::start().await;
    let (gateway, _database, desk) = Desk::own(&[("GATEWAY_CONNECTORS__HOSTS", &vendor.hosts())]).await;
    desk.hook(&receiver, &["connection.reconnect_needed"]).await;
    let path = create(&desk, &slack()).await;
    connect(&desk, &path).await;
    vendor.set(Mood::Down);
    wait_for_status(&desk.api, &path, "failing").await;
    let shown = desk.api.get(&path).await.ok(200);
    assert!(text(&shown, "status_detail").contains("503"), "{shown}");
    // Five seconds later.
    vendor.set(Mood::Good);
    wait_for_status(&desk.api, &path, "ready").await;
    assert_eq!(receiver.count(), 0);

    vendor.set(Mood::Refusing);
    wait_for_status(&desk.api, &path, "reconnect").await;
    let shown = desk.api.get(&path).await.ok(200);
    let detail = text(&shown, "status_detail");
    assert!(
        detail.contains("invalid_grant") && !detail.contains("rotation_in_doubt"),
        "{detail}"
    );
    let told = receiver.only().await.json();
    assert_eq!(told["type"], "connection.reconnect_needed");
    let id = path.rsplit('/').next().expect("an id");
    assert_eq!(
        told["data"],
        json!({"connection_id": id, "name": "Team", "connector": "slack", "status_detail": detail})
    );
    let count = vendor.calls().len();
    a_moment().await;
    assert_eq!(vendor.calls().len(), count, "a refusal is final");
    gateway
        .wait_for_metric("gateway_connections{status=\"reconnect\"}", 1.0)
        .await;
    let audit = desk
        .api
        .get("/v1/audit?action=connection.reconnect_needed")
        .await
        .ok(200);
    assert_eq!(audit["data"].as_array().map(Vec::len), Some(1));
    // A person connects it again.
    vendor.set(Mood::Good);
    connect(&desk, &path).await;
    assert_eq!(status(&desk.api, &path).await, "ready");
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_refresh_leaves_it_in_doubt_and_no_other() {
    let vendor = Vendor::start(Some(4)).await;
    let hosts = vendor.hosts();
    let settings = [("GATEWAY_CONNECTORS__HOSTS", hosts.as_str())];
    let (gateway, database, desk) = Desk::own(&settings).await;
    let path = create(&desk, &slack()).await;
    connect(&desk, &path).await;
    let before = vendor.calls().len();
    // The vendor spends the token, and its answer finds nobody.
    vendor.set(Mood::Slow(60_000));
    eventually("a refresh is under way", SOON * 2, || async {
        vendor.calls().len() > before
    })
    .await;
    gateway.kill();
    vendor.set(Mood::Good);
    // The lease of the dead runs out.
    database.ask("update connections set leased_until = now()").await;
    let next = Gateway::start(&database.url(), &settings).await;
    let api = desk.seen_from(&next);
    api.wait_for_key().await;
    wait_for_status(&api, &path, "reconnect").await;
    let detail = text(&api.get(&path).await.ok(200), "status_detail");
    assert!(detail.starts_with("rotation_in_doubt"), "{detail}");
    assert_eq!(vendor.reused(), 1, "the old token was tried once more");
}

#[tokio::test]
async fn a_token_that_says_no_end_stays_and_an_answer_that_is_lost_is_in_doubt() {
    let vendor = Vendor::start(None).await;
    let (_gateway, database, desk) = Desk::own(&[("GATEWAY_CONNECTORS__HOSTS", &vendor.hosts())]).await;
    let path = create(&desk, &slack()).await;
    connect(&desk, &path).await;
    let shown = desk.api.get(&path).await.ok(200);
    assert_eq!(
        (&shown["expires_at"], &shown["status"]),
        (&Value::Null, &json!("ready"))
    );
    a_moment().await;
    assert_eq!(vendor.calls().len(), 1);
    vendor.set(Mood::Swallowing);
    database.ask("update connections set refresh_at = now()").await;
    wait_for_status(&desk.api, &path, "failing").await;
    vendor.set(Mood::Good);
    database.ask("update connections set refresh_at = now()").await;
    wait_for_status(&desk.api, &path, "reconnect").await;
    let detail = text(&desk.api.get(&path).await.ok(200), "status_detail");
    assert!(detail.starts_with("rotation_in_doubt"), "{detail}");
}
