//! Behind a load balancer that speaks the PROXY protocol.

use serde_json::json;

use stage::{Cluster, Gateway, wire::Wire};

use super::first_key;

/// Version 2, TCP over IPv4, from 203.0.113.7:5000 to 10.0.0.1:443.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\x0a\0\0\x01\x13\x88\x01\xbb";
const V1: &[u8] = b"PROXY TCP4 203.0.113.7 10.0.0.1 5000 443\r\n";

/// The status of `whoami` behind a PROXY header, if there is a reply.
async fn whoami(gateway: &Gateway, key: &str, proxied: &[u8], forwarded: Option<&str>) -> Option<u16> {
    let mut wire = Wire::open(gateway.api).await;
    let mut text = format!("GET /v1/whoami HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {key}\r\n");
    if let Some(address) = forwarded {
        text.push_str(&format!("x-forwarded-for: {address}\r\n"));
    }
    wire.write([proxied, text.as_bytes(), b"\r\n"].concat()).await;
    wire.answer().await.map(|answer| answer.status)
}

#[tokio::test]
async fn the_proxy_header_names_the_client_and_comes_from_balancers_alone() {
    let database = Cluster::shared().database().await;
    let first = first_key(&database);
    let plain = Gateway::start(&database.url(), &[]).await;
    let body = json!({"name": "office", "scopes": ["audit:read"], "ip_allowlist": ["203.0.113.0/24"]});
    let made = plain
        .with_key(&first)
        .post("/v1/api-keys", &body)
        .await
        .expect(201)
        .json();
    let office = made["key"].as_str().unwrap();
    assert_eq!(whoami(&plain, office, b"", None).await, Some(403));
    // Without the setting a PROXY header is not HTTP.
    assert!(
        whoami(&plain, &first, V1, None)
            .await
            .is_none_or(|status| status == 400)
    );

    let settings = [
        ("GATEWAY_SERVER__TRUSTED_PROXIES", "127.0.0.0/8"),
        ("GATEWAY_SERVER__PROXY_PROTOCOL", "true"),
        ("GATEWAY_SERVER__HEAD_TIMEOUT_SECONDS", "1"),
    ];
    let gateway = Gateway::start(&database.url(), &settings).await;
    for header in [V1, V2] {
        assert_eq!(whoami(&gateway, office, header, None).await, Some(200));
    }
    let elsewhere = b"PROXY TCP6 2001:db8::1 2001:db8::2 5000 443\r\n";
    assert_eq!(whoami(&gateway, office, elsewhere, None).await, Some(403));
    // A health check of the balancer's own.
    assert_eq!(
        whoami(&gateway, &first, b"PROXY UNKNOWN\r\n", None).await,
        Some(200)
    );
    assert_eq!(
        whoami(&gateway, office, b"PROXY UNKNOWN\r\n", None).await,
        Some(403)
    );
    // A balancer in front of a proxy: both are believed, in order.
    let chained = b"PROXY TCP4 127.0.0.9 10.0.0.1 5000 443\r\n";
    assert_eq!(
        whoami(&gateway, office, chained, Some("203.0.113.9")).await,
        Some(200)
    );
    assert_eq!(
        whoami(&gateway, office, elsewhere, Some("203.0.113.9")).await,
        Some(403)
    );
    // Without a header, or with half of one, there is no reply.
    assert_eq!(whoami(&gateway, &first, b"", None).await, None);
    let mut stalled = Wire::open(gateway.api).await;
    stalled.write(&V2[..14]).await;
    assert_eq!(stalled.rest().await, b"");

    // Who is no balancer needs no header, and is not believed.
    let others = [
        ("GATEWAY_SERVER__TRUSTED_PROXIES", "10.0.0.0/8"),
        ("GATEWAY_SERVER__PROXY_PROTOCOL", "true"),
    ];
    let gateway = Gateway::start(&database.url(), &others).await;
    assert_eq!(whoami(&gateway, &first, b"", None).await, Some(200));
    assert!(
        whoami(&gateway, office, V1, None)
            .await
            .is_none_or(|status| status == 400)
    );
}
