//! Actions at a vendor: with a connection's credential, judged by the connector's table.

use serde_json::json;

use super::Rule;
use stage::{Act, Database, Desk, Gateway, Receiver, SOON, desk::a_moment, desk::text, until};

const TOKEN: &str = "xoxb-canary-0123456789";

/// A desk whose requests to the vendor go to `receiver`.
async fn desk_with(receiver: &Receiver) -> (Gateway, Database, Desk) {
    let hosts = format!("slack.com=http://{}", receiver.address());
    Desk::own(&[("GATEWAY_CONNECTORS__HOSTS", &hosts)]).await
}

async fn connection(desk: &Desk) -> String {
    let body = json!({"name": "team", "connector": "slack", "kind": "bearer", "fields": {"token": TOKEN}});
    text(&desk.api.post("/v1/connections", &body).await.ok(201), "id")
}

async fn rule(desk: &Desk, connection: &str) -> Rule {
    let body = json!({
        "name": "tell", "events": ["deal.won"], "action": "slack.message", "connection_id": connection,
        "input": {"channel": "C012", "text": "{{data.name}} & <co>"}, "max_attempts": 2,
    });
    let made = desk.api.post("/v1/rules", &body).await.ok(201);
    Rule {
        id: text(&made, "id"),
    }
}

fn says(status: u16, body: &str) -> Act {
    Act::saying(status, body)
}

#[tokio::test]
async fn a_message_is_sent_to_the_byte_and_its_result_kept() {
    let answer = r#"{"ok":true,"channel":"C012","ts":"1.2"}"#;
    let receiver = Receiver::scripted(vec![says(200, answer)]).await;
    let (gateway, _database, desk) = desk_with(&receiver).await;
    let connection = connection(&desk).await;
    let rule = rule(&desk, &connection).await;
    let event = desk.send("deal.won", json!({"name": "<A&B>"})).await;
    let received = receiver.only().await;
    assert_eq!(received.line, "POST /api/chat.postMessage HTTP/1.1");
    assert_eq!(received.header("host"), "slack.com");
    assert_eq!(received.header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(
        received.text(),
        r#"{"channel":"C012","text":"&lt;A&amp;B&gt; & <co>"}"#
    );
    let delivery = desk.delivery_that(&event, "succeeded").await;
    assert_eq!(delivery["result"], json!({"channel": "C012", "ts": "1.2"}));
    let shown = &delivery["attempts"][0]["request"];
    assert_eq!(shown["headers"]["authorization"], "••••");
    assert!(!delivery.to_string().contains("canary"), "{delivery}");
    assert!(!gateway.log().contains("canary"));
    let path = format!("/v1/connections/{connection}");
    desk.api.delete(&path).await.problem(409, "connection_in_use");
    desk.api.delete(&rule.path()).await.no_content();
    desk.api.delete(&path).await.no_content();
}

#[tokio::test]
async fn the_table_decides_and_not_the_status() {
    let receiver = Receiver::scripted(vec![
        says(
            200,
            &format!(r#"{{"ok":false,"error":"channel_not_found","echo":"{TOKEN}"}}"#),
        ),
        says(200, r#"{"ok":false,"error":"internal_error"}"#),
        says(200, r#"{"ok":true,"channel":"C012","ts":"2"}"#),
    ])
    .await;
    let (_gateway, _database, desk) = desk_with(&receiver).await;
    let connection = connection(&desk).await;
    rule(&desk, &connection).await;
    let event = desk.send("deal.won", json!({"name": "x"})).await;
    let delivery = desk.delivery_that(&event, "failed").await;
    assert_eq!(
        (&delivery["attempt_count"], &delivery["last_error_code"]),
        (&json!(1), &json!("vendor_error"))
    );
    assert_eq!(delivery["attempts"][0]["error_detail"], "channel_not_found");
    let body = text(&delivery["attempts"][0], "response_body");
    assert!(body.ends_with(r#""echo":"••••"}"#), "{body}");
    let event = desk.send("deal.won", json!({"name": "x"})).await;
    let delivery = desk.delivery_that(&event, "succeeded").await;
    assert_eq!(delivery["attempt_count"], 2);
    assert_eq!(delivery["attempts"][0]["error_code"], "vendor_error");
}

#[tokio::test]
async fn a_preview_masks_the_credential_and_faults_name_the_connection() {
    let receiver = Receiver::start().await;
    let (_gateway, _database, desk) = desk_with(&receiver).await;
    let connection = connection(&desk).await;
    let body = json!({
        "action": "slack.message", "connection_id": connection, "input": {"channel": "C1", "text": "{{data.a}}"},
        "event": {"data": {"a": "hi"}},
    });
    let shown = desk.api.post("/v1/rules/preview", &body).await.ok(200);
    assert_eq!(
        shown["request"],
        json!({
            "method": "POST", "url": "https://slack.com/api/chat.postMessage",
            "headers": {"authorization": "••••", "content-type": "application/json"},
            "body": r#"{"channel":"C1","text":"hi"}"#,
        })
    );
    let mut without = body.clone();
    without["connection_id"] = json!(null);
    desk.api
        .post("/v1/rules/preview", &without)
        .await
        .refused_at(&["body.connection_id"]);
    let mut foreign = body;
    foreign["connection_id"] = json!("conn_0198c0de-0000-7000-8000-000000000001");
    desk.api
        .post("/v1/rules/preview", &foreign)
        .await
        .refused_at(&["body.connection_id"]);
    a_moment().await;
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn a_refused_credential_holds_deliveries_until_it_is_mended() {
    let receiver = Receiver::scripted(vec![
        says(200, r#"{"ok":false,"error":"invalid_auth"}"#),
        says(200, r#"{"ok":true,"channel":"C012","ts":"1"}"#),
    ])
    .await;
    let (_gateway, _database, desk) = desk_with(&receiver).await;
    let connection = connection(&desk).await;
    rule(&desk, &connection).await;
    let event = desk.send("deal.won", json!({"name": "x"})).await;
    let held = desk
        .delivery_when(&event, |delivery| {
            delivery["last_error_code"] == "connection_not_ready"
        })
        .await;
    assert_eq!(
        (&held["status"], &held["attempt_count"]),
        (&json!("pending"), &json!(0))
    );
    let path = format!("/v1/connections/{connection}");
    until("the connection tells of it", SOON, || async {
        let shown = desk.api.get(&path).await.ok(200);
        (shown["status"] == "reconnect").then_some(())
    })
    .await;
    let second = desk.send("deal.won", json!({"name": "y"})).await;
    desk.delivery_when(&second, |delivery| {
        delivery["last_error_code"] == "connection_not_ready"
    })
    .await;
    assert_eq!(receiver.count(), 1, "nothing goes out with a refused credential");
    let mended = json!({"fields": {"token": "xoxb-canary-another-123456"}});
    desk.api.patch(&path, &mended).await.ok(200);
    for event in [&event, &second] {
        let delivery = desk.delivery_that(event, "succeeded").await;
        assert_eq!(delivery["attempt_count"], 1);
    }
    assert_eq!(
        receiver.received()[1].header("authorization"),
        "Bearer xoxb-canary-another-123456"
    );
}
