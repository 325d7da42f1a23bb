//! What goes wrong on the first day is told with its cause and its cure, by whichever command is tried first.

use stage::{Cluster, Gateway, cli};

/// What each command says, all of which must fail for this.
async fn told(url: &str) -> String {
    let mut all = Vec::new();
    for command in ["check-config", "migrate", "serve"] {
        let ports = [
            ("GATEWAY_SERVER__LISTEN", "127.0.0.1:0"),
            ("GATEWAY_OPERATIONS__LISTEN", "127.0.0.1:0"),
        ];
        let refused = cli::run(url, &[command], &ports);
        assert_eq!(refused.status.code(), Some(1), "{command}: {refused:?}");
        let errors = String::from_utf8(refused.stderr).expect("UTF-8");
        let told = errors.rsplit_once("gateway: ").expect("the fault").1;
        all.push(told.trim().to_owned());
    }
    let [checked, migrated, served] = &all[..] else {
        panic!("three commands");
    };
    // The tool for migrations adds which of them it was.
    assert!(
        migrated.ends_with(checked.trim_start_matches("the database refused: ")),
        "{all:?}"
    );
    assert_eq!(migrated, served);
    migrated.clone()
}

#[tokio::test]
async fn causes_come_with_their_cures() {
    let cluster = Cluster::shared();
    let database = cluster.empty_database().await;
    let name = format!("r{}", uuid::Uuid::now_v7().simple());
    database
        .run(&format!(
            "revoke create on schema public from public; create role {name} login"
        ))
        .await;
    let as_role = database.url().replace("postgres@", &format!("{name}@"));
    for (url, words) in [
        (
            as_role,
            ["SQLSTATE 42501", "grant usage, create on schema public"],
        ),
        (cluster.url("no_such_database"), ["SQLSTATE 3D000", "createdb"]),
        (
            database.url().replace("postgres@", "nobody_here@"),
            ["SQLSTATE 28000", "pg_hba.conf"],
        ),
    ] {
        let told = told(&url).await;
        assert!(words.iter().all(|word| told.contains(word)), "{told}");
    }
    let latin = format!("l{}", uuid::Uuid::now_v7().simple());
    let session = database.session().await;
    let create =
        format!("create database {latin} template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'");
    session.batch_execute(&create).await.expect("a database");
    let latin = told(&cluster.url(&latin)).await;
    assert!(latin.contains("LATIN1") && latin.contains("UTF8"), "{latin}");
    database
        .run(
            "create table refinery_schema_history (version int4 primary key, name varchar(255),
                 applied_on varchar(255), checksum varchar(255));
             insert into refinery_schema_history values (1, 'orders', '', '1')",
        )
        .await;
    let foreign = told(&database.url()).await;
    assert!(
        foreign.contains("another program") && foreign.contains("orders"),
        "{foreign}"
    );
}

#[tokio::test]
async fn a_check_changes_nothing_and_tells_what_a_start_would_run_into() {
    let database = Cluster::shared().empty_database().await;
    let url = database.url();
    let check = |url: &str, more: &[&str]| {
        let checked = cli::run(url, &[&["check-config"], more].concat(), &[]);
        let text = String::from_utf8_lossy(&checked.stderr).into_owned();
        (checked.status.code(), text)
    };
    let relations = "select count(*) from pg_class where relnamespace = 'public'::regnamespace";
    assert_eq!(check(&url, &[]), (Some(0), String::new()));
    assert_eq!(database.count(relations).await, 0);
    let unmigrated = [("GATEWAY_DATABASE__MIGRATE_ON_START", "false")];
    let refused = cli::run(&url, &["check-config"], &unmigrated);
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(errors.contains("run `gateway migrate`"), "{errors}");

    let read_only = format!("{url}?options=-c%20default_transaction_read_only%3Don");
    let (code, errors) = check(&read_only, &[]);
    assert!(code == Some(1) && errors.contains("SQLSTATE 25006"), "{errors}");
    let elsewhere = format!("{url}?options=-c%20search_path%3Dnowhere");
    let (code, errors) = check(&elsewhere, &[]);
    assert!(code == Some(1) && errors.contains("create schema"), "{errors}");

    cli::succeed(&url, &["migrate"]);
    let before = database.count(relations).await;
    assert_eq!(check(&url, &[]), (Some(0), String::new()));
    assert_eq!(database.count(relations).await, before);
    let (code, errors) = check(&read_only, &[]);
    assert!(code == Some(1) && errors.contains("SQLSTATE 25006"), "{errors}");
}

#[tokio::test]
async fn a_check_of_a_server_that_is_away_fails_unless_it_is_left_alone() {
    let away = "postgres://postgres@127.0.0.1:1/x";
    let checked = cli::run(away, &["check-config"], &[]);
    let errors = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("cannot be reached") && errors.contains("refused"),
        "{errors}"
    );
    let told = cli::run(away, &["check-config", "--json"], &[]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(told["faults"][0]["place"], "database.url", "{told}");
    let offline = cli::run(away, &["check-config", "--offline"], &[]);
    assert_eq!(offline.status.code(), Some(0), "{offline:?}");
}

#[tokio::test]
async fn a_server_without_a_free_connection_is_told_and_waited_for() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(stage::cluster::Sync::Off)));
    let database = cluster.database().await;
    let session = database.session().await;
    session
        .batch_execute("create role crowded login connection limit 0; grant all on all tables in schema public to crowded")
        .await
        .expect("a role");
    let crowded = database.url().replace("postgres@", "crowded@");
    for command in ["check-config", "migrate"] {
        let refused = cli::run(&crowded, &[command], &[]);
        let errors = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{command}: {errors}");
        assert!(
            errors.contains("SQLSTATE 53300") && errors.contains("max_connections"),
            "{errors}"
        );
    }
    let gateway = Gateway::launch(&crowded, &[]);
    stage::eventually("it tells why it waits", stage::SOON, || async {
        gateway.log().contains("waiting for the database") && gateway.log().contains("SQLSTATE 53300")
    })
    .await;
    session
        .batch_execute("alter role crowded connection limit -1")
        .await
        .expect("room");
    cluster.kill();
}
