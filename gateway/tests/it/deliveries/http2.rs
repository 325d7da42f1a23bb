//! HTTP/2 to receivers that offer it: one connection for all, and nothing lost when it goes.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Version;
use serde_json::{Value, json};

use stage::certificate::{Authority, Certificate};
use stage::secure_receiver::{Answer, SecureReceiver, Seen};
use stage::{Cluster, Database, Desk, Gateway, SOON, cli, desk::text, eventually};

/// A gateway that trusts an authority of the tests' own.
struct Trusting {
    gateway: Gateway,
    database: Database,
    authority: Authority,
    certificate: Certificate,
}

async fn trusting() -> &'static Trusting {
    static SHARED: tokio::sync::OnceCell<Trusting> = tokio::sync::OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            let authority = Authority::new("endpoints");
            let certificate = authority.certify("receiver", "DNS:localhost,IP:127.0.0.1");
            let database = Cluster::shared().database().await;
            let settings = [
                ("GATEWAY_WEBHOOKS__EXTRA_CA_FILE", authority.root()),
                ("GATEWAY_WEBHOOKS__ALLOW_CIDRS", "127.0.0.0/8,::1/128".to_owned()),
            ];
            let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
            let gateway = Gateway::start(&database.url(), &settings).await;
            Trusting {
                gateway,
                database,
                authority,
                certificate,
            }
        })
        .await
}

/// A desk at that gateway, and a receiver that offers these protocols.
async fn scene(
    protocols: &[&str],
    decide: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
) -> (Desk, SecureReceiver) {
    let trusting = trusting().await;
    let desk = Desk::at(&trusting.gateway, &trusting.database).await;
    let receiver = SecureReceiver::start(trusting.certificate.server(protocols), decide).await;
    (desk, receiver)
}

async fn hook(desk: &Desk, url: String, more: Value) -> Value {
    let mut body = json!({"name": "secure", "url": url, "events": ["deal.won"]});
    let fields = body.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    desk.api.post("/v1/webhooks", &body).await.ok(201)
}

/// Sends numbered events in one request; their ids.
async fn send_many(desk: &Desk, count: usize) -> Vec<String> {
    let lines: Vec<String> = (0..count)
        .map(|nth| json!({"type": "deal.won", "id": format!("n{nth}"), "data": {"number": nth}}).to_string())
        .collect();
    let call = desk.api.call(http::Method::POST, "/v1/events/batch");
    let reply = call.body("application/x-ndjson", lines.join("\n")).send().await;
    assert_eq!(reply.ok(202)["accepted"], count);
    (0..count).map(|nth| format!("n{nth}")).collect()
}

/// How often each number arrived.
fn arrivals(receiver: &SecureReceiver) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for seen in receiver.seen() {
        *counts.entry(seen.number()).or_default() += 1;
    }
    counts
}

/// Waits until all are delivered; how many requests were repeats.
async fn all_succeed(desk: &Desk, receiver: &SecureReceiver, ids: &[String]) -> usize {
    for id in ids {
        desk.delivery_that(id, "succeeded").await;
    }
    let counts = arrivals(receiver);
    assert_eq!(counts.len(), ids.len(), "every event arrived");
    counts.values().sum::<usize>() - ids.len()
}

const BOTH: &[&str] = &["h2", "http/1.1"];

#[tokio::test]
async fn all_attempts_share_one_connection() {
    let (desk, receiver) = scene(BOTH, |_, _| Answer::After(Duration::from_millis(60))).await;
    hook(
        &desk,
        receiver.url("localhost"),
        json!({"headers": {"x-mine": "kept"}}),
    )
    .await;
    let ids = send_many(&desk, 100).await;
    assert_eq!(all_succeed(&desk, &receiver, &ids).await, 0);
    assert_eq!(receiver.connection_count(), 1);
    let (_, most_open) = receiver.open_count();
    assert!((2..=32).contains(&most_open), "{most_open} at once");
    for seen in receiver.seen() {
        assert_eq!(seen.version, Version::HTTP_2);
        assert_eq!(
            seen.authority,
            Some(
                receiver.url("localhost")[8..]
                    .split('/')
                    .next()
                    .expect("a host")
                    .into()
            )
        );
        assert_eq!(seen.headers["x-mine"], "kept");
        assert_eq!(seen.headers["content-length"], seen.body.len().to_string());
        assert!(!seen.headers.contains_key("host"));
    }
    let mut opened_count = 0;
    for id in &ids {
        let attempt = desk.delivery_that(id, "succeeded").await["attempts"][0].clone();
        let has = |name: &str| attempt[name].is_number();
        assert!(has("first_byte_ms") && has("total_ms"), "{attempt}");
        assert_eq!(has("dns_ms"), has("tls_ms"), "{attempt}");
        assert_eq!(has("connect_ms"), has("tls_ms"), "{attempt}");
        opened_count += usize::from(has("tls_ms"));
    }
    assert_eq!(opened_count, 1, "who opened it tells how long that took");
}

