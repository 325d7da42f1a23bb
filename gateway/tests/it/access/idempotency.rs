//! `Idempotency-Key` across instances and crashes.

use serde_json::{Value, json};

use stage::{Cluster, Gateway, Reply, SOON, eventually};

use super::{first_key, make_key, whoami};

async fn create(gateway: &Gateway, key: &str, once: &str, body: Value) -> Reply {
    let call = gateway.with_key(key).post_call("/v1/api-keys", &body);
    call.header("idempotency-key", once).send().await
}

fn named(name: &str) -> Value {
    json!({"name": name, "scopes": ["crm:read"]})
}

#[tokio::test]
async fn the_rules_hold_across_instances() {
    let database = Cluster::shared().database().await;
    let first = first_key(&database);
    let (one, other) = (
        Gateway::start(&database.url(), &[]).await,
        Gateway::start(&database.url(), &[]).await,
    );

    let made = create(&one, &first, "a", named("a")).await.expect(201);
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let again = create(&other, &first, "a", named("a")).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("cache-control"), Some("no-store"));
    assert_eq!(again.json()["id"], made.json()["id"]);
    assert_eq!(again.json()["key"], Value::Null);
    let kept = database
        .ask("select encode(reply, 'escape') from idempotency_replies")
        .await;
    assert!(!kept.contains(&key[3..]), "{kept}");

    // Another body, also one that means the same, and another path.
    let mismatch = create(&other, &first, "a", named("b")).await.expect(422);
    mismatch.problem(422, "idempotency_mismatch");
    create(
        &other,
        &first,
        "a",
        json!({"scopes": ["crm:read"], "name": "a", "expires_at": null}),
    )
    .await
    .expect(422);
    let path = format!("/v1/api-keys/{}/rotate", made.json()["id"].as_str().unwrap());
    let elsewhere = one.with_key(&first).post_call(&path, &named("a"));
    let elsewhere = elsewhere.header("idempotency-key", "a").send().await;
    elsewhere.problem(422, "idempotency_mismatch");

    // Only a success is kept: the same key may be used for the request that is mended.
    create(&one, &first, "b", json!({"name": "b"})).await.expect(422);
    create(&other, &first, "b", named("b")).await.expect(201);

    // One after another, no request finds the one before still running: not a failed one, not a repeat.
    for round in 0..40 {
        let gateway = if round % 2 == 0 { &one } else { &other };
        create(gateway, &first, "c", json!({"name": "c"}))
            .await
            .expect(422);
        create(gateway, &first, "a", named("a")).await.expect(201);
    }

    // Key and scope come first, then the length.
    let (_, weak) = make_key(&one, &first, "weak").await;
    eventually("the key works elsewhere", SOON, async || {
        whoami(&other, &weak).await == 200
    })
    .await;
    create(&other, &weak, "a", named("a")).await.expect(403);
    create(&other, "sk_wrong", "a", named("a")).await.expect(401);
    create(&one, &first, "", named("c")).await.expect(422);
    create(&one, &first, &"x".repeat(256), named("c"))
        .await
        .expect(422);
    create(&one, &first, &"x".repeat(255), named("c"))
        .await
        .expect(201);

    // After a day the key is free.
    database
        .ask("update idempotency_replies set created_at = now() - interval '25 hours' where key = 'a'")
        .await;
    let fresh = create(&other, &first, "a", named("another")).await.expect(201);
    assert_eq!(fresh.header("idempotent-replayed"), None);
}

#[tokio::test]
async fn a_crash_in_the_middle_leaves_nothing_and_frees_the_key() {
    let database = Cluster::shared().database().await;
    let first = first_key(&database);
    let (one, other) = (
        Gateway::start(&database.url(), &[]).await,
        Gateway::start(&database.url(), &[]).await,
    );
    // The key's row cannot be written while this lock is held.
    let mut blocker = database.session().await;
    let lock = blocker.transaction().await.unwrap();
    lock.batch_execute("lock table api_keys in share mode")
        .await
        .unwrap();
    let call = one.with_key(&first).post_call("/v1/api-keys", &named("once"));
    let hanging = tokio::spawn(call.header("idempotency-key", "once").try_send());
    eventually("the first request is under way", SOON, async || {
        let waiting = "select count(*) from pg_locks where locktype = 'advisory' and objsubid = 1 and granted
                       and database = (select oid from pg_database where datname = current_database())";
        database.count(waiting).await != 0
    })
    .await;
    let running = create(&other, &first, "once", named("once")).await;
    running.problem(409, "idempotency_running");
    one.kill();
    assert!(hanging.await.unwrap().is_none());
    lock.commit().await.unwrap();
    eventually("the key is free again", SOON, || async {
        {
            let reply = create(&other, &first, "once", named("once")).await;
            reply.status == 201 && reply.header("idempotent-replayed").is_none()
        }
    })
    .await;
    assert_eq!(
        database
            .ask("select count(*) from api_keys where name = 'once'")
            .await,
        "1"
    );
}
