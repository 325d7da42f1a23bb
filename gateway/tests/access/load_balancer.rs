//! Behind a load balancer that speaks the PROXY protocol.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Request;
use crate::cluster::Cluster;
use crate::stage::{Gateway, first_key};

/// Version 2, TCP over IPv4, from 203.0.113.7:5000 to 10.0.0.1:443.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\x0a\0\0\x01\x13\x88\x01\xbb";
const V1: &[u8] = b"PROXY TCP4 203.0.113.7 10.0.0.1 5000 443\r\n";

fn whoami<'a>(gateway: &Gateway, key: &'a str, preamble: &[u8]) -> Request<'a> {
    Request {
        preamble: preamble.to_vec(),
        ..Request::new(gateway.api, "GET", "/v1/whoami", key)
    }
}

#[test]
fn the_proxy_header_names_the_client_and_comes_from_balancers_alone() {
    let cluster = Cluster::start();
    let first = first_key(&cluster);
    let plain = Gateway::start(&cluster);
    let body = json!({"name": "office", "scopes": ["audit:read"], "ip_allowlist": ["203.0.113.0/24"]});
    let made = plain.post("/v1/api-keys", &first, body).expect(201).json();
    let office = made["key"].as_str().unwrap();
    whoami(&plain, office, b"").send().expect(403);
    // Without the setting a PROXY header is not HTTP.
    assert!(
        whoami(&plain, &first, V1)
            .try_send()
            .map_or(true, |reply| reply.status == 400)
    );

    let settings = [
        ("GATEWAY_SERVER__TRUSTED_PROXIES", "127.0.0.0/8"),
        ("GATEWAY_SERVER__PROXY_PROTOCOL", "true"),
        ("GATEWAY_SERVER__HEAD_TIMEOUT_SECONDS", "1"),
    ];
    let gateway = Gateway::start_with(&cluster.url(), &settings);
    for header in [V1, V2] {
        whoami(&gateway, office, header).send().expect(200);
    }
    let elsewhere = b"PROXY TCP6 2001:db8::1 2001:db8::2 5000 443\r\n";
    whoami(&gateway, office, elsewhere).send().expect(403);
    // A health check of the balancer's own.
    whoami(&gateway, &first, b"PROXY UNKNOWN\r\n").send().expect(200);
    whoami(&gateway, office, b"PROXY UNKNOWN\r\n").send().expect(403);
    // A balancer in front of a proxy: both are believed, in order.
    let chained = b"PROXY TCP4 127.0.0.9 10.0.0.1 5000 443\r\n";
    let chained = whoami(&gateway, office, chained).header("x-forwarded-for", "203.0.113.9");
    chained.send().expect(200);
    let forged = whoami(&gateway, office, elsewhere).header("x-forwarded-for", "203.0.113.9");
    forged.send().expect(403);
    // Without a header, or with half of one, there is no reply.
    assert!(whoami(&gateway, &first, b"").try_send().is_err());
    let started = Instant::now();
    let mut stalled = TcpStream::connect(gateway.api).unwrap();
    stalled.write_all(&V2[..14]).unwrap();
    stalled.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert!(matches!(stalled.read(&mut [0; 16]), Ok(0) | Err(_)));
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );

    // Who is no balancer needs no header, and is not believed.
    let others = [
        ("GATEWAY_SERVER__TRUSTED_PROXIES", "10.0.0.0/8"),
        ("GATEWAY_SERVER__PROXY_PROTOCOL", "true"),
    ];
    let gateway = Gateway::start_with(&cluster.url(), &others);
    whoami(&gateway, &first, b"").send().expect(200);
    assert!(
        whoami(&gateway, office, V1)
            .try_send()
            .map_or(true, |reply| reply.status == 400)
    );
}
