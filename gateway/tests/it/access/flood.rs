//! A flood of wrong keys costs its sender and nobody else.

use std::time::{Duration, Instant};

use stage::{Cluster, Gateway, Reply, SOON, eventually};

use super::{WRONG, first_key};

const LIMITS: &[(&str, &str)] = &[
    ("GATEWAY_SERVER__TRUSTED_PROXIES", "127.0.0.0/8"),
    ("GATEWAY_KEYS__FAILURES_PER_SECOND", "1"),
    ("GATEWAY_KEYS__FAILURE_BURST", "20"),
];

async fn from(gateway: &Gateway, address: &str, key: &str) -> Reply {
    let call = gateway.with_key(key).get_call("/v1/whoami");
    call.header("x-forwarded-for", address).send().await
}

/// Sends until 429 is the answer: each second gives one failure back, which is little time on a busy machine.
async fn throttled(gateway: &Gateway, address: &str, key: &str, path: &str) -> Reply {
    for _ in 0..100 {
        let call = gateway.with_key(key).get_call(path);
        let reply = call.header("x-forwarded-for", address).send().await;
        if reply.status == 429 {
            return reply;
        }
        reply.expect(401);
    }
    panic!("{address} is never throttled");
}

#[tokio::test]
async fn a_flood_is_throttled_by_network_and_valid_keys_are_not() {
    let database = Cluster::shared().database().await;
    let first = first_key(&database);
    let gateway = Gateway::start(&database.url(), LIMITS).await;
    for at in 0..20 {
        // Malformed and unknown ones count alike.
        let key = if at % 2 == 0 { WRONG } else { "sk_short" };
        let reply = from(&gateway, &format!("198.51.100.{at}"), key).await;
        reply.problem(401, "key_invalid");
    }
    let started = Instant::now();
    let reply = throttled(&gateway, "198.51.100.250", WRONG, "/v1/whoami").await;
    assert!(
        started.elapsed() >= Duration::from_millis(90),
        "the sender waits for it"
    );
    reply.problem(429, "rate_limited");
    assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert!(reply.header("ratelimit-policy").unwrap().contains("failures"));
    throttled(&gateway, "198.51.100.7", "sk_short", "/v1/whoami").await;
    // The same network with a key that is right, another network, and no key at all.
    from(&gateway, "198.51.100.250", &first).await.expect(200);
    from(&gateway, "198.51.101.1", WRONG).await.expect(401);
    let keyless = gateway.anonymous().get_call("/v1/whoami");
    let keyless = keyless.header("x-forwarded-for", "198.51.100.1").send().await;
    keyless.problem(401, "key_missing");
    // The order of checks: an unknown route needs a key first, too.
    throttled(&gateway, "198.51.100.1", WRONG, "/v1/none").await;

    // An IPv6 site is a /48.
    for at in 0..20 {
        from(&gateway, &format!("2001:db8:1:{at:x}::1"), WRONG)
            .await
            .expect(401);
    }
    throttled(&gateway, "2001:db8:1:ffff::1", WRONG, "/v1/whoami").await;
    from(&gateway, "2001:db8:2::1", WRONG).await.expect(401);

    let throttled = gateway.metric("gateway_key_failures_throttled_total").await;
    assert_eq!(throttled, Some(4.0));
    // Its own share comes back with time.
    eventually("a wrong key is answered again", SOON, async || {
        from(&gateway, "198.51.100.250", WRONG).await.status == 401
    })
    .await;
}
