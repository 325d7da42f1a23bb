//! Handshakes that fail and say why, and certificates that operators vouch for themselves.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use stage::certificate::{Authority, Certificate};
use stage::secure_receiver::{Answer, SecureReceiver};
use stage::{Desk, Receiver, desk::text};

/// A gateway that trusts the certificates in this file.
async fn trusting(file: &str) -> (stage::Gateway, stage::Database, Desk) {
    Desk::own(&[
        ("GATEWAY_WEBHOOKS__EXTRA_CA_FILE", file),
        ("GATEWAY_WEBHOOKS__ALLOW_CIDRS", "127.0.0.0/8,::1/128"),
    ])
    .await
}

/// The only attempt to deliver an event there.
async fn attempt_at(desk: &Desk, url: &str) -> Value {
    let body = json!({"name": url, "url": url, "events": ["deal.won"], "max_attempts": 1});
    let made = desk.api.post("/v1/webhooks", &body).await.ok(201);
    let id = desk.send("deal.won", json!({})).await;
    let delivery = desk
        .delivery_when(&id, |delivery| delivery["status"] != "pending")
        .await;
    let hook = format!("/v1/webhooks/{}", text(&made, "id"));
    assert_eq!(desk.api.delete(&hook).await.status, 204);
    delivery["attempts"][0].clone()
}

async fn receiver(certificate: &Certificate) -> SecureReceiver {
    SecureReceiver::start(certificate.server(&["http/1.1"]), |_, _| Answer::Status(200)).await
}

fn assert_says(attempt: &Value, code: &str, reason: &str) {
    assert_eq!(attempt["error_code"], code, "{attempt}");
    let detail = text(attempt, "error_detail");
    assert!(detail.contains(reason), "{reason} is not in {detail}");
    assert!(detail.chars().count() <= 200, "{detail}");
}

#[tokio::test]
async fn what_fails_on_the_way_is_told_apart() {
    let authority = Authority::new("faults");
    let names = "DNS:localhost,IP:127.0.0.1";
    let (_gateway, _database, desk) = trusting(&authority.root()).await;
    let good = receiver(&authority.certify("good", names)).await;
    let attempt = attempt_at(&desk, &good.url("localhost")).await;
    assert_eq!(attempt["status_code"], 200, "{attempt}");
    assert_eq!(attempt["error_detail"], json!(null));
    let expired = receiver(&authority.certify_for_the_past("past", names)).await;
    assert_says(
        &attempt_at(&desk, &expired.url("localhost")).await,
        "tls_failed",
        "expired",
    );
    let other = receiver(&authority.certify("elsewhere", "DNS:other.example")).await;
    assert_says(
        &attempt_at(&desk, &other.url("localhost")).await,
        "tls_failed",
        "name mismatch",
    );
    let unknown = receiver(&Authority::new("unknown").certify("unknown", names)).await;
    assert_says(
        &attempt_at(&desk, &unknown.url("localhost")).await,
        "tls_failed",
        "unknown issuer",
    );
    let unlisted = receiver(&Authority::self_signed("unlisted", names)).await;
    assert_says(
        &attempt_at(&desk, &unlisted.url("localhost")).await,
        "tls_failed",
        "unknown issuer",
    );
    let plain = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = plain.local_addr().expect("an address").port();
    let _answering = tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 No\r\n\r\n").await;
        }
    });
    let attempt = attempt_at(&desk, &format!("https://127.0.0.1:{port}/")).await;
    assert_says(&attempt, "tls_failed", "protocol");
    let gone = Receiver::start().await.stop().await;
    let attempt = attempt_at(&desk, &format!("http://{gone}/")).await;
    assert_says(&attempt, "connect_failed", "connection refused");
    let attempt = attempt_at(&desk, "http://nowhere.invalid/").await;
    assert_says(&attempt, "dns_failed", "nowhere.invalid");
}

#[tokio::test]
async fn a_listed_certificate_stands_for_its_server_even_as_an_authority() {
    let listed = Authority::self_signed("listed", "DNS:localhost");
    let (_gateway, _database, desk) = trusting(listed.chain.to_str().expect("UTF-8")).await;
    let receiver = receiver(&listed).await;
    let attempt = attempt_at(&desk, &receiver.url("localhost")).await;
    assert_eq!(attempt["status_code"], 200, "{attempt}");
    // For no other name.
    let attempt = attempt_at(&desk, &receiver.url("127.0.0.1")).await;
    assert_says(&attempt, "tls_failed", "name mismatch");
}
