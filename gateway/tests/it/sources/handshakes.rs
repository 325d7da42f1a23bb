//! Requests that set a connection up.

use serde_json::{Value, json};
use stage::Desk;

use super::signed::{SECRET, hmac_hex, slack, zoom};
use super::{Source, events_of, is_dressed};

fn challenge(value: &str) -> String {
    json!({"token": "t", "challenge": value, "type": "url_verification"}).to_string()
}

#[tokio::test]
async fn a_challenge_is_echoed_as_text_once_it_is_signed() {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "slack", json!({"signing_secret": SECRET})).await;
    let body = challenge("3eZbrw1aB1MK");
    let reply = slack(&source, "application/json", &body).send().await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(reply.text(), "3eZbrw1aB1MK");
    assert!(is_dressed(&reply), "{reply:?}");
    let unsigned = source.call(http::Method::POST).body("application/json", body);
    unsigned.send().await.problem(401, "signature_missing");
    let receipts = source.receipts(&desk).await;
    assert_eq!(receipts[1]["outcome"], "handshake");
    assert_eq!(receipts[1]["event_ids"], json!([]));
}

#[tokio::test]
async fn what_a_browser_could_run_is_not_echoed() {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "slack", json!({"signing_secret": SECRET})).await;
    let long = "x".repeat(1025);
    for value in ["<script>", "a>b", "a\"b", "a'b", "a\nb", "a\u{7f}b", "", &long] {
        let reply = slack(&source, "application/json", &challenge(value)).send().await;
        reply.problem(403, "handshake_refused");
        assert!(is_dressed(&reply), "{reply:?}");
    }
    let refused = source.receipts(&desk).await;
    assert!(
        refused
            .iter()
            .all(|receipt| receipt["outcome"] == "handshake_refused"),
        "{refused:?}"
    );
    let longest = "x".repeat(1024);
    let reply = slack(&source, "application/json", &challenge(&longest))
        .send()
        .await;
    assert_eq!(reply.text(), longest);
}

#[tokio::test]
async fn a_challenge_is_answered_with_its_hmac() {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "zoom", json!({"secret_token": SECRET})).await;
    let body = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8"},"event_ts":1}"#;
    let reply = zoom(&source, body).send().await;
    let expected = json!({"plainToken": "qgg8", "encryptedToken": hmac_hex("qgg8")});
    assert_eq!(reply.ok(200), expected);
    assert!(events_of(&desk, "zoom.endpoint.url_validation").await.is_empty());
    assert_eq!(
        zoom(&source, r#"{"event":"meeting.started"}"#)
            .send()
            .await
            .status,
        204
    );
    assert_eq!(events_of(&desk, "zoom.meeting.started").await.len(), 1);
}

#[tokio::test]
async fn forms_are_objects_of_strings_and_one_field_may_be_json() {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "slack", json!({"signing_secret": SECRET})).await;
    let form = "application/x-www-form-urlencoded";
    let body = "command=%2Fwebhook&text=1.10&trigger_id=1";
    assert_eq!(slack(&source, form, body).send().await.status, 200);
    let command = &events_of(&desk, "slack.command").await[0]["data"]["payload"];
    assert_eq!(
        *command,
        json!({"command": "/webhook", "text": "1.10", "trigger_id": "1"})
    );
    let body = "payload=%7B%22type%22%3A%22block_actions%22%2C%22n%22%3A1.10%7D";
    assert_eq!(slack(&source, form, body).send().await.status, 200);
    let events = events_of(&desk, "slack.block_actions").await;
    let id = events[0]["id"].as_str().expect("an id");
    let whole = desk.api.get(&format!("/v1/events/{id}")).await;
    assert!(
        whole
            .text()
            .contains(r#""payload":{"type":"block_actions","n":1.10},"#)
    );
    let twice = slack(&source, form, "a=1&a=2").send().await;
    twice.problem(400, "malformed_body");
}

#[tokio::test]
async fn messages_of_bots_are_passed_over_unless_they_are_asked_for() {
    let desk = Desk::open().await;
    let secrets = json!({"signing_secret": SECRET});
    let source = Source::make(&desk, "slack", secrets.clone()).await;
    let more = json!({"options": {"include_bots": true}});
    let all = Source::make_with(&desk, "slack", secrets, more).await;
    assert_eq!(all.shown(&desk).await["options"], json!({"include_bots": true}));
    let body = r#"{"type":"event_callback","event_id":"E1","event":{"type":"message","bot_id":"B1"}}"#;
    for (source, outcome) in [(&source, "filtered"), (&all, "accepted")] {
        assert_eq!(slack(source, "application/json", body).send().await.status, 200);
        assert_eq!(source.receipts(&desk).await[0]["outcome"], outcome);
    }
    let events = events_of(&desk, "slack.message").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"]["source_id"], Value::from(all.id));
}
