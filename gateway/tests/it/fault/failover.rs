//! Another server takes the place of the one before, and knows less: a standby that lagged behind, a restored backup.
//! Its transaction ids are given a second time, so what the change feed has seen says nothing any more.

use serde_json::json;

use stage::cluster::Sync;
use stage::{Cluster, Desk, Gateway, Receiver, SOON, desk::text, eventually};

#[tokio::test]
async fn memory_follows_a_server_that_knows_less() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::On)));
    let database = cluster.database().await;
    let one = Gateway::start(&database.url(), &[]).await;
    let other = Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&one, &database).await;
    let (kept_receiver, lost_receiver) = (Receiver::start().await, Receiver::start().await);
    let kept = desk
        .make_key(&json!({"name": "kept", "scopes": ["crm:read"]}))
        .await;
    desk.hook(&kept_receiver, &["deal.won"]).await;

    let earlier = cluster.stop_and_copy();
    cluster.restart();
    one.wait_until_ready().await;
    other.wait_until_ready().await;
    let lost = desk
        .make_key(&json!({"name": "lost", "scopes": ["crm:read"]}))
        .await;
    let path = format!("/v1/api-keys/{}/revoke", text(&kept, "id"));
    desk.api.post_nothing(&path).await.ok(200);
    desk.hook(&lost_receiver, &["deal.won"]).await;
    let lost_type = json!({"name": "order.lost", "description": "x"});
    desk.api.post("/v1/event-types", &lost_type).await.ok(201);
    let at = |gateway: &Gateway, key| desk.seen_from(gateway).with_key(&text(key, "key"));
    for gateway in [&one, &other] {
        eventually("both keys are as they were left", SOON, || async {
            at(gateway, &lost).get("/v1/whoami").await.status == 200
                && at(gateway, &kept).get("/v1/whoami").await.status == 401
        })
        .await;
    }
    // The feed's position lies far beyond all that the copy has given.
    database
        .run("do $$ begin for i in 1..2000 loop perform pg_current_xact_id(); commit; end loop; end $$")
        .await;
    let last = database.count("select pg_current_xact_id()::text::bigint").await;
    let behind =
        format!("select count(*) from instances where pg_snapshot_xmax(seen)::text::bigint <= {last}");
    database.wait_for_count(&behind, 0).await;

    cluster.kill();
    cluster.put_back(earlier);
    cluster.restart();
    for gateway in [&one, &other] {
        eventually("memory is what the database holds", SOON * 2, || async {
            at(gateway, &lost).get("/v1/whoami").await.status == 401
                && at(gateway, &kept).get("/v1/whoami").await.status == 200
        })
        .await;
        gateway.wait_until_ready().await;
    }
    let refused = desk.seen_from(&other);
    let refused = refused
        .post("/v1/events", &json!({"type": "order.lost", "data": {}}))
        .await;
    assert_eq!(refused.status, 422, "a type that is gone: {refused:?}");
    desk.send("deal.won", json!({})).await;
    eventually("the endpoint that is left is called", SOON, || async {
        kept_receiver.count() > 0
    })
    .await;
    assert_eq!(
        lost_receiver.count(),
        0,
        "the endpoint that is gone is not called"
    );

    // A revocation whose transaction id was given once before.
    let revoked = desk.api.post_nothing(&path).await.ok(200);
    assert_eq!(revoked["confirmed"]["of"], 2, "{revoked}");
    assert_eq!(revoked["confirmed"]["instances"], 2, "{revoked}");
    assert_eq!(at(&other, &kept).get("/v1/whoami").await.status, 401);
    cluster.kill();
}

#[tokio::test]
async fn an_instance_that_read_another_server_confirms_nothing() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    // It has seen every transaction that there will be, of a server that is not this one.
    database
        .run(
            "insert into instances (id, name, version, started_at, live_until, seen, life)
             values (gen_random_uuid(), 'elsewhere', '0', now(), now() + interval '1 hour',
                     '999999999:999999999:', 'another')",
        )
        .await;
    let made = desk.make_key(&json!({"name": "k", "scopes": ["crm:read"]})).await;
    let path = format!("/v1/api-keys/{}/revoke", text(&made, "id"));
    let revoked = desk.api.post_nothing(&path).await.ok(200);
    assert_eq!(revoked["confirmed"]["of"], 2, "{revoked}");
    assert_eq!(revoked["confirmed"]["instances"], 1, "{revoked}");
}
