//! Which URLs a webhook may have: form, and where they lead.

use serde_json::json;

use stage::{Desk, Receiver, desk::text};

async fn refused(desk: &Desk, url: &str, code: &str) {
    let body = json!({"name": "x", "url": url, "events": ["*"]});
    let reply = desk.api.post("/v1/webhooks", &body).await;
    assert_eq!(reply.status, 422, "{url}: {:?}", reply.body);
    assert_eq!(reply.faults(code), ["body.url"], "{url}");
}

#[tokio::test]
async fn the_form_is_checked() {
    let desk = Desk::open().await;
    for url in [
        "",
        "nothing",
        "/hook",
        "example.com/hook",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "unix:/tmp/x",
        "http://",
        "https://user:pass@example.com/",
        "http://user@example.com/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://exa mple.com/",
        "http://[::1/",
    ] {
        refused(&desk, url, "url_invalid").await;
    }
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_in_any_spelling() {
    let desk = Desk::open().await;
    for host in [
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.9.9",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "198.18.0.1",
        "192.0.0.1",
        "192.88.99.1",
        "168.63.129.16",
        // The same in other clothes.
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "169.254.43518",
        "10.1",
        "[::]",
        "[::1]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd12:3456::1]",
        "[ff02::1]",
        "[2001:db8::1]",
        // IPv4 inside IPv6.
        "[::ffff:10.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[::10.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b::8.8.8.8]",
        "[64:ff9b:1::1]",
        "[2002:a00:1::1]",
        "[2002:808:808::1]",
        "[2001:0:808:808::1]",
    ] {
        refused(&desk, &format!("http://{host}/x"), "url_forbidden_address").await;
    }
}

#[tokio::test]
async fn loopback_is_refused_unless_the_operator_allows_it() {
    let (_gateway, _database, desk) = Desk::own(&[("GATEWAY_WEBHOOKS__ALLOW_CIDRS", "")]).await;
    for host in [
        "127.0.0.1",
        "127.255.0.9",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "2130706433",
        "0x7f.1",
    ] {
        refused(&desk, &format!("http://{host}:8080/x"), "url_forbidden_address").await;
    }
    // A name that does not resolve is taken, and a public address is.
    for url in ["https://does-not-exist.invalid/x", "http://93.184.215.14/"] {
        let body = json!({"name": "x", "url": url, "events": ["deal.lost"]});
        let made = desk.api.post("/v1/webhooks", &body).await.ok(201);
        assert_eq!(text(&made, "url"), url, "given back as sent");
    }
}

#[tokio::test]
async fn an_allowed_network_allows_itself_alone() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    refused(&desk, "http://[::1]:9/", "url_forbidden_address").await;
    let body = json!({"name": "x", "url": "http://[::ffff:127.0.0.1]:9/", "events": ["deal.lost"]});
    desk.api.post("/v1/webhooks", &body).await.ok(201);
}

#[tokio::test]
async fn the_guard_looks_again_at_every_connect() {
    // Saved while loopback was allowed, delivered while it is not.
    let (gateway, database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::start().await;
    desk.hook_with(&receiver, &["deal.won"], json!({"max_attempts": 2}))
        .await;
    let unresolved = json!({"name": "x", "url": "http://does-not-exist.invalid/x", "events": ["deal.lost"], "max_attempts": 1});
    desk.api.post("/v1/webhooks", &unresolved).await.ok(201);
    assert!(gateway.terminate().await.success());
    let strict = stage::Gateway::start(&database.url(), &[("GATEWAY_WEBHOOKS__ALLOW_CIDRS", "")]).await;
    let desk = desk.moved_to(&strict);
    let id = desk.send("deal.won", json!({})).await;
    let delivery = desk.delivery_that(&id, "failed").await;
    for attempt in delivery["attempts"].as_array().expect("attempts") {
        assert_eq!(attempt["error_code"], "address_forbidden", "{attempt}");
        assert_eq!(attempt["status_code"], json!(null));
    }
    assert_eq!(
        (receiver.count(), receiver.connection_count()),
        (0, 0),
        "nothing was dialled"
    );
    let id = desk.send("deal.lost", json!({})).await;
    let delivery = desk.delivery_that(&id, "failed").await;
    assert_eq!(delivery["attempts"][0]["error_code"], "dns_failed");
}
