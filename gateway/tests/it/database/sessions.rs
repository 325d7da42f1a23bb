//! Every session has its limits from its first moment.

use std::time::Duration;

use gateway::facade::app;
use gateway::facade::config::Config;
use gateway::facade::db::{Db, Purpose};

use stage::{Cluster, Desk, SOON, cluster::Sync, eventually, until};

fn db(url: &str) -> Db {
    let text = format!("[database]\nurl = \"{url}\"\npool_size = 2\n");
    app::database(&Config::parse(&text, []).expect("valid")).expect("an address")
}

async fn show(client: &tokio_postgres::Client, name: &str) -> String {
    let row = client.query_one(&format!("show {name}"), &[]).await;
    row.expect("a setting").get(0)
}

#[tokio::test]
async fn every_session_has_limits_whatever_it_is_for() {
    let database = Cluster::shared().empty_database().await;
    let db = db(&database.url());
    let pooled = db.client().await.expect("a connection");
    let listening = db.connect_listening(|| {}).await.expect("a connection");
    let mut dedicated = vec![listening];
    for purpose in [
        Purpose::Request(Duration::from_secs(4)),
        Purpose::Background,
        Purpose::Feed,
        Purpose::Import,
        Purpose::Migration,
    ] {
        dedicated.push(db.connect_for(purpose).await.expect("a connection"));
    }
    let mut all: Vec<&tokio_postgres::Client> = dedicated.iter().map(|client| &**client).collect();
    all.push(&pooled);
    for client in all {
        assert_eq!(show(client, "idle_in_transaction_session_timeout").await, "10s");
        assert_eq!(show(client, "jit").await, "off");
        assert_eq!(show(client, "tcp_keepalives_idle").await, "5");
        assert_eq!(show(client, "tcp_user_timeout").await, "10000");
        assert_ne!(show(client, "lock_timeout").await, "0");
    }
    assert_eq!(show(&pooled, "statement_timeout").await, "5s");
    assert_eq!(
        show(&dedicated[2], "statement_timeout").await,
        "0",
        "the engine limits itself"
    );
}

#[tokio::test]
async fn options_in_the_address_override_the_gateways_own() {
    let database = Cluster::shared().empty_database().await;
    let url = format!(
        "{}?options=-c%20search_path%3Delsewhere%20-c%20lock_timeout%3D7s",
        database.url()
    );
    let client = db(&url).connect().await.expect("a connection");
    assert_eq!(show(&client, "search_path").await, "elsewhere");
    assert_eq!(show(&client, "lock_timeout").await, "7s");
    assert_eq!(show(&client, "jit").await, "off");
}

#[tokio::test]
async fn requests_that_were_given_up_leave_no_statement_to_the_next() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let session = database.session().await;
    session
        .batch_execute("begin; lock table webhooks in access exclusive mode")
        .await
        .expect("locked");
    // More than the pool has connections.
    let stuck = (0..16).map(|_| desk.api.get("/v1/webhooks"));
    for reply in futures_util::future::join_all(stuck).await {
        reply.problem(503, "unavailable");
    }
    desk.api.get("/v1/api-keys").await.ok(200);
    eventually("nothing of it is left at the server", SOON, || async {
        let waiting = "select count(*) from pg_stat_activity
                       where datname = current_database() and wait_event_type = 'Lock'";
        database.count(waiting).await == 0
    })
    .await;
    session.batch_execute("rollback").await.expect("unlocked");
    desk.api.get("/v1/webhooks").await.ok(200);
}

#[tokio::test]
async fn commits_that_hang_leave_no_sessions_behind() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::Off)));
    let database = cluster.database().await;
    let gateway = stage::Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&gateway, &database).await;
    let session = database.session().await;
    // A standby that is not there.
    for statement in [
        "alter system set synchronous_standby_names = 'x'",
        "select pg_reload_conf()",
    ] {
        session.batch_execute(statement).await.expect("set");
    }
    let hanging = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
    until("commits hang", SOON, || async {
        desk.api
            .post("/v1/events", &serde_json::json!({"type": "deal.won", "data": {}}))
            .await;
        (database.count(hanging).await > 0).then_some(())
    })
    .await;
    for _ in 0..5 {
        let body = serde_json::json!({"type": "deal.won", "data": {}});
        let key = serde_json::json!({"name": "x", "scopes": ["crm:read"]});
        let (event, key) = tokio::join!(
            desk.api.post("/v1/events", &body),
            desk.api.post("/v1/api-keys", &key)
        );
        assert_eq!((event.status, key.status), (503, 503), "{event:?} {key:?}");
    }
    // Keys stay confirmed: reading needs no commit, and a heartbeat waits for no standby.
    desk.api.get("/v1/whoami").await.ok(200);
    // Left are those that somebody waits for: the committer and the recorder.
    eventually("what was given up is gone", SOON, || async {
        database.count(hanging).await <= 2
    })
    .await;
    assert_eq!(
        database.count("select count(*) from bus_owners").await,
        1,
        "the instance goes on as the owner that it was"
    );
    for statement in [
        "alter system reset synchronous_standby_names",
        "select pg_reload_conf()",
    ] {
        session.batch_execute(statement).await.expect("set");
    }
    eventually("events are accepted again", SOON, || async {
        let body = serde_json::json!({"type": "deal.won", "data": {}});
        desk.api.post("/v1/events", &body).await.status == 202
    })
    .await;
    cluster.kill();
}
