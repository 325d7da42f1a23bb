//! What is kept of requests, and trying refused ones again.

use http::Method;
use serde_json::{Value, json};
use stage::Desk;
use stage::desk::text;

use super::signed::{SECRET, now, stripe, stripe_signature};
use super::{Source, events_of};

const BODY: &str = r#"{"id":"evt_1","type":"invoice.paid"}"#;

#[tokio::test]
async fn a_refused_request_is_taken_once_its_secret_is_right() {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "stripe", json!({"signing_secret": "mistyped"})).await;
    stripe(&source, SECRET, BODY)
        .send()
        .await
        .problem(401, "signature_invalid");
    let refused = source.receipts(&desk).await.remove(0);
    assert_eq!(refused["outcome"], "signature_invalid");
    assert_eq!(refused["body"], BODY);
    assert_eq!(refused["bytes"], BODY.len());
    assert_eq!(refused["remote_ip"], "127.0.0.1");
    assert_eq!(refused["headers"]["content-type"], "application/json");
    let retry = format!("/v1/receipts/{}/retry", text(&refused, "id"));
    let again = desk.api.post_nothing(&retry).await.ok(200);
    assert_eq!(again["outcome"], "signature_invalid", "still wrong");
    let body = json!({"name": "signing_secret", "value": SECRET});
    desk.api.post(&source.at("/secrets"), &body).await.ok(200);
    let taken = desk.api.post_nothing(&retry).await.ok(200);
    assert_eq!(
        (&taken["outcome"], &taken["id"]),
        (&json!("accepted"), &refused["id"])
    );
    let events = events_of(&desk, "stripe.invoice.paid").await;
    assert_eq!(taken["event_ids"], json!([events[0]["id"]]));
    assert_eq!(source.receipts(&desk).await[0]["outcome"], "accepted");
    desk.api.post_nothing(&retry).await.problem(409, "receipt_purged");
    // The vendor's own repeat is one.
    assert_eq!(stripe(&source, SECRET, BODY).send().await.status, 200);
    assert_eq!(events_of(&desk, "stripe.invoice.paid").await.len(), 1);
    let other = Desk::open().await;
    other.api.post_nothing(&retry).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_request_is_judged_as_of_the_time_it_came() {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "stripe", json!({"signing_secret": SECRET})).await;
    let call = source.call(Method::POST).body("application/json", BODY);
    let stale = call.header("stripe-signature", stripe_signature(SECRET, now() - 400, BODY));
    stale.send().await.problem(401, "signature_stale");
    let receipt = source.receipts(&desk).await.remove(0);
    let retry = format!("/v1/receipts/{}/retry", text(&receipt, "id"));
    let again = desk.api.post_nothing(&retry).await.ok(200);
    assert_eq!(again["outcome"], "signature_stale", "it was stale when it came");
}

#[tokio::test]
async fn large_and_old_bodies_are_not_kept() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let source = Source::make(&desk, "stripe", json!({"signing_secret": "other"})).await;
    let large = format!("{BODY}{}", " ".repeat(16 * 1024));
    stripe(&source, SECRET, &large)
        .send()
        .await
        .problem(401, "signature_invalid");
    let receipt = source.receipts(&desk).await.remove(0);
    assert_eq!(receipt["body"], Value::Null);
    let retry = format!("/v1/receipts/{}/retry", text(&receipt, "id"));
    desk.api.post_nothing(&retry).await.problem(409, "receipt_purged");
    for _ in 0..60 {
        stripe(&source, SECRET, BODY)
            .send()
            .await
            .problem(401, "signature_invalid");
    }
    let receipts = source.receipts(&desk).await;
    assert_eq!(receipts.len(), 50);
    let bodies = receipts
        .iter()
        .filter(|receipt| receipt["body"].is_string())
        .count();
    assert_eq!(bodies, 20);
    assert!(receipts[..20].iter().all(|receipt| receipt["body"].is_string()));
    let kept = database.rows("select 1 from source_receipts").await.len();
    assert_eq!(kept, 50, "no more are stored");
    let sealed = database
        .rows("select 1 from source_receipts where sealed is not null")
        .await;
    assert_eq!(sealed.len(), 20);
}

#[tokio::test]
async fn secrets_reach_no_list_no_log_and_no_metric() {
    const CANARY: &str = "canary-5e0f8c1d-secret";
    let environment = [
        ("GATEWAY_TELEMETRY__LOG_LEVEL", "debug"),
        ("GATEWAY_TELEMETRY__ACCESS_LOG", "all"),
    ];
    let (gateway, database, desk) = Desk::own(&environment).await;
    let source = Source::make(&desk, "stripe", json!({"signing_secret": CANARY})).await;
    assert_eq!(stripe(&source, CANARY, BODY).send().await.status, 200);
    stripe(&source, "wrong", BODY)
        .send()
        .await
        .problem(401, "signature_invalid");
    // A credential that was sent where none belongs.
    let call = stripe(&source, CANARY, "{}").header("authorization", format!("Bearer {CANARY}"));
    assert_eq!(call.send().await.status, 200);
    let body = json!({"name": "signing_secret", "value": format!("{CANARY}-2")});
    desk.api.post(&source.at("/secrets"), &body).await.ok(200);
    let mut seen = Vec::new();
    for path in [
        source.at(""),
        source.at("/receipts"),
        "/v1/sources".into(),
        "/v1/audit".into(),
    ] {
        seen.push(desk.api.get(&path).await.text().to_owned());
    }
    seen.push(gateway.operations("/metrics").await.text().to_owned());
    let log = gateway.log();
    assert!(log.contains("/in/{token}"), "the route is logged");
    let token = source.path.trim_start_matches("/in/");
    assert!(!log.contains(token), "and the URL is not");
    seen.push(log);
    for text in seen {
        assert!(!text.contains(CANARY), "{text}");
    }
    for table in ["sources", "source_secrets", "source_receipts"] {
        let rows = database.rows(&format!("select t::text from {table} t")).await;
        for row in rows {
            let row: String = row.get(0);
            assert!(!row.contains(CANARY) && !row.contains(token), "{table}");
        }
    }
}
