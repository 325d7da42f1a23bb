//! When the next attempt comes, and when none does.

use std::time::Duration;

use serde_json::json;

use stage::{Act, Desk, Receiver, desk::a_moment, desk::text};

#[tokio::test]
async fn waits_double_and_stray_by_a_tenth() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(500)]).await;
    desk.hook(&receiver, &["deal.won"]).await;
    let id = desk.send("deal.won", json!({})).await;
    let delivery = desk.delivery_that(&id, "failed").await;
    a_moment().await;
    let received = receiver.received();
    assert_eq!(received.len(), 5, "at most 5 attempts");
    assert_eq!(delivery["attempt_count"], 5);
    let numbers: Vec<&str> = received
        .iter()
        .map(|one| one.header("x-sentinel-attempt"))
        .collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5"]);
    for (nth, pair) in received.windows(2).enumerate() {
        let wait = pair[1].at - pair[0].at;
        // Never earlier; later only as far as a busy machine makes it.
        let least = Duration::from_millis(200 << nth).mul_f64(0.9);
        assert!(wait >= least - Duration::from_millis(5), "wait {nth}: {wait:?}");
    }
    let attempts = delivery["attempts"].as_array().expect("attempts");
    for (nth, attempt) in attempts.iter().enumerate() {
        assert_eq!(attempt["number"], nth + 1);
        assert_eq!(attempt["status_code"], 500);
    }
}

#[tokio::test]
async fn an_endpoints_own_number_of_attempts() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(500)]).await;
    desk.hook_with(&receiver, &["deal.won"], json!({"max_attempts": 2}))
        .await;
    let id = desk.send("deal.won", json!({})).await;
    let delivery = desk.delivery_that(&id, "failed").await;
    assert_eq!(delivery["attempt_count"], 2);
    a_moment().await;
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn a_success_ends_it() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Close, Act::Status(500), Act::Status(204)]).await;
    desk.hook(&receiver, &["deal.won"]).await;
    let id = desk.send("deal.won", json!({})).await;
    let delivery = desk.delivery_that(&id, "succeeded").await;
    let codes: Vec<_> = delivery["attempts"]
        .as_array()
        .expect("attempts")
        .iter()
        .map(|one| one["error_code"].clone())
        .collect();
    assert_eq!(codes, [json!("closed"), json!("http_status"), json!(null)]);
    a_moment().await;
    assert_eq!(receiver.count(), 3);
}

#[tokio::test]
async fn pending_tells_when_the_next_comes() {
    let (_gateway, _database, desk) = Desk::own(&[("GATEWAY_WEBHOOKS__RETRY_BASE_SECONDS", "5")]).await;
    let receiver = Receiver::scripted(vec![Act::Status(500)]).await;
    desk.hook(&receiver, &["deal.won"]).await;
    let id = desk.send("deal.won", json!({})).await;
    let delivery = desk
        .delivery_when(&id, |delivery| delivery["attempt_count"] == 1)
        .await;
    assert_eq!(delivery["status"], "pending");
    let next: jiff::Timestamp = text(&delivery, "next_attempt_at").parse().expect("a time");
    let tried: jiff::Timestamp = text(&delivery["attempts"][0], "at").parse().expect("a time");
    let wait = next.duration_since(tried).as_secs_f64();
    assert!(
        (4.4..=7.0).contains(&wait),
        "5 s after the failure, a tenth more or less: {wait}"
    );
}

#[tokio::test]
async fn a_longer_retry_after_is_honoured_and_never_early() {
    let desk = Desk::open().await;
    for status in [429, 503] {
        let receiver = Receiver::deciding(move |nth, _| match (nth, status) {
            (0, 429) => Act::with(429, "retry-after", "2"),
            (0, _) => Act::with(503, "retry-after", http_date(4)),
            _ => Act::Status(200),
        })
        .await;
        let label = if status == 429 { "deal.won" } else { "deal.lost" };
        desk.hook(&receiver, &[label]).await;
        desk.send(label, json!({})).await;
        let received = receiver.wait_for(2).await;
        let wait = received[1].at - received[0].at;
        // A date counts whole seconds.
        let least = if status == 429 { 1.99 } else { 2.9 };
        assert!(wait.as_secs_f64() >= least, "{status}: {wait:?}");
    }
}

fn http_date(seconds_ahead: u64) -> String {
    httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(seconds_ahead))
}

#[tokio::test]
async fn nonsense_shorter_and_misplaced_retry_after_is_ignored() {
    let desk = Desk::open().await;
    // On 500 it means nothing; 0 is shorter than the wait; the rest is nonsense.
    for (status, value) in [
        (500, "3600"),
        (429, "0"),
        (429, "-5"),
        (503, "soon"),
        (503, "1.5e9"),
        (429, "99999999999999999999"),
    ] {
        let receiver =
            Receiver::scripted(vec![Act::with(status, "retry-after", value), Act::Status(200)]).await;
        let hook = desk.hook(&receiver, &["deal.won"]).await;
        desk.send("deal.won", json!({})).await;
        let received = receiver.wait_for(2).await;
        let wait = received[1].at - received[0].at;
        assert!(wait >= Duration::from_millis(175), "{status} {value}: {wait:?}");
        desk.api.delete(&hook.path()).await.no_content();
    }
}

#[tokio::test]
async fn retry_after_is_honoured_up_to_an_hour() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::with(503, "retry-after", "86400")]).await;
    desk.hook(&receiver, &["deal.won"]).await;
    let id = desk.send("deal.won", json!({})).await;
    let delivery = desk
        .delivery_when(&id, |delivery| delivery["attempt_count"] == 1)
        .await;
    let next: jiff::Timestamp = text(&delivery, "next_attempt_at").parse().expect("a time");
    let wait = next.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((3500..=3601).contains(&wait), "{wait}");
}
