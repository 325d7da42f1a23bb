//! Creating, changing, listing and deleting connections.

use serde_json::{Value, json};

use stage::Desk;
use stage::desk::{all_pages, text};

use super::{TOKEN, bearer, create};

#[tokio::test]
async fn a_connection_from_its_creation_to_its_end() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let made = desk.api.post("/v1/connections", &bearer(TOKEN)).await;
    assert!(!made.text().contains(TOKEN));
    let made = made.ok(201);
    let id = text(&made, "id");
    assert!(id.starts_with("conn_"));
    let expected = json!({
        "id": id, "name": "Team", "connector": "slack", "kind": "bearer", "fields": {"token": "••••"},
        "account": null, "scopes": [], "status": "ready", "status_detail": null, "expires_at": null,
        "refreshed_at": null, "used_by": {"rules": 0, "sources": 0},
        "created_at": made["created_at"], "updated_at": made["updated_at"],
    });
    assert_eq!(made, expected);
    let path = format!("/v1/connections/{id}");
    assert_eq!(desk.api.get(&path).await.ok(200), made);

    // What is sealed is not there in the clear, and what does not change stays as it is.
    let rows = database.ask("select fields from connections").await;
    assert!(!rows.contains("canary"), "{rows}");
    let same = desk
        .api
        .patch(&path, &json!({"fields": {"token": "••••"}, "name": "Team"}))
        .await
        .ok(200);
    assert_eq!(same, made);
    assert_eq!(database.ask("select fields from connections").await, rows);

    let patch = json!({"name": "Other", "fields": {"token": "xoxp-a-second-token-1234"}});
    let patched = desk.api.patch(&path, &patch).await.ok(200);
    assert_eq!(
        (&patched["name"], &patched["fields"]),
        (&json!("Other"), &json!({"token": "••••1234"}))
    );
    assert_ne!(patched["updated_at"], made["updated_at"]);

    // A rule uses it.
    let rule = format!(
        "insert into connection_uses values ('rule', gen_random_uuid(), '{}')",
        id.replacen("conn_", "", 1)
    );
    database.ask(&rule).await;
    let shown = desk.api.get(&path).await.ok(200);
    assert_eq!(shown["used_by"], json!({"rules": 1, "sources": 0}));
    desk.api.delete(&path).await.problem(409, "connection_in_use");
    database.ask("delete from connection_uses").await;
    desk.api.delete(&path).await.no_content();
    desk.api.get(&path).await.problem(404, "not_found");
    desk.api.patch(&path, &json!({})).await.problem(404, "not_found");
    desk.api.delete(&path).await.problem(404, "not_found");

    let audit = desk.api.get(&format!("/v1/audit?target={id}")).await.ok(200);
    let entries = audit["data"].as_array().expect("data");
    let actions: Vec<&str> = entries
        .iter()
        .map(|entry| entry["action"].as_str().expect("an action"))
        .collect();
    assert_eq!(
        actions,
        ["connection.deleted", "connection.updated", "connection.created"]
    );
    assert_eq!(
        entries[1]["changes"],
        json!({"name": ["Team", "Other"], "fields": ["[hidden]", "[hidden]"]})
    );
}

#[tokio::test]
async fn faults_are_told_with_their_places() {
    let desk = Desk::open().await;
    let refused = async |body: Value, places: &[&str]| {
        desk.api.post("/v1/connections", &body).await.refused_at(places);
    };
    refused(json!({}), &["body.connector", "body.kind", "body.name"]).await;
    refused(
        json!({"name": "x", "connector": "nobody", "kind": "bearer", "more": 1}),
        &["body.connector", "body.more"],
    )
    .await;
    refused(
        json!({"name": "x", "connector": "slack", "kind": "basic"}),
        &["body.kind"],
    )
    .await;
    refused(
        json!({"name": "x", "connector": "slack", "kind": "bearer"}),
        &["body.fields.token"],
    )
    .await;
    for token in [
        json!("xoxa-1"),
        json!("xoxb-1\n"),
        json!(" xoxb-1"),
        json!("xoxb-ü"),
        json!(""),
        json!(7),
        json!("••••1234"),
        json!("x".repeat(5000)),
    ] {
        let body = json!({"name": "x", "connector": "slack", "kind": "bearer", "fields": {"token": token}});
        refused(body, &["body.fields.token"]).await;
    }
    refused(
        json!({"name": "x", "connector": "slack", "kind": "bearer", "fields": {"token": "xoxb-1", "shop": "a"}}),
        &["body.fields.shop"],
    )
    .await;
    refused(
        json!({"name": "x", "connector": "slack", "kind": "bearer", "fields": []}),
        &["body.fields"],
    )
    .await;
    // Without an app of the operator a client is needed.
    refused(
        json!({"name": "x", "connector": "slack", "kind": "oauth2"}),
        &["body.fields.client_id", "body.fields.client_secret"],
    )
    .await;
}

#[tokio::test]
async fn a_secret_url_stays_within_the_vendors_hosts() {
    let desk = Desk::open().await;
    let body = |url: &str| json!({"name": "x", "connector": "slack", "kind": "url", "fields": {"url": url}});
    for url in [
        "http://hooks.slack.com/services/T/B/x",
        "https://slack.com/services/T/B/x",
        "https://hooks.slack.com.evil.example/services/T/B/x",
        "https://hooks.slack.com@evil.example/services/T/B/x",
        "https://u:p@hooks.slack.com/services/T/B/x",
        "https://hooks.slack.com:8443/services/T/B/x",
        "https://hooks.slack.com/services/../other",
        "https://hooks.slack.com/other",
        "https://hooks.slack.com/services/x#y",
        "//hooks.slack.com/services/x",
    ] {
        let reply = desk.api.post("/v1/connections", &body(url)).await;
        reply.refused_at(&["body.fields.url"]);
    }
    let url = "https://hooks.slack.com/services/T000/B000/canaryCanary9876";
    let path = create(&desk, &body(url)).await;
    let shown = desk.api.get(&path).await.ok(200);
    assert_eq!(shown["fields"], json!({"url": "••••9876"}));
}

#[tokio::test]
async fn others_see_nothing_and_pages_are_whole() {
    let desk = Desk::open().await;
    let mut paths = Vec::new();
    for nth in 0..5 {
        let mut body = bearer(TOKEN);
        body["name"] = json!(format!("c{nth}"));
        paths.push(create(&desk, &body).await);
    }
    let rows = all_pages(&desk.api, "/v1/connections", 2).await;
    let names: Vec<&str> = rows
        .iter()
        .map(|row| row["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["c4", "c3", "c2", "c1", "c0"]);
    let other = Desk::open().await;
    assert_eq!(
        all_pages(&other.api, "/v1/connections", 50).await,
        [] as [Value; 0]
    );
    let path = &paths[0];
    other.api.get(path).await.problem(404, "not_found");
    other
        .api
        .patch(path, &json!({"name": "mine"}))
        .await
        .problem(404, "not_found");
    other.api.delete(path).await.problem(404, "not_found");
    other
        .api
        .post_nothing(&format!("{path}/test"))
        .await
        .problem(404, "not_found");
    let reader = desk.with_scopes(&["webhooks:read"]).await;
    reader.get(path).await.ok(200);
    reader.delete(path).await.problem(403, "scope_missing");
    reader
        .post("/v1/connections", &bearer(TOKEN))
        .await
        .problem(403, "scope_missing");
}