#[tokio::test]
async fn without_the_offer_it_is_http1() {
    for protocols in [&["http/1.1"][..], &[]] {
        let (desk, receiver) = scene(protocols, |_, _| Answer::After(Duration::from_millis(30))).await;
        hook(&desk, receiver.url("127.0.0.1"), json!({})).await;
        let ids = send_many(&desk, 40).await;
        assert_eq!(all_succeed(&desk, &receiver, &ids).await, 0);
        assert!(
            receiver
                .seen()
                .iter()
                .all(|seen| seen.version == Version::HTTP_11)
        );
        assert!(receiver.connection_count() <= 32);
        assert!(receiver.open_count().1 > 1, "side by side");
    }
}

#[tokio::test]
async fn a_receiver_that_leaves_midway_gets_the_rest_over_another_connection() {
    let (desk, receiver) = scene(BOTH, |nth, _| match nth % 40 {
        25 => Answer::Leave,
        _ => Answer::After(Duration::from_millis(20)),
    })
    .await;
    hook(&desk, receiver.url("localhost"), json!({})).await;
    let ids = send_many(&desk, 200).await;
    let repeats = all_succeed(&desk, &receiver, &ids).await;
    assert_eq!(repeats, 0, "what was not taken is sent again, and nothing else");
    assert!((3..=20).contains(&receiver.connection_count()));
    for id in &ids {
        let delivery = desk.delivery_that(id, "succeeded").await;
        assert_eq!(delivery["attempt_count"], 1, "{delivery}");
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_costs_repeats_and_no_event() {
    let (desk, receiver) = scene(BOTH, |nth, _| match nth {
        30 | 90 => Answer::Cut,
        _ => Answer::After(Duration::from_millis(20)),
    })
    .await;
    hook(&desk, receiver.url("localhost"), json!({"max_attempts": 10})).await;
    let ids = send_many(&desk, 150).await;
    let repeats = all_succeed(&desk, &receiver, &ids).await;
    assert!(repeats <= 2 * 32, "{repeats} repeats");
}

#[tokio::test]
async fn a_request_that_hangs_is_reset_and_the_others_go_on() {
    let (desk, receiver) = scene(BOTH, |_, seen| match seen.number() {
        0 => Answer::Hang,
        _ => Answer::After(Duration::from_millis(100)),
    })
    .await;
    let limits = json!({"timeout_seconds": 1, "max_attempts": 1});
    hook(&desk, receiver.url("localhost"), limits).await;
    let ids = send_many(&desk, 300).await;
    for id in &ids[1..] {
        desk.delivery_that(id, "succeeded").await;
    }
    let hung = desk.delivery_that(&ids[0], "failed").await;
    assert_eq!(hung["attempts"][0]["error_code"], "timeout");
    eventually("the receiver is told", SOON, || async {
        receiver.open_count().0 == 0
    })
    .await;
    assert_eq!(receiver.connection_count(), 1, "the connection was alive");
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_back_is_not_used_again() {
    let (desk, receiver) = scene(BOTH, |_, seen| match seen.connection {
        0 => Answer::Hang,
        _ => Answer::Status(200),
    })
    .await;
    hook(&desk, receiver.url("localhost"), json!({"timeout_seconds": 1})).await;
    let ids = send_many(&desk, 1).await;
    let delivery = desk.delivery_that(&ids[0], "succeeded").await;
    assert_eq!(delivery["attempts"][0]["error_code"], "timeout");
    assert_eq!(receiver.connection_count(), 2);
}

#[tokio::test]
async fn a_body_without_end_is_cut_and_its_connection_kept() {
    let (desk, receiver) = scene(BOTH, |nth, _| match nth {
        0..4 => Answer::Big(200 << 20),
        _ => Answer::Status(200),
    })
    .await;
    hook(&desk, receiver.url("localhost"), json!({})).await;
    let ids = send_many(&desk, 4).await;
    for id in &ids {
        let delivery = desk.delivery_that(id, "succeeded").await;
        let kept = text(&delivery["attempts"][0], "response_body");
        assert_eq!(kept.len(), 16 * 1024);
    }
    desk.send("deal.won", json!({"number": 9})).await;
    assert_eq!(receiver.wait_for(5).await[4].connection, 0);
    assert_eq!(receiver.connection_count(), 1);
}

#[tokio::test]
async fn refusals_of_one_request() {
    let (desk, receiver) = scene(BOTH, |nth, _| match nth {
        0 => Answer::Reset(h2::Reason::REFUSED_STREAM),
        1 => Answer::Status(200),
        2 => Answer::Reset(h2::Reason::INTERNAL_ERROR),
        _ => Answer::Status(204),
    })
    .await;
    hook(&desk, receiver.url("localhost"), json!({"max_attempts": 1})).await;
    let ids = send_many(&desk, 1).await;
    let delivery = desk.delivery_that(&ids[0], "succeeded").await;
    assert_eq!(
        delivery["attempt_count"], 1,
        "what was not looked at is sent again at once"
    );
    let id = desk.send("deal.won", json!({"number": 7})).await;
    let delivery = desk.delivery_that(&id, "failed").await;
    assert_eq!(delivery["attempts"][0]["error_code"], "closed");
    assert_eq!(receiver.seen().len(), 3, "what was looked at is not");
    assert_eq!(receiver.connection_count(), 1);
}

#[tokio::test]
async fn a_receiver_may_insist_on_http1() {
    let (desk, receiver) = scene(BOTH, |_, seen| match seen.version {
        Version::HTTP_2 => Answer::Reset(h2::Reason::HTTP_1_1_REQUIRED),
        _ => Answer::Status(200),
    })
    .await;
    hook(&desk, receiver.url("localhost"), json!({"max_attempts": 1})).await;
    let ids = send_many(&desk, 1).await;
    desk.delivery_that(&ids[0], "succeeded").await;
    let id = desk.send("deal.won", json!({"number": 7})).await;
    desk.delivery_that(&id, "succeeded").await;
    let versions: Vec<Version> = receiver.seen().iter().map(|seen| seen.version).collect();
    assert_eq!(versions, [Version::HTTP_2, Version::HTTP_11, Version::HTTP_11]);
}

#[tokio::test]
async fn an_untrusted_certificate_is_refused() {
    let trusting = trusting().await;
    let receiver = SecureReceiver::start(trusting.certificate.server(BOTH), |_, _| Answer::Status(200)).await;
    // The gateway that tests share does not know the authority.
    let desk = Desk::open().await;
    hook(&desk, receiver.url("127.0.0.1"), json!({"max_attempts": 1})).await;
    let ids = send_many(&desk, 20).await;
    for id in &ids {
        let delivery = desk.delivery_that(id, "failed").await;
        assert_eq!(delivery["attempts"][0]["error_code"], "tls_failed", "{delivery}");
        assert_eq!(delivery["attempts"][0]["tls_ms"], json!(null));
    }
    // Nor does a certificate help that is another's.
    let other = trusting.authority.certify("other", "DNS:other.example");
    let receiver = SecureReceiver::start(other.server(BOTH), |_, _| Answer::Status(200)).await;
    let desk = Desk::at(&trusting.gateway, &trusting.database).await;
    hook(&desk, receiver.url("localhost"), json!({"max_attempts": 1})).await;
    let ids = send_many(&desk, 1).await;
    let delivery = desk.delivery_that(&ids[0], "failed").await;
    assert_eq!(delivery["attempts"][0]["error_code"], "tls_failed");
    assert_eq!(receiver.seen().len(), 0);
}

#[tokio::test]
async fn an_unreadable_file_of_authorities_is_reported_by_its_setting() {
    let database = Cluster::shared().database().await;
    let settings = [("GATEWAY_WEBHOOKS__EXTRA_CA_FILE", "/nowhere/ca.pem")];
    let errors = cli::refused(&database.url(), &["serve"], &settings);
    assert!(errors.contains("webhooks.extra_ca_file"), "{errors}");
}
