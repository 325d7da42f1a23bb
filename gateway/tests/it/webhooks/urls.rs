//! URLs of endpoints: shown as they are sent, refused with a reason, and masked in the audit trail.

use serde_json::json;
use stage::{Desk, Receiver, desk::text};

#[tokio::test]
async fn a_url_is_shown_as_it_is_sent() {
    let desk = Desk::open().await;
    for (url, shown) in [
        (
            "HTTP://127.1:9/a b?c=\u{fc}#d",
            "http://127.0.0.1:9/a%20b?c=%C3%BC",
        ),
        ("http://127.0.0.1:80/x", "http://127.0.0.1/x"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9"),
    ] {
        let body = json!({"name": "x", "url": url, "events": ["deal.won"]});
        let made = desk.api.post("/v1/webhooks", &body).await.ok(201);
        assert_eq!(text(&made, "url"), shown);
        let path = format!("/v1/webhooks/{}", text(&made, "id"));
        assert_eq!(text(&desk.api.get(&path).await.ok(200), "url"), shown);
    }
}

#[tokio::test]
async fn a_bad_port_and_a_bad_host_say_which() {
    let desk = Desk::open().await;
    for (url, word) in [
        ("http://example.com:0/", "port"),
        ("http://example.com:65536/", "port"),
        ("http://example.com:x/", "port"),
        ("http://exa mple.com/", "host"),
        ("http://[::1/", "host"),
        ("http://1.2.3.256/", "host"),
        ("http://a..example/", "host"),
    ] {
        let body = json!({"name": "x", "url": url, "events": ["deal.won"]});
        let reply = desk.api.post("/v1/webhooks", &body).await;
        assert_eq!(reply.faults("url_invalid"), ["body.url"]);
        assert!(
            reply.text().contains(&format!("bad {word}")),
            "{url}: {}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn the_audit_trail_masks_the_query_of_a_url() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    for secret in ["s3same", "0ther"] {
        let body = json!({"url": format!("http://127.0.0.1:9/in?token={secret}")});
        desk.api.patch(&hook.path(), &body).await.ok(200);
    }
    let audit = desk.api.get("/v1/audit").await;
    let text = audit.text();
    assert!(!text.contains("s3same") && !text.contains("0ther"), "{text}");
    assert_eq!(
        text.matches("webhook.updated").count(),
        2,
        "also where only the query changed: {text}"
    );
    assert!(text.contains("http://127.0.0.1:9/in?••••"), "{text}");
}
