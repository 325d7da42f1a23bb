//! Two instances on one database: what changes on one holds on the other within a second.

use std::time::{Duration, Instant};

use serde_json::json;

use stage::desk::{a_moment, text};
use stage::{Pair, Receiver, SOON, cli, eventually};

/// The contract's second, and a second for a machine that has other things to do.
const WITHIN: Duration = Duration::from_secs(2);

/// Ends every session that listens; how many there were.
async fn cut_listeners(pair: &Pair) -> usize {
    let listening = "select pg_terminate_backend(pid) from pg_stat_activity
                     where datname = current_database() and pid <> pg_backend_pid()
                       and (query ilike 'listen%' or query ilike '%pg_current_snapshot%')";
    pair.database.rows(listening).await.len()
}

/// Waits for something that must hold soon; how long it took.
async fn holds<F: Future<Output = bool>>(what: &str, look: impl FnMut() -> F) {
    let started = Instant::now();
    eventually(what, WITHIN, look).await;
    assert!(started.elapsed() < WITHIN);
}

async fn keys_follow(pair: &Pair) {
    let made = pair
        .desk
        .make_key(&json!({"name": "x", "scopes": ["crm:read"]}))
        .await;
    let there = pair.other.with_key(&text(&made, "key"));
    holds("a new key works", || async {
        there.get("/v1/whoami").await.status == 200
    })
    .await;
    let path = format!("/v1/api-keys/{}", text(&made, "id"));
    pair.desk
        .api
        .post_nothing(&format!("{path}/revoke"))
        .await
        .ok(200);
    holds("a revoked key is refused", || async {
        there.get("/v1/whoami").await.status == 401
    })
    .await;
    there.get("/v1/whoami").await.problem(401, "key_revoked");
    pair.desk.api.delete(&path).await.no_content();
    holds("a deleted key is unknown", || async {
        there.get("/v1/whoami").await.json()["code"] == "key_invalid"
    })
    .await;
    let key = cli::make_key(&pair.database.url(), &pair.desk.workspace, "crm:read");
    let there = pair.other.with_key(&key);
    holds("a key of the command line works", || async {
        there.get("/v1/whoami").await.status == 200
    })
    .await;
}

async fn webhooks_and_types_follow(pair: &Pair, label: &str) {
    let body = json!({"type": label, "data": {}});
    pair.desk
        .api
        .post("/v1/event-types", &json!({"name": label, "description": "x"}))
        .await
        .ok(201);
    holds("a new type is known", || async {
        pair.other.post("/v1/events", &body).await.status == 202
    })
    .await;
    let (first, second) = (Receiver::start().await, Receiver::start().await);
    let hook = pair.desk.hook(&first, &[label]).await;
    holds("a new endpoint is called", || async {
        pair.other.post("/v1/events", &body).await.ok(202);
        first.count() > 0
    })
    .await;
    pair.desk
        .api
        .patch(&hook.path(), &json!({"url": second.url()}))
        .await
        .ok(200);
    holds("its new address is called", || async {
        pair.other.post("/v1/events", &body).await.ok(202);
        second.count() > 0
    })
    .await;
    pair.desk
        .api
        .patch(&hook.path(), &json!({"enabled": false}))
        .await
        .ok(200);
    pair.database.wait_until_known().await;
    let count = second.count();
    pair.other.post("/v1/events", &body).await.ok(202);
    a_moment().await;
    assert_eq!(second.count(), count, "a disabled endpoint is not called");
    pair.desk.api.delete(&hook.path()).await.no_content();
}

#[tokio::test]
async fn changes_hold_on_both_within_a_second() {
    let pair = Pair::start(&[]).await;
    keys_follow(&pair).await;
    webhooks_and_types_follow(&pair, "order.shipped").await;
}

#[tokio::test]
async fn also_when_the_listening_sessions_are_cut_again_and_again() {
    let pair = Pair::start(&[]).await;
    for round in 0..3 {
        eventually("both instances' listeners are cut", SOON, || async {
            cut_listeners(&pair).await >= 2
        })
        .await;
        keys_follow(&pair).await;
        cut_listeners(&pair).await;
        webhooks_and_types_follow(&pair, &format!("order.round_{round}")).await;
    }
    for gateway in [&pair.one, &pair.two] {
        gateway.wait_until_ready().await;
    }
}

#[tokio::test]
async fn changes_that_commit_out_of_order_are_not_missed() {
    let pair = Pair::start(&[]).await;
    // A transaction that began first and commits last, with a lower id than one that was read already.
    let session = pair.database.session().await;
    let made = pair
        .desk
        .make_key(&json!({"name": "slow", "scopes": ["crm:read"]}))
        .await;
    let there = pair.other.with_key(&text(&made, "key"));
    holds("the key works", || async {
        there.get("/v1/whoami").await.status == 200
    })
    .await;
    let id = text(&made, "id").replacen("key_", "", 1);
    session
        .batch_execute(&format!(
            "begin; update api_keys set revoked_at = now() where id = '{id}';
             insert into changes (kind, entity, workspace_id) select 'api_key', id, workspace_id from api_keys where id = '{id}'"
        ))
        .await
        .expect("a change under way");
    for nth in 0..5 {
        pair.desk
            .make_key(&json!({"name": format!("k{nth}"), "scopes": ["crm:read"]}))
            .await;
    }
    // The other has read all that is committed.
    pair.database.wait_until_known().await;
    assert_eq!(there.get("/v1/whoami").await.status, 200, "not committed yet");
    session.batch_execute("commit").await.expect("committed");
    // Without a notification, by the poll alone.
    holds("the revocation holds", || async {
        there.get("/v1/whoami").await.status == 401
    })
    .await;
}

#[tokio::test]
async fn each_retry_is_made_by_one_instance() {
    let pair = Pair::start(&[]).await;
    let receiver = Receiver::deciding(|_, received| match received.header("x-sentinel-attempt") {
        "1" | "2" => stage::Act::Status(500),
        _ => stage::Act::Status(200),
    })
    .await;
    pair.desk.hook(&receiver, &["deal.won"]).await;
    pair.database.wait_until_known().await;
    let mut sent = Vec::new();
    for nth in 0..60 {
        let api = if nth % 2 == 0 { &pair.desk.api } else { &pair.other };
        let reply = api
            .post("/v1/events", &json!({"type": "deal.won", "data": {"n": nth}}))
            .await;
        sent.push(text(&reply.ok(202), "id"));
    }
    receiver.wait_long_for(180, SOON * 2).await;
    for id in &sent {
        let delivery = pair.desk.delivery_that(id, "succeeded").await;
        assert_eq!(delivery["attempt_count"], 3);
    }
    assert_eq!(receiver.count(), 180, "each attempt once");
}
