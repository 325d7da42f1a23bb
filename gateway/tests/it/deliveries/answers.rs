//! What counts as success and what as which failure.

use std::time::Duration;

use serde_json::{Value, json};

use stage::{Act, Desk, Receiver, desk::text};

/// The only attempt's log after a receiver that acts so.
async fn attempt_after(act: Act) -> (Value, Receiver) {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![act]).await;
    let limits = json!({"max_attempts": 1, "timeout_seconds": 1});
    desk.hook_with(&receiver, &["deal.won"], limits).await;
    let id = desk.send("deal.won", json!({})).await;
    let delivery = desk
        .delivery_when(&id, |delivery| delivery["status"] != "pending")
        .await;
    let attempts = delivery["attempts"].as_array().expect("attempts");
    assert_eq!(attempts.len(), 1, "{delivery}");
    assert_eq!(delivery["attempt_count"], 1);
    assert_eq!(delivery["next_attempt_at"], json!(null));
    let attempt = attempts[0].clone();
    let is_success = delivery["status"] == "succeeded";
    assert_eq!(attempt["error_code"].is_null(), is_success, "{delivery}");
    assert_eq!(attempt["number"], 1);
    (attempt, receiver)
}

#[tokio::test]
async fn any_2xx_is_a_success() {
    for status in [200, 201, 202, 204, 206, 299] {
        let (attempt, _) = attempt_after(Act::Status(status)).await;
        assert_eq!(
            (&attempt["status_code"], &attempt["error_code"]),
            (&json!(status), &json!(null))
        );
    }
}

#[tokio::test]
async fn anything_else_is_none_and_its_answer_is_kept() {
    for status in [300, 304, 400, 404, 418, 500, 599] {
        let act = if status == 304 {
            Act::Status(304)
        } else {
            Act::saying(status, "no, \u{fc}\"\\\n")
        };
        let (attempt, _) = attempt_after(act).await;
        assert_eq!(
            (&attempt["status_code"], &attempt["error_code"]),
            (&json!(status), &json!("http_status"))
        );
        if status != 304 {
            assert_eq!(attempt["response_body"], "no, \u{fc}\"\\\n");
        }
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = Receiver::start().await;
    for status in [301, 302, 307, 308] {
        let (attempt, receiver) = attempt_after(Act::with(status, "location", target.url())).await;
        assert_eq!(
            (&attempt["status_code"], &attempt["error_code"]),
            (&json!(status), &json!("http_status"))
        );
        assert_eq!(receiver.count(), 1);
    }
    assert_eq!(target.connection_count(), 0);
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let (attempt, receiver) = attempt_after(Act::Hang).await;
    assert_eq!(
        (&attempt["status_code"], &attempt["error_code"]),
        (&json!(null), &json!("timeout"))
    );
    let total = attempt["total_ms"].as_f64().expect("a time");
    assert!(total >= 990.0, "{total}");
    assert_eq!(receiver.count(), 1);
    let (attempt, _) = attempt_after(Act::Status(200).after(Duration::from_secs(5))).await;
    assert_eq!(attempt["error_code"], "timeout");
}

#[tokio::test]
async fn the_status_decides_when_a_body_does_not_end() {
    for act in [
        Act::Drip(200, Duration::from_millis(100)),
        Act::Cut(200),
        Act::Big(200, 4 << 20),
    ] {
        let (attempt, _) = attempt_after(act.clone()).await;
        assert_eq!(
            (&attempt["status_code"], &attempt["error_code"]),
            (&json!(200), &json!(null)),
            "{act:?}"
        );
        assert!(
            attempt["total_ms"].as_f64().is_some_and(|total| total < 3000.0),
            "{attempt}"
        );
    }
    for act in [Act::Drip(500, Duration::from_millis(100)), Act::Cut(500)] {
        let (attempt, _) = attempt_after(act).await;
        assert_eq!(
            (&attempt["status_code"], &attempt["error_code"]),
            (&json!(500), &json!("http_status"))
        );
    }
}

#[tokio::test]
async fn the_first_16_kib_of_an_answer_are_kept() {
    let (attempt, _) = attempt_after(Act::Big(500, 1 << 20)).await;
    assert_eq!(text(&attempt, "response_body").len(), 16 * 1024);
    let (attempt, _) = attempt_after(Act::Full(500, Vec::new(), b"a\0b\xff\xfec".to_vec())).await;
    assert!(
        text(&attempt, "response_body").starts_with('a'),
        "bytes that are no text do no harm"
    );
}

#[tokio::test]
async fn broken_connections_get_different_errors() {
    let (attempt, _) = attempt_after(Act::Close).await;
    assert_eq!(
        (&attempt["status_code"], &attempt["error_code"]),
        (&json!(null), &json!("closed"))
    );
    let (attempt, _) = attempt_after(Act::Garbage).await;
    assert_eq!(
        (&attempt["status_code"], &attempt["error_code"]),
        (&json!(null), &json!("bad_answer"))
    );
}

#[tokio::test]
async fn no_listener_and_no_tls() {
    let desk = Desk::open().await;
    let gone = Receiver::start().await.stop().await;
    let plain = Receiver::start().await;
    let make = async |name: &str, url: String| {
        let body =
            json!({"name": name, "url": url, "events": [name], "max_attempts": 1, "timeout_seconds": 5});
        desk.api.post("/v1/webhooks", &body).await.ok(201);
        let id = desk.send(name, json!({})).await;
        desk.delivery_that(&id, "failed").await["attempts"][0].clone()
    };
    let attempt = make("deal.won", format!("http://{gone}/")).await;
    assert_eq!(attempt["error_code"], "connect_failed");
    // The receiver waits for a request that never comes, or sees no HTTP in a handshake.
    let attempt = make("deal.lost", format!("https://{}/", plain.address())).await;
    assert!(
        ["tls_failed", "timeout"].contains(&text(&attempt, "error_code").as_str()),
        "{attempt}"
    );
}
