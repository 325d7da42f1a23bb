//! What is turned away, and in which order.

use http::Method;
use serde_json::{Value, json};
use stage::{Desk, SOON, eventually};

use super::signed::{SECRET, now, stripe, stripe_signature};
use super::{Source, events_of, is_dressed};

const BODY: &str = r#"{"id":"evt_1","type":"invoice.paid"}"#;

async fn open() -> (Desk, Source) {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "stripe", json!({"signing_secret": SECRET})).await;
    (desk, source)
}

#[tokio::test]
async fn what_is_not_signed_as_it_should_be_is_refused_and_makes_nothing() {
    let (desk, source) = open().await;
    let unsigned = source.call(Method::POST).body("application/json", BODY);
    let reply = unsigned.send().await;
    reply.problem(401, "signature_missing");
    assert!(is_dressed(&reply), "{reply:?}");
    let signed = |signature: String| {
        let call = source.call(Method::POST).body("application/json", BODY);
        call.header("stripe-signature", signature)
    };
    for (signature, code) in [
        (stripe_signature("another", now(), BODY), "signature_invalid"),
        (stripe_signature(SECRET, now(), "{}"), "signature_invalid"),
        ("v1=00".to_owned(), "signature_missing"),
        ("t=soon,v1=00".to_owned(), "signature_invalid"),
        (stripe_signature(SECRET, now() - 310, BODY), "signature_stale"),
        (stripe_signature(SECRET, now() + 310, BODY), "signature_stale"),
    ] {
        signed(signature).send().await.problem(401, code);
    }
    let before = stripe_signature(SECRET, now() - 290, BODY);
    assert_eq!(signed(before).send().await.status, 200, "within five minutes");
    assert_eq!(events_of(&desk, "stripe.invoice.paid").await.len(), 1);
    let shown = source.shown(&desk).await;
    assert_eq!(
        (&shown["accepted_24h"], &shown["refused_24h"]),
        (&json!(1), &json!(7))
    );
}

#[tokio::test]
async fn a_header_that_comes_twice_is_refused_also_when_both_are_equal() {
    let (desk, source) = open().await;
    let signature = stripe_signature(SECRET, now(), BODY);
    let length = BODY.len().to_string();
    let headers = [
        ("stripe-signature", signature.as_str()),
        ("Stripe-Signature", signature.as_str()),
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
    ];
    let mut wire = source.api.begin("POST", &source.path, &headers).await;
    wire.write(BODY).await;
    let answer = wire.answer().await.expect("an answer");
    assert_eq!(answer.ok(401)["code"], "signature_invalid");
    assert!(events_of(&desk, "stripe.invoice.paid").await.is_empty());
}

#[tokio::test]
async fn the_first_fault_in_the_contracts_order_is_told() {
    let (desk, source) = open().await;
    let unknown = source.api.call(Method::POST, &format!("{}x", source.path));
    unknown.send().await.problem(404, "not_found");
    let wrong = source.call(Method::PUT).send().await;
    wrong.problem(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), Some("HEAD, POST"));
    source.call(Method::HEAD).send().await.no_content();
    // Disabled comes after the method, and before the address.
    let body = json!({"enabled": false, "ip_allowlist": ["192.0.2.0/24"]});
    desk.api.patch(&source.at(""), &body).await.ok(200);
    source
        .call(Method::PUT)
        .send()
        .await
        .problem(405, "method_not_allowed");
    stripe(&source, SECRET, BODY)
        .send()
        .await
        .problem(410, "source_disabled");
    source.call(Method::HEAD).send().await.no_content();
    desk.api
        .patch(&source.at(""), &json!({"enabled": true}))
        .await
        .ok(200);
    stripe(&source, SECRET, BODY)
        .send()
        .await
        .problem(403, "ip_not_allowed");
    let open = json!({"ip_allowlist": null});
    desk.api.patch(&source.at(""), &open).await.ok(200);
    // Size comes before the coding, and both before the signature.
    let large = "x".repeat((1 << 20) + 1);
    let call = source
        .call(Method::POST)
        .bare_body(large)
        .header("content-encoding", "gzip");
    call.send().await.problem(413, "too_large");
    desk.api
        .patch(&source.at(""), &json!({"rate_limit_per_second": 1}))
        .await
        .ok(200);
    // Small ones: a refusal does not wait for the body, and may close the connection under a longer one.
    let many = (0..10).map(|_| {
        source
            .call(Method::POST)
            .bare_body("x")
            .header("content-encoding", "x")
            .send()
    });
    let replies = futures_util::future::join_all(many).await;
    let limited = replies
        .iter()
        .find(|reply| reply.status == 429)
        .expect("one a second");
    limited.problem(429, "rate_limited");
    assert!(limited.header("retry-after").is_some());
    desk.api
        .patch(&source.at(""), &json!({"rate_limit_per_second": null}))
        .await
        .ok(200);
    let call = source
        .call(Method::POST)
        .bare_body("x")
        .header("content-encoding", "gzip");
    call.send().await.problem(415, "media_type_unsupported");
    stripe(&source, SECRET, "not JSON")
        .send()
        .await
        .problem(400, "malformed_body");
    stripe(&source, "wrong", "not JSON")
        .send()
        .await
        .problem(401, "signature_invalid");
    assert!(events_of(&desk, "stripe.invoice.paid").await.is_empty());
}

