//! No secret of a connection in a log line, an error, a metric, a reply or, in the clear, in any table.

use serde_json::json;

use stage::{Act, Desk, Receiver};

use super::{TOKEN, bearer, create, hosts};

const URL: &str = "https://hooks.slack.com/services/T000/B000/canary-5b1f-urlurl";

#[tokio::test]
async fn planted_secrets_are_nowhere() {
    // A vendor that repeats what it was sent.
    let vendor = Receiver::deciding(|_, received| {
        let token = received.header("authorization").to_owned();
        let body = json!({"ok": false, "error": token.replace("Bearer ", ""), "code": token});
        Act::Full(401, vec![("x-echo", token)], body.to_string().into_bytes())
    })
    .await;
    let hosts = hosts(&vendor);
    let settings = [
        ("GATEWAY_CONNECTORS__HOSTS", hosts.as_str()),
        ("GATEWAY_CONNECTORS__APPS__SLACK__CLIENT_ID", "app"),
        (
            "GATEWAY_CONNECTORS__APPS__SLACK__CLIENT_SECRET",
            "canary-app-secret-77",
        ),
        ("GATEWAY_TELEMETRY__LOG_LEVEL", "debug"),
        ("GATEWAY_TELEMETRY__ACCESS_LOG", "all"),
    ];
    let (gateway, database, desk) = Desk::own(&settings).await;
    let mut seen = String::new();
    let created = desk
        .api
        .post_call("/v1/connections", &bearer(TOKEN))
        .header("idempotency-key", "once")
        .send()
        .await;
    seen.push_str(created.text());
    let repeated = desk
        .api
        .post_call("/v1/connections", &bearer(TOKEN))
        .header("idempotency-key", "once")
        .send()
        .await;
    assert_eq!(repeated.header("idempotent-replayed"), Some("true"));
    seen.push_str(repeated.text());
    let path = format!(
        "/v1/connections/{}",
        created.ok(201)["id"].as_str().expect("an id")
    );
    let body = json!({"name": "x", "connector": "slack", "kind": "url", "fields": {"url": URL}});
    let other = create(&desk, &body).await;
    for reply in [
        desk.api.post_nothing(&format!("{path}/test")).await,
        desk.api.get(&path).await,
        desk.api.get(&other).await,
        desk.api.get("/v1/connections").await,
        desk.api.get("/v1/audit").await,
        desk.api.get("/v1/connectors").await,
        desk.api
            .patch(&path, &json!({"fields": {"token": format!("{TOKEN}\n")}}))
            .await,
        desk.api
            .patch(&other, &json!({"fields": {"url": URL.replace("https", "http")}}))
            .await,
        desk.api
            .patch(&path, &json!({"fields": {(TOKEN): "x"}, "name": null}))
            .await,
        gateway.operations("/metrics").await,
    ] {
        seen.push_str(&format!("{:?}\n{}\n", reply.headers, reply.text()));
    }
    assert!(vendor.count() > 0, "the vendor was asked");
    seen.push_str(&gateway.log());
    let tables = "select c::text, encode(c.fields, 'escape') from connections c union all select a::text, '' from audit a
                  union all select encode(r.reply, 'escape'), '' from idempotency_replies r";
    seen.push_str(&database.ask(tables).await);
    // The name of a field that is unknown is told, as far as a request may choose it.
    let seen = seen.replace(&format!("body.fields.{TOKEN}"), "");
    for canary in ["canary-8f21c7", "canary-5b1f", "canary-app-secret"] {
        let at = seen.find(canary);
        let around = at.map(|at| &seen[at.saturating_sub(200)..(at + 60).min(seen.len())]);
        assert!(at.is_none(), "{canary} stands in {around:?}");
    }
}
