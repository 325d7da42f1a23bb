//! Upkeep and migrations beside other work: they give way, and each part stands for itself.

use gateway::facade::app;
use gateway::facade::config::Config;
use gateway::facade::db::Db;
use gateway::facade::maintenance::{self, Retention};
use serde_json::json;
use stage::{Cluster, Database, Desk, Gateway, SOON, cli, eventually};

fn config(database: &Database) -> Config {
    Config::parse(&format!("[database]\nurl = \"{}\"\n", database.url()), []).expect("valid")
}

async fn tidy(database: &Database) {
    let config = config(database);
    let db: Db = app::database(&config).expect("an address");
    // A lock that the test itself holds would keep it for ever.
    tokio::time::timeout(SOON, maintenance::tidy(&db, Retention::of(&config)))
        .await
        .expect("it waits for no lock for long")
        .expect("tidied");
}

/// Drops the partitions of a day to come and leaves an event of that day.
async fn event_without_a_day(database: &Database, days: i32) -> String {
    let session = database.session().await;
    let query = format!(
        "select to_char(day, 'YYYYMMDD'), lpad(to_hex((extract(epoch from day) * 1000)::bigint + 5000), 12, '0')
         from (select date_trunc('day', now() at time zone 'utc') + interval '{days} days' as day) d"
    );
    let row = session.query_one(&query, &[]).await.expect("a day");
    let (name, id): (String, String) = (row.get(0), row.get(1));
    session
        .batch_execute(&format!(
            "drop table if exists events_{name}; drop table if exists deliveries_{name};
             insert into events (id, workspace_id, type, owner, data)
                 values ('{id}70000000000000000000', 1, 'deal.won', 0, '{{}}')"
        ))
        .await
        .expect("an event");
    name
}

#[tokio::test]
async fn a_row_without_a_day_stops_neither_upkeep_nor_a_start() {
    let database = Cluster::shared().database().await;
    let day = event_without_a_day(&database, 3).await;
    database
        .run(
            "insert into changes (kind, entity, workspace_id, at)
              values ('webhook', gen_random_uuid(), 1, now() - interval '3 days');
             insert into events (id, workspace_id, type, owner, data)
                 values ('00e4b4ea-0000-7000-8000-000000000000', 1, 'of 2001', 0, '{}')",
        )
        .await;
    database.expect_count("select count(*) from events_rest", 2).await;
    tidy(&database).await;
    assert_eq!(
        database.count("select count(*) from events_rest").await,
        0,
        "one moved, one was beyond the retention"
    );
    assert_eq!(
        database
            .count(&format!("select count(*) from events_{day}"))
            .await,
        1
    );
    assert_eq!(
        database
            .count(&format!("select count(*) from deliveries_{day}"))
            .await,
        0
    );
    let old = "select count(*) from changes where at < now() - interval '2 days'";
    assert_eq!(database.count(old).await, 0, "purges went on");
    let day = event_without_a_day(&database, 2).await;
    let gateway = Gateway::start(&database.url(), &[]).await;
    assert_eq!(
        database
            .count(&format!("select count(*) from events_{day}"))
            .await,
        1
    );
    drop(gateway);
}

#[tokio::test]
async fn a_day_that_cannot_be_made_stops_no_other() {
    let database = Cluster::shared().database().await;
    let day = event_without_a_day(&database, 2).await;
    // Somebody reads the rows that have no day, as a dump does for hours.
    let reader = database.session().await;
    reader
        .batch_execute("begin; lock table events_rest in access share mode")
        .await
        .expect("locked");
    tidy(&database).await;
    let exists = async |table: &str| {
        let query = format!("select (to_regclass('{table}_{day}') is not null)::int::bigint");
        database.count(&query).await == 1
    };
    assert!(!exists("events").await && exists("deliveries").await);
    reader.batch_execute("rollback").await.expect("unlocked");
    tidy(&database).await;
    assert!(exists("events").await);
}

