//! `Idempotency-Key` across instances and crashes.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Reply, Request};
use crate::cluster::Cluster;
use crate::stage::{Gateway, first_key, within};

fn create(gateway: &Gateway, key: &str, once: &str, body: Value) -> Reply {
    Request::new(gateway.api, "POST", "/v1/api-keys", key)
        .header("idempotency-key", once)
        .body(body)
        .send()
}

fn named(name: &str) -> Value {
    json!({"name": name, "scopes": ["crm:read"]})
}

#[test]
fn the_rules_hold_across_instances() {
    let cluster = Cluster::start();
    let first = first_key(&cluster);
    let (one, other) = (Gateway::start(&cluster), Gateway::start(&cluster));

    let made = create(&one, &first, "a", named("a")).expect(201);
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let again = create(&other, &first, "a", named("a")).expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("cache-control"), Some("no-store"));
    assert_eq!(again.json()["id"], made.json()["id"]);
    assert_eq!(again.json()["key"], Value::Null);
    let kept = cluster.sql("select encode(reply, 'escape') from idempotency_replies");
    assert!(!kept.contains(&key[3..]), "{kept}");

    // Another body, also one that means the same, and another path.
    let mismatch = create(&other, &first, "a", named("b")).expect(422);
    assert_eq!(mismatch.code(), "idempotency_mismatch");
    create(
        &other,
        &first,
        "a",
        json!({"scopes": ["crm:read"], "name": "a", "expires_at": null}),
    )
    .expect(422);
    let path = format!("/v1/api-keys/{}/rotate", made.json()["id"].as_str().unwrap());
    let elsewhere = Request::new(one.api, "POST", &path, &first)
        .header("idempotency-key", "a")
        .body(named("a"));
    assert_eq!(elsewhere.send().expect(422).code(), "idempotency_mismatch");

    // Only a success is kept: the same key may be used for the request that is mended.
    create(&one, &first, "b", json!({"name": "b"})).expect(422);
    create(&other, &first, "b", named("b")).expect(201);

    // One after another, no request finds the one before still running: not a failed one, not a repeat.
    for round in 0..40 {
        let gateway = if round % 2 == 0 { &one } else { &other };
        create(gateway, &first, "c", json!({"name": "c"})).expect(422);
        create(gateway, &first, "a", named("a")).expect(201);
    }

    // Key and scope come first, then the length.
    let (_, weak) = one.make_key(&first, "weak");
    within(Duration::from_secs(1), "the key works elsewhere", || {
        other.whoami(&weak) == 200
    });
    create(&other, &weak, "a", named("a")).expect(403);
    create(&other, "sk_wrong", "a", named("a")).expect(401);
    create(&one, &first, "", named("c")).expect(422);
    create(&one, &first, &"x".repeat(256), named("c")).expect(422);
    create(&one, &first, &"x".repeat(255), named("c")).expect(201);

    // After a day the key is free.
    cluster.sql("update idempotency_replies set created_at = now() - interval '25 hours' where key = 'a'");
    let fresh = create(&other, &first, "a", named("another")).expect(201);
    assert_eq!(fresh.header("idempotent-replayed"), None);
}

#[test]
fn a_crash_in_the_middle_leaves_nothing_and_frees_the_key() {
    let cluster = Cluster::start();
    let first = first_key(&cluster);
    let (one, other) = (Gateway::start(&cluster), Gateway::start(&cluster));
    // The key's row cannot be written while this lock is held.
    let mut blocker = cluster.session();
    let pipe = blocker.stdin.as_mut().unwrap();
    pipe.write_all(b"begin; lock table api_keys in share mode;\n")
        .unwrap();
    within(Duration::from_secs(5), "the table is locked", || {
        cluster
            .sql("select count(*) from pg_locks where relation = 'api_keys'::regclass and mode = 'ShareLock'")
            == "1"
    });
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| {
            Request::new(one.api, "POST", "/v1/api-keys", &first)
                .header("idempotency-key", "once")
                .body(named("once"))
                .try_send()
        });
        within(Duration::from_secs(3), "the first request is under way", || {
            cluster
                .sql("select count(*) from pg_locks where locktype = 'advisory' and objsubid = 1 and granted")
                != "0"
        });
        let running = create(&other, &first, "once", named("once")).expect(409);
        assert_eq!(running.code(), "idempotency_running");
        one.signal("-KILL");
        assert!(hanging.join().unwrap().is_err());
    });
    pipe.write_all(b"commit;\n").unwrap();
    within(Duration::from_secs(5), "the key is free again", || {
        let reply = create(&other, &first, "once", named("once"));
        reply.status == 201 && reply.header("idempotent-replayed").is_none()
    });
    assert_eq!(
        cluster.sql("select count(*) from api_keys where name = 'once'"),
        "1"
    );
    blocker.kill().unwrap();
    blocker.wait().unwrap();
}
