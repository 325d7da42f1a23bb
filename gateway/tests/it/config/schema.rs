//! Migrations, and what `serve` does with a schema that does not fit.

use stage::{Cluster, Database, Gateway, cli};

const NEWEST: &str = "select max(version)::bigint from refinery_schema_history";

fn refuses(database: &Database, environment: &[(&str, &str)], word: &str) {
    let errors = cli::refused(&database.url(), &["serve"], environment);
    assert!(errors.contains(word), "{errors}");
}

#[tokio::test]
async fn migrating_twice_is_migrating_once() {
    let database = Cluster::shared().empty_database().await;
    cli::succeed(&database.url(), &["migrate"]);
    let newest = database.count(NEWEST).await;
    let tables = database.dump("pg_tables").await;
    cli::succeed(&database.url(), &["migrate"]);
    assert_eq!(database.count(NEWEST).await, newest);
    assert_eq!(database.dump("pg_tables").await, tables);
    database
        .expect_count("select count(*) from workspaces where name = 'default'", 1)
        .await;
}

#[tokio::test]
async fn many_may_migrate_at_once() {
    let database = Cluster::shared().empty_database().await;
    let children: Vec<_> = (0..6)
        .map(|_| {
            cli::command(Some(&database.url()), &["migrate"], &[])
                .spawn()
                .expect("the gateway runs")
        })
        .collect();
    for mut child in children {
        assert!(child.wait().expect("ended").success());
    }
    database.expect_count("select count(*) from workspaces", 1).await;
    let database = Cluster::shared().empty_database().await;
    let gateways = [
        Gateway::launch(&database.url(), &[]),
        Gateway::launch(&database.url(), &[]),
    ];
    for gateway in &gateways {
        gateway.wait_until_ready().await;
    }
}

#[tokio::test]
async fn serve_migrates_unless_configured_otherwise() {
    let separately = ("GATEWAY_DATABASE__MIGRATE_ON_START", "false");
    let empty = Cluster::shared().empty_database().await;
    refuses(&empty, &[separately], "too old");
    assert_eq!(
        empty
            .count("select count(*) from pg_tables where schemaname = 'public'")
            .await,
        0,
        "nothing was made"
    );
    let migrated = Cluster::shared().database().await;
    let gateway = Gateway::start(&migrated.url(), &[separately]).await;
    assert!(gateway.terminate().await.success());
    migrated.run("delete from refinery_schema_history where version = (select max(version) from refinery_schema_history)").await;
    refuses(&migrated, &[separately], "too old");
}

#[tokio::test]
async fn a_schema_of_a_later_version_is_refused_either_way() {
    let database = Cluster::shared().database().await;
    database
        .run("insert into refinery_schema_history select 9999, 'later', applied_on, checksum from refinery_schema_history limit 1")
        .await;
    refuses(
        &database,
        &[("GATEWAY_DATABASE__MIGRATE_ON_START", "false")],
        "too new",
    );
    refuses(&database, &[], "too new");
    assert!(!cli::run(&database.url(), &["migrate"], &[]).status.success());
}

#[tokio::test]
async fn a_later_schema_that_says_so_works_with_this_version() {
    let database = Cluster::shared().database().await;
    let newest = database.count(NEWEST).await;
    let later = format!(
        "insert into refinery_schema_history select 9999, 'later', applied_on, checksum from refinery_schema_history limit 1;
         insert into schema_compatibility values (9999, {newest})"
    );
    database.run(&later).await;
    cli::succeed(&database.url(), &["migrate"]);
    for migrates in ["true", "false"] {
        let gateway = Gateway::start(
            &database.url(),
            &[("GATEWAY_DATABASE__MIGRATE_ON_START", migrates)],
        )
        .await;
        assert!(gateway.terminate().await.success());
    }
    let contracted =
        format!("update schema_compatibility set works_from = {newest} + 1 where version = 9999");
    database.run(&contracted).await;
    refuses(&database, &[], "too new");
}

#[tokio::test]
async fn a_database_that_is_away_at_the_start_is_waited_for() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(stage::cluster::Sync::Off)));
    let database = cluster.database().await;
    cluster.kill();
    let gateway = Gateway::launch(&database.url(), &[]);
    gateway.wait_for_log("waiting for the database").await;
    assert!(gateway.is_running());
    assert_eq!(gateway.operations("/livez").await.status, 200);
    let ready = gateway.operations("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["checks"]["postgres"]["ok"], false);
    cluster.restart();
    gateway.wait_until_ready().await;
    // Stopping while it waits is no failure either.
    cluster.kill();
    let waiting = Gateway::launch(&database.url(), &[]);
    assert!(waiting.terminate().await.success());
}
