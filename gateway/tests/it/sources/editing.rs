//! Creating, listing, changing and deleting sources, and what each leaves in the audit trail.

use serde_json::{Value, json};
use stage::desk::{all_pages, text};
use stage::{Desk, SOON, eventually};

use super::signed::{SECRET, stripe};
use super::{Source, events_of};

#[tokio::test]
async fn what_is_wrong_with_a_source_is_told_all_at_once() {
    let desk = Desk::open().await;
    let create = async |body: Value| desk.api.post("/v1/sources", &body).await;
    create(json!({}))
        .await
        .refused_at(&["body.connector", "body.name"]);
    create(json!({"name": "x", "connector": "nobody"}))
        .await
        .refused_at(&["body.connector"]);
    let body = json!({
        "name": "x", "connector": "slack", "secrets": {"other": "x", "signing_secret": 1},
        "options": {"other": true, "include_bots": "perhaps"}, "filter": {"a": {"near": 1}},
        "rate_limit_per_second": 0, "ip_allowlist": ["here"], "connection_id": "conn_1", "colour": 1,
    });
    create(body).await.refused_at(&[
        "body.colour",
        "body.connection_id",
        "body.filter.a.near",
        "body.ip_allowlist[0]",
        "body.options.include_bots",
        "body.options.other",
        "body.rate_limit_per_second",
        "body.secrets.other",
        "body.secrets.signing_secret",
    ]);
    // It has actions alone.
    create(json!({"name": "x", "connector": "ga4"}))
        .await
        .refused_at(&["body.connector"]);
}

#[tokio::test]
async fn a_source_is_made_changed_and_deleted_with_its_trail() {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "stripe", json!({"signing_secret": SECRET})).await;
    let one = Source::make(&desk, "stripe", json!({"signing_secret": SECRET})).await;
    let list = all_pages(&desk.api, "/v1/sources", 1).await;
    let ids: Vec<&Value> = list.iter().map(|shown| &shown["id"]).collect();
    assert_eq!(ids, [&json!(one.id), &json!(source.id)]);
    let body = json!({"name": "billing", "filter": {"payload.amount": 5}, "rate_limit_per_second": 100});
    let shown = desk.api.patch(&source.at(""), &body).await.ok(200);
    assert_eq!(shown["name"], "billing");
    assert_eq!(shown["filter"], json!({"payload.amount": 5}));
    let paid = |amount: u32| format!(r#"{{"id":"evt_{amount}","type":"paid","amount":{amount}}}"#);
    for amount in [4, 5] {
        assert_eq!(stripe(&source, SECRET, &paid(amount)).send().await.status, 200);
    }
    assert_eq!(events_of(&desk, "stripe.paid").await.len(), 1);
    assert_eq!(source.receipts(&desk).await[1]["outcome"], "filtered");
    desk.api.delete(&source.at("")).await.no_content();
    stripe(&source, SECRET, &paid(6))
        .send()
        .await
        .problem(404, "not_found");
    desk.api.get(&source.at("")).await.problem(404, "not_found");
    // Events stay, and lists of all types know theirs.
    let all = desk.api.get("/v1/events").await.ok(200);
    assert_eq!(all["data"][0]["type"], "stripe.paid");
    let trail = desk.api.get("/v1/audit?limit=200").await.ok(200);
    let entries = trail["data"].as_array().expect("data");
    let actions: Vec<&str> = entries
        .iter()
        .filter(|entry| entry["target"]["id"] == json!(source.id))
        .map(|entry| entry["action"].as_str().expect("text"))
        .collect();
    assert_eq!(actions, ["source.deleted", "source.updated", "source.created"]);
}

#[tokio::test]
async fn a_prefix_is_known_while_the_workspace_has_a_source_of_that_connector() {
    let desk = Desk::open().await;
    let hook = |events: Value| json!({"name": "x", "url": "http://127.0.0.1:9/", "events": events});
    for selector in ["stripe.*", "stripe.invoice.*", "stripe.invoice.paid"] {
        let refused = desk.api.post("/v1/webhooks", &hook(json!([selector]))).await;
        refused.refused_at(&["body.events[0]"]);
    }
    let source = Source::make(&desk, "stripe", json!({})).await;
    for selector in ["stripe.*", "stripe.invoice.*", "stripe.invoice.paid", "deal.*"] {
        desk.api
            .post("/v1/webhooks", &hook(json!([selector])))
            .await
            .ok(201);
    }
    let refused = desk
        .api
        .post("/v1/webhooks", &hook(json!(["slack.*", "stripes.*"])))
        .await;
    refused.refused_at(&["body.events[0]", "body.events[1]"]);
    // Nobody but the source can send such events.
    let forged = json!({"type": "stripe.invoice.paid", "data": {}});
    desk.api
        .post("/v1/events", &forged)
        .await
        .refused_at(&["body.type"]);
    desk.api.delete(&source.at("")).await.no_content();
    eventually("the prefix is unknown again", SOON, || async {
        desk.api
            .post("/v1/webhooks", &hook(json!(["stripe.*"])))
            .await
            .status
            == 422
    })
    .await;
}

#[tokio::test]
async fn sources_are_of_their_workspace_and_need_their_scopes() {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "stripe", json!({"signing_secret": SECRET})).await;
    let other = Desk::open().await;
    other.api.get(&source.at("")).await.problem(404, "not_found");
    other
        .api
        .get(&source.at("/receipts"))
        .await
        .problem(404, "not_found");
    other
        .api
        .patch(&source.at(""), &json!({"name": "x"}))
        .await
        .problem(404, "not_found");
    other.api.delete(&source.at("")).await.problem(404, "not_found");
    other
        .api
        .post_nothing(&source.at("/confirm"))
        .await
        .problem(404, "not_found");
    let reader = desk.with_scopes(&["webhooks:read"]).await;
    let seen = reader.get(&source.at("")).await.ok(200);
    assert!(text(&seen, "url").ends_with(&source.path));
    let body = json!({"name": "x", "connector": "stripe"});
    for scopes in [&["webhooks:write"][..], &["events:write"][..]] {
        let narrow = desk.with_scopes(scopes).await;
        narrow
            .post("/v1/sources", &body)
            .await
            .problem(403, "scope_missing");
    }
    desk.api
        .post_nothing(&source.at("/confirm"))
        .await
        .problem(409, "handshake_not_pending");
}
