//! The audit trail by months: what old schemas held is still there, nobody changes it, and upkeep alone lets months go.

use gateway::facade::app;
use gateway::facade::config::Config;
use gateway::facade::maintenance::{self, Retention};
use stage::{Cluster, Database, Desk, Gateway, cli, desk::all_pages};

/// The last schema that had the trail in one table.
const UNDIVIDED: i32 = 13;

async fn tidy(database: &Database, retention_months: u32) {
    let text = format!(
        "[database]\nurl = \"{}\"\n[audit]\nretention_months = {retention_months}\n",
        database.url()
    );
    let config = Config::parse(&text, []).expect("valid");
    let db = app::database(&config).expect("an address");
    maintenance::tidy(&db, Retention::of(&config))
        .await
        .expect("tidied");
}

/// SQL for the smallest id of a moment that is given in SQL.
fn id_at(moment: &str) -> String {
    format!("rpad(lpad(to_hex((extract(epoch from {moment}) * 1000)::bigint), 12, '0'), 32, '0')::uuid")
}

/// SQL for the beginning of a month, counted from this one.
fn month(offset: i32) -> String {
    format!("(date_trunc('month', now() at time zone 'utc') + interval '{offset} months')")
}

fn entry(moment: &str, target: &str) -> String {
    format!(
        "insert into audit (id, workspace_id, operator, action, target_type, target_id)
         values ({}, 2, 'cli', 'contact.created', 'contact', '{target}');",
        id_at(moment)
    )
}

/// A database as the gateway of that version left it.
async fn database_of(version: i32) -> Database {
    let (old, fresh) = (
        Cluster::shared().empty_database().await,
        Cluster::shared().database().await,
    );
    let session = old.session().await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut history = "create table refinery_schema_history (version int4 primary key, name varchar(255),
        applied_on varchar(255), checksum varchar(255));"
        .to_owned();
    for row in fresh
        .rows(&format!(
            "select version, name, format('(%s, %L, %L, %L)', version, name, applied_on, checksum)
             from refinery_schema_history where version <= {version} order by version"
        ))
        .await
    {
        let (version, name, values): (i32, String, String) = (row.get(0), row.get(1), row.get(2));
        let file = folder.join(format!("V{version}__{name}.sql"));
        let text = std::fs::read_to_string(file).expect("a migration");
        session.batch_execute(&text).await.expect("migrated");
        history.push_str(&format!("insert into refinery_schema_history values {values};"));
    }
    session.batch_execute(&history).await.expect("a history");
    old
}

async fn targets(database: &Database) -> String {
    database
        .ask("select target_id from audit where target_type = 'contact' order by id desc")
        .await
}

/// The whole trail as one partition up to 2020, as after an upgrade in that year.
async fn forget_the_first_partition(database: &Database) {
    let first = database
        .ask("select relname from pg_class where relname like 'audit\\_until\\_%' and relkind = 'r'")
        .await;
    database
        .run(&format!(
            "drop table {first};
             do $$ begin execute format('create table audit_until_202001 partition of audit
                 for values from (minvalue) to (%L)', {}); end $$",
            id_at("timestamp '2020-01-01'")
        ))
        .await;
}

async fn make_month(database: &Database, offset: i32) -> String {
    let name = database
        .ask(&format!(
            "select 'audit_' || to_char({}, 'YYYYMM')",
            month(offset)
        ))
        .await;
    let (from, to) = (id_at(&month(offset)), id_at(&month(offset + 1)));
    database
        .run(&format!(
            "do $$ begin execute format('create table {name} partition of audit for values from (%L) to (%L)',
                 {from}, {to}); end $$"
        ))
        .await;
    name
}

#[tokio::test]
async fn a_filled_trail_is_kept_whole_by_the_migrations() {
    let database = database_of(UNDIVIDED).await;
    let fill: String = (0..40)
        .map(|n| {
            entry(
                &format!("now() - interval '{n} days 1 minute'"),
                &format!("con_{n}"),
            )
        })
        .collect();
    database.run(&fill).await;
    let before = targets(&database).await;
    cli::succeed(&database.url(), &["migrate"]);
    assert_eq!(targets(&database).await, before);
    let rest = "select count(*) from audit_rest";
    database.expect_count(rest, 0).await;

    let gateway = Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&gateway, &database).await;
    for limit in [7, 200] {
        let pages = all_pages(&desk.api, "/v1/audit?target=contact", limit).await;
        let shown = pages
            .iter()
            .map(|entry| entry["target"]["id"].as_str().expect("an id"));
        assert_eq!(shown.collect::<Vec<_>>().join("\n"), before);
    }
    assert!(
        all_pages(&desk.api, "/v1/audit", 7).await.len() > 40,
        "new entries come on top"
    );
    assert_eq!(database.count(rest).await, 0, "new entries have a month");
}

#[tokio::test]
async fn no_part_of_the_trail_can_be_changed() {
    let database = Cluster::shared().database().await;
    forget_the_first_partition(&database).await;
    database.run("drop table audit_until_202001").await;
    database.run(&entry("now()", "con_1")).await;
    database.expect_count("select count(*) from audit_rest", 1).await;
    tidy(&database, 0).await;
    assert_eq!(
        database.count("select count(*) from audit_rest").await,
        0,
        "it moved"
    );
    assert_eq!(targets(&database).await, "con_1");
    let upgraded = database_of(UNDIVIDED).await;
    cli::succeed(&upgraded.url(), &["migrate"]);
    for database in [&database, &upgraded] {
        let session = database.session().await;
        let parts = database
            .ask("select relid::regclass from pg_partition_tree('audit')")
            .await;
        assert!(parts.lines().count() > 3, "{parts}");
        for part in parts.lines() {
            for statement in [
                format!("delete from {part}"),
                format!("update {part} set action = 'x'"),
                format!("truncate {part}"),
            ] {
                let refused = session.batch_execute(&statement).await.expect_err(&statement);
                let told = refused.as_db_error().expect("by the server").message();
                assert!(told.contains("append-only"), "{statement}: {told}");
            }
        }
    }
}

#[tokio::test]
async fn months_beyond_the_retention_go_and_without_one_all_stay() {
    let database = Cluster::shared().database().await;
    forget_the_first_partition(&database).await;
    for offset in [-14, -4, -3] {
        make_month(&database, offset).await;
    }
    let entries = [
        entry("timestamp '2019-12-31'", "of 2019"),
        // Its month has no partition.
        entry(&month(-20), "stray"),
        entry(&month(-14), "old"),
        entry(&format!("({} - interval '1 second')", month(-3)), "just old"),
        entry(&month(-3), "kept"),
        entry("now()", "young"),
    ];
    database.run(&entries.concat()).await;
    let all = "young\nkept\njust old\nold\nstray\nof 2019";
    tidy(&database, 0).await;
    assert_eq!(targets(&database).await, all);
    tidy(&database, 30).await;
    assert_eq!(
        targets(&database).await,
        "young\nkept\njust old\nold\nstray",
        "that of 2019 is in a partition of its own"
    );
    tidy(&database, 3).await;
    assert_eq!(targets(&database).await, "young\nkept");
    let refused = database
        .session()
        .await
        .batch_execute("delete from audit_rest")
        .await;
    assert!(refused.is_err(), "upkeep leaves the rest guarded");
}
