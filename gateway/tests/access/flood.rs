//! A flood of wrong keys costs its sender and nobody else.

use std::time::{Duration, Instant};

use crate::client::{Reply, Request};
use crate::cluster::Cluster;
use crate::stage::{Gateway, WRONG, first_key};

const LIMITS: &[(&str, &str)] = &[
    ("GATEWAY_SERVER__TRUSTED_PROXIES", "127.0.0.0/8"),
    ("GATEWAY_KEYS__FAILURES_PER_SECOND", "1"),
    ("GATEWAY_KEYS__FAILURE_BURST", "20"),
];

fn from(gateway: &Gateway, address: &str, key: &str) -> Reply {
    Request::new(gateway.api, "GET", "/v1/whoami", key)
        .header("x-forwarded-for", address)
        .send()
}

#[test]
fn a_flood_is_throttled_by_network_and_valid_keys_are_not() {
    let cluster = Cluster::start();
    let first = first_key(&cluster);
    let gateway = Gateway::start_with(&cluster.url(), LIMITS);
    for at in 0..20 {
        // Malformed and unknown ones count alike.
        let key = if at % 2 == 0 { WRONG } else { "sk_short" };
        let reply = from(&gateway, &format!("198.51.100.{at}"), key).expect(401);
        assert_eq!(reply.code(), "key_invalid");
    }
    let started = Instant::now();
    let reply = from(&gateway, "198.51.100.250", WRONG).expect(429);
    assert!(
        started.elapsed() >= Duration::from_millis(90),
        "the sender waits for it"
    );
    assert_eq!(reply.code(), "rate_limited");
    assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert!(reply.header("ratelimit-policy").unwrap().contains("failures"));
    from(&gateway, "198.51.100.7", "sk_short").expect(429);
    // The same network with a key that is right, another network, and no key at all.
    let started = Instant::now();
    from(&gateway, "198.51.100.250", &first).expect(200);
    assert!(
        started.elapsed() < Duration::from_millis(80),
        "{:?}",
        started.elapsed()
    );
    from(&gateway, "198.51.101.1", WRONG).expect(401);
    let keyless = Request {
        key: None,
        ..Request::new(gateway.api, "GET", "/v1/whoami", "").header("x-forwarded-for", "198.51.100.1")
    };
    assert_eq!(keyless.send().expect(401).code(), "key_missing");
    // The order of checks: an unknown route needs a key first, too.
    let unknown =
        Request::new(gateway.api, "GET", "/v1/none", WRONG).header("x-forwarded-for", "198.51.100.1");
    unknown.send().expect(429);

    // An IPv6 site is a /48.
    for at in 0..20 {
        from(&gateway, &format!("2001:db8:1:{at:x}::1"), WRONG).expect(401);
    }
    from(&gateway, "2001:db8:1:ffff::1", WRONG).expect(429);
    from(&gateway, "2001:db8:2::1", WRONG).expect(401);

    let metrics = gateway.probe("/metrics").unwrap().body;
    assert!(
        metrics.contains("\ngateway_key_failures_throttled_total 4\n"),
        "{metrics}"
    );
    std::thread::sleep(Duration::from_millis(1100));
    from(&gateway, "198.51.100.250", WRONG).expect(401);
}