#[tokio::test]
async fn a_body_of_a_mebibyte_is_taken_to_the_byte() {
    let (desk, source) = open().await;
    let frame = r#"{"type":"big","pad":""}"#.len();
    let body = format!(r#"{{"type":"big","pad":"{}"}}"#, "p".repeat((1 << 20) - frame));
    assert_eq!(body.len(), 1 << 20);
    assert_eq!(stripe(&source, SECRET, &body).send().await.status, 200);
    let events = events_of(&desk, "stripe.big").await;
    let pad = events[0]["data"]["payload"]["pad"].as_str().map(str::len);
    assert_eq!(pad, Some((1 << 20) - frame));
}

#[tokio::test]
async fn without_its_secret_a_source_is_pending_and_takes_nothing() {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "stripe", json!({})).await;
    let shown = source.shown(&desk).await;
    assert_eq!(shown["status"], "pending", "{shown}");
    assert!(
        shown["status_detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("signing_secret"))
    );
    // Who knows no secret can sign with nothing, too.
    for key in ["", "whsec_"] {
        stripe(&source, key, BODY)
            .send()
            .await
            .problem(401, "signature_invalid");
    }
    let body = json!({"name": "signing_secret", "value": SECRET});
    let set = desk.api.post(&source.at("/secrets"), &body).await.ok(200);
    assert_eq!(set["secrets"], json!({}), "{set}");
    assert_eq!(stripe(&source, SECRET, BODY).send().await.status, 200);
    let shown = source.shown(&desk).await;
    assert_eq!(shown["status"], "ready");
    assert_eq!(shown["secrets"]["signing_secret"]["hint"], "••••LaSw");
}

#[tokio::test]
async fn twenty_refusals_in_a_row_are_failing_until_one_is_accepted() {
    let (desk, source) = open().await;
    for count in 1..=20 {
        stripe(&source, "wrong", BODY)
            .send()
            .await
            .problem(401, "signature_invalid");
        let expected = if count < 20 { "ready" } else { "failing" };
        if count >= 19 {
            assert_eq!(source.shown(&desk).await["status"], expected, "{count}");
        }
    }
    let detail = source.shown(&desk).await["status_detail"].clone();
    assert!(
        detail
            .as_str()
            .is_some_and(|detail| detail.contains("signature_invalid")),
        "{detail}"
    );
    assert_eq!(stripe(&source, SECRET, BODY).send().await.status, 200);
    let shown = source.shown(&desk).await;
    assert_eq!(
        (&shown["status"], &shown["status_detail"]),
        (&json!("ready"), &Value::Null)
    );
}

#[tokio::test]
async fn a_network_that_fails_is_slowed_and_valid_requests_from_it_are_not() {
    let environment = [("GATEWAY_SOURCES__FAILURES_PER_SECOND", "1")];
    let (gateway, _database, desk) = Desk::own(&environment).await;
    let source = Source::make(&desk, "stripe", json!({"signing_secret": SECRET})).await;
    eventually("a wrong signature is throttled", SOON, || async {
        stripe(&source, "wrong", BODY).send().await.status == 429
    })
    .await;
    assert_eq!(stripe(&source, SECRET, BODY).send().await.status, 200);
    // The receipt says what was wrong, not that it was slow.
    let receipts = source.receipts(&desk).await;
    assert!(
        receipts[1..]
            .iter()
            .all(|receipt| receipt["outcome"] == "signature_invalid")
    );
    assert!(gateway.metric("gateway_source_failures_throttled_total").await >= Some(1.0));
    let taken = "gateway_source_requests_total{connector=\"stripe\",outcome=\"accepted\"}";
    gateway.wait_for_metric(taken, 1.0).await;
}
