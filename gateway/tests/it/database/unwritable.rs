//! A server that takes no writes: `/readyz` and the replies name the cause, and the log tells it once.

use serde_json::json;
use stage::{Cluster, Database, Desk, Gateway, Reply, SOON, cluster::Sync, eventually};

async fn is_unready(gateway: &Gateway, words: &str) -> bool {
    let reply = gateway.try_operations("/readyz").await;
    reply.is_some_and(|reply| {
        let body = reply.json();
        let detail = &body["checks"]["postgres"]["detail"];
        reply.status == 503 && detail.as_str().is_some_and(|detail| detail.contains(words))
    })
}

fn names(reply: &Reply, words: &str) {
    let problem = reply.problem(503, "unavailable");
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains(words)),
        "{problem}"
    );
}

async fn refuses_with(desk: &Desk, words: &str) {
    let event = json!({"type": "deal.won", "data": {}});
    names(&desk.api.post("/v1/events", &event).await, words);
}

async fn accepts_again(gateway: &Gateway, desk: &Desk) {
    gateway.wait_until_ready().await;
    let event = json!({"type": "deal.won", "data": {}});
    desk.api.post("/v1/events", &event).await.ok(202);
}

async fn alter_system(database: &Database, change: &str) {
    let session = database.session().await;
    for statement in [
        format!("alter system {change}").as_str(),
        "select pg_reload_conf()",
    ] {
        session.batch_execute(statement).await.expect("set");
    }
}

#[tokio::test]
async fn a_read_only_server_is_named_once() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::Off)));
    let database = cluster.database().await;
    let gateway = Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&gateway, &database).await;
    alter_system(&database, "set default_transaction_read_only = on").await;
    eventually("it is told", SOON, || {
        is_unready(&gateway, "default_transaction_read_only")
    })
    .await;
    for _ in 0..10 {
        refuses_with(&desk, "read-only").await;
        let key = json!({"name": "x", "scopes": ["crm:read"]});
        names(&desk.api.post("/v1/api-keys", &key).await, "read-only");
    }
    desk.api.get("/v1/whoami").await.ok(200);
    let log = gateway.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("25006")).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(!log.contains("request failed"), "{log}");
    // One that starts meanwhile waits and says why.
    let second = Gateway::launch(&database.url(), &[]);
    eventually("the second tells it", SOON, || is_unready(&second, "read-only")).await;
    alter_system(&database, "reset default_transaction_read_only").await;
    accepts_again(&gateway, &desk).await;
    second.wait_until_ready().await;
    cluster.kill();
}

#[tokio::test]
async fn a_full_disk_is_named_without_traffic_and_with_it() {
    let database = Cluster::shared().database().await;
    let full = "begin
                    raise exception 'could not extend file: No space left on device' using errcode = '53100';
                end";
    database
        .run(&format!(
            "create function no_event() returns trigger language plpgsql as $$ {full} $$;
             create function no_room() returns event_trigger language plpgsql as $$
             begin if current_query() like 'create temporary table%' then {full}; end if; end $$;
             create event trigger no_room on ddl_command_start execute function no_room()"
        ))
        .await;
    let gateway = Gateway::launch(&database.url(), &[]);
    eventually("it is told", SOON, || is_unready(&gateway, "53100")).await;
    database.run("drop event trigger no_room").await;
    gateway.wait_until_ready().await;
    let desk = Desk::at(&gateway, &database).await;
    accepts_again(&gateway, &desk).await;
    database
        .run("create trigger no_event before insert on events execute function no_event()")
        .await;
    eventually("traffic tells it", SOON, || async {
        refuses_with(&desk, "full").await;
        is_unready(&gateway, "53100").await
    })
    .await;
    assert!(!gateway.log().contains("request failed"), "{}", gateway.log());
    database.run("drop trigger no_event on events").await;
    accepts_again(&gateway, &desk).await;
}
