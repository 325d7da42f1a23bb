//! What is wrong with a rule is told when it is saved, by its place.

use serde_json::{Value, json};

use super::{request, rule, url};
use stage::{Desk, Receiver};

async fn refused(desk: &Desk, input: Value, places: &[&str]) {
    let body = request(&["deal.won"], &input);
    desk.api.post("/v1/rules", &body).await.refused_at(places);
}

#[tokio::test]
async fn templates_are_compiled_when_a_rule_is_saved() {
    let desk = Desk::open().await;
    let good = "https://example.com/";
    for (text, _) in [
        ("{{unknown.root}}", "unknown root"),
        ("{{connection.token}}", "the credential"),
        ("{{input.url}}", "another input"),
        ("{{data.a | shout}}", "unknown filter"),
        ("{{data.a", "no end"),
        ("{{}}", "nothing"),
        ("{{data.a | hmac_sha256_hex(x)}}", "a secret"),
    ] {
        refused(
            &desk,
            json!({"url": good, "method": text}),
            &["body.input.method"],
        )
        .await;
    }
    refused(
        &desk,
        json!({"url": good, "json": {"a": [{"b": "{{data.a | shout}}"}]}}),
        &["body.input.json.a.0.b"],
    )
    .await;
    refused(
        &desk,
        json!({"url": good, "colour": "red"}),
        &["body.input.colour"],
    )
    .await;
    refused(&desk, json!({}), &["body.input.url"]).await;
    refused(&desk, json!("x"), &["body.input"]).await;
    let many = "{{data.a}}".repeat(201);
    refused(
        &desk,
        json!({"url": good, "method": many}),
        &["body.input.method"],
    )
    .await;
    let long = "x".repeat(65 * 1024);
    refused(&desk, json!({"url": good, "method": long}), &["body.input"]).await;
    assert_eq!(desk.api.get("/v1/rules").await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn no_value_chooses_the_host() {
    let desk = Desk::open().await;
    for url in [
        "{{data.url}}",
        "https://{{data.host}}/",
        "https://example.com{{data.rest}}",
        "https://example.com:{{data.port}}/",
        "{{data.scheme}}://example.com/",
        "ftp://example.com/",
        "/relative",
        "example.com",
    ] {
        refused(&desk, json!({"url": url}), &["body.input.url"]).await;
    }
}

#[tokio::test]
async fn urls_are_guarded_like_those_of_webhooks() {
    let desk = Desk::open().await;
    let saved = async |url: &str| {
        let body = request(&["deal.won"], &json!({"url": url}));
        desk.api.post("/v1/rules", &body).await
    };
    saved("http://10.0.0.1/{{data.a}}")
        .await
        .problem(422, "url_forbidden_address");
    saved("http://user@example.com/")
        .await
        .problem(422, "url_invalid");
    saved("http://example.com:0/").await.problem(422, "url_invalid");
    let receiver = Receiver::start().await;
    let rule = rule(&desk, &["deal.won"], json!({"url": url(&receiver, "/")})).await;
    let changed = json!({"input": {"url": "http://10.0.0.1/"}});
    desk.api
        .patch(&rule.path(), &changed)
        .await
        .problem(422, "url_forbidden_address");
}

#[tokio::test]
async fn actions_types_and_connections_are_known() {
    let desk = Desk::open().await;
    let input = json!({"url": "https://example.com/"});
    for (field, value) in [
        ("action", json!("http.dance")),
        ("action", json!("nobody.request")),
        ("action", json!("http")),
        ("events", json!(["no.such"])),
        ("events", json!([])),
        (
            "connection_id",
            json!("conn_0198c0de-0000-7000-8000-000000000001"),
        ),
        ("connection_id", json!("x")),
        ("unsure", json!("maybe")),
        ("ordering", json!("random")),
        ("emit_result", json!("yes")),
        ("emit_result", json!(true)),
        ("action", json!("gateway.contact_upsert")),
        ("action", json!("instagram.post")),
        ("max_attempts", json!(51)),
        ("filter", json!({"a": {"no": 1}})),
        ("name", json!("")),
        ("colour", json!("red")),
    ] {
        let mut body = request(&["deal.won"], &input);
        body[field] = value;
        let reply = desk.api.post("/v1/rules", &body).await;
        let problem = reply.problem(422, "validation_failed");
        let place = problem["errors"][0]["location"]
            .as_str()
            .expect("a place")
            .to_owned();
        assert!(place.starts_with(&format!("body.{field}")), "{place}");
    }
}