#[tokio::test]
async fn a_start_beside_a_dump_waits_for_one_lock_in_all() {
    let database = Cluster::shared().database().await;
    let mut days = Vec::new();
    for ahead in 1..=3 {
        days.push(event_without_a_day(&database, ahead).await);
    }
    // pg_dump holds all of it until its end.
    let dump = database.session().await;
    dump.batch_execute(
        "begin;
         do $$
         declare dumped regclass;
         begin
             for dumped in select oid from pg_class
                           where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace loop
                 execute format('lock table %s in access share mode', dumped);
             end loop;
         end $$",
    )
    .await
    .expect("locked");
    let gateway = Gateway::start(&database.url(), &[]).await;
    let log = gateway.log();
    assert_eq!(
        log.matches("a partition is left to the maintenance").count(),
        1,
        "it tried no more after the first: {log}"
    );
    let desk = Desk::at(&gateway, &database).await;
    desk.send("deal.won", json!({})).await;
    dump.batch_execute("rollback").await.expect("unlocked");
    tidy(&database).await;
    assert_eq!(database.count("select count(*) from events_rest").await, 0);
    for day in days {
        let moved = format!("select count(*) from events_{day}");
        assert_eq!(database.count(&moved).await, 1);
    }
}

#[tokio::test]
async fn accepts_go_on_beside_a_long_reader_and_a_day_that_is_to_be_dropped() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    database
        .run("create table events_20010101 partition of events
              for values from ('00e4b4ea-0000-0000-0000-000000000000') to ('00e4b4ea-5c00-0000-0000-000000000000')")
        .await;
    let reader = database.session().await;
    reader
        .batch_execute("begin; lock table events in access share mode")
        .await
        .expect("locked");
    let config = config(&database);
    let db: Db = app::database(&config).expect("an address");
    let tidying = tokio::spawn(async move { maintenance::tidy(&db, Retention::of(&config)).await });
    let waiting = "select count(*) from pg_locks where not granted and relation = 'events'::regclass";
    let mut waits_seen = 0;
    while !tidying.is_finished() {
        waits_seen += database.count(waiting).await;
        desk.send("deal.won", json!({})).await;
    }
    assert!(waits_seen > 0, "events were accepted while it waited");
    tidying.await.expect("ended").expect("tidied");
    let left = "select (to_regclass('events_20010101') is not null)::int::bigint";
    assert_eq!(database.count(left).await, 1, "it waits for the next round");
    reader.batch_execute("rollback").await.expect("unlocked");
    tidy(&database).await;
    database.expect_count(left, 0).await;
}

#[tokio::test]
async fn one_instance_at_a_time_does_it() {
    let database = Cluster::shared().database().await;
    let day = event_without_a_day(&database, 2).await;
    let other = database.session().await;
    other
        .batch_execute("select pg_advisory_lock(7449363237758331760)")
        .await
        .expect("locked");
    tidy(&database).await;
    assert_eq!(
        database.count("select count(*) from events_rest").await,
        1,
        "left to the other"
    );
    drop(other);
    eventually("it is done when the other is gone", SOON, || async {
        tidy(&database).await;
        database
            .count(&format!(
                "select (to_regclass('events_{day}') is not null)::int::bigint"
            ))
            .await
            == 1
    })
    .await;
}

#[tokio::test]
async fn commands_that_read_leave_the_schema_alone() {
    let database = Cluster::shared().empty_database().await;
    for command in [["keys", "list"], ["workspaces", "list"]] {
        let told = cli::refused(&database.url(), &command, &[]);
        assert!(told.contains("gateway migrate"), "{told}");
    }
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    assert_eq!(database.count(tables).await, 0, "nothing was made");
    cli::make_key(&database.url(), "default", "*");
    cli::succeed(&database.url(), &["keys", "list"]);
    // A schema of an older version is the operator's to change, not a command's.
    let newest = "delete from refinery_schema_history where version = (select max(version) from refinery_schema_history)";
    database.run(newest).await;
    let arguments = ["keys", "create", "--name", "x", "--scopes", "*"];
    let told = cli::refused(&database.url(), &arguments, &[]);
    assert!(told.contains("too old"), "{told}");
}

#[tokio::test]
async fn upkeep_builds_the_indexes_that_a_migration_left_to_it() {
    let (_gateway, database, _desk) = Desk::own(&[]).await;
    database
        .run(
            "create index deliveries_new on only deliveries (attempt_count);
             create index deliveries_listing on only deliveries (webhook_id)",
        )
        .await;
    let valid = "select count(*) from pg_index where indexrelid = 'deliveries_new'::regclass and indisvalid";
    assert_eq!(database.count(valid).await, 0, "partitions have none");
    tidy(&database).await;
    assert_eq!(database.count(valid).await, 1, "each partition has one");
    let replaced = "select count(*) from pg_class where relname = 'deliveries_listing'";
    assert_eq!(
        database.count(replaced).await,
        1,
        "not before the others are complete"
    );
    tidy(&database).await;
    assert_eq!(database.count(replaced).await, 0);
    let broken = "select count(*) from pg_index where not indisvalid";
    assert_eq!(database.count(broken).await, 0);
}
