//! A database that an older version has filled, brought up to date: everything is there, and the gateway works with it.

use refinery::Target;
use serde_json::{Value, json};
use stage::{Act, Cluster, Database, Desk, Gateway, Receiver, SOON, cli, eventually, signature};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Rows of these are copied into the older schema, in this order.
const TABLES: &[&str] = &[
    "workspaces",
    "gateway_secrets",
    "api_keys",
    "event_types",
    "audit",
    "webhooks",
    "events",
    "event_once_keys",
    "deliveries",
    "scheduled_deliveries",
    "contacts",
    "deals",
    "imports",
    "import_chunks",
    "import_failures",
];

/// A database at an older version, filled with what `from` holds of it. For each table, the columns that it had then.
async fn older(version: u32, from: &Database) -> (Database, Vec<(&'static str, String)>) {
    let database = Cluster::shared().empty_database().await;
    let mut session = database.session().await;
    embedded::migrations::runner()
        .set_target(Target::Version(version.try_into().expect("small")))
        .run_async(&mut session)
        .await
        .expect("migrated");
    let mut tables = Vec::new();
    for table in TABLES {
        let theirs = columns(from, table).await;
        let ours = columns(&database, table).await;
        let shared: Vec<String> = ours.into_iter().filter(|name| theirs.contains(name)).collect();
        let shared = shared.join(", ");
        let rows = content(from, table, &shared).await;
        let copy = format!(
            "insert into {table} ({shared}) overriding system value
             select {shared} from json_populate_recordset(null::{table}, $1::text::json) on conflict do nothing"
        );
        session.execute(&copy, &[&rows]).await.expect("copied");
        tables.push((*table, shared));
    }
    session
        .batch_execute("select setval(pg_get_serial_sequence('imports', 'number'), 1000)")
        .await
        .expect("set");
    (database, tables)
}

async fn columns(database: &Database, table: &str) -> Vec<String> {
    let query = format!(
        "select column_name::text from information_schema.columns
         where table_schema = 'public' and table_name = '{table}' order by ordinal_position"
    );
    let rows = database.rows(&query).await;
    rows.iter().map(|row| row.get(0)).collect()
}

/// The rows of a table as JSON, in an order that depends on them alone.
async fn content(database: &Database, table: &str, columns: &str) -> String {
    let query = format!(
        "select coalesce(json_agg(t order by t::text), '[]')::text from (select {columns} from {table}) t"
    );
    database.rows(&query).await[0].get(0)
}

#[tokio::test]
async fn a_filled_database_of_an_older_version_is_brought_up_to_date_and_works() {
    let (gateway, present, desk) = Desk::own(&[]).await;
    let receiver = Receiver::scripted(vec![Act::Status(200), Act::Status(500)]).await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let type_ = json!({"name": "deal.odd", "description": "x"});
    desk.api.post("/v1/event-types", &type_).await.ok(201);
    let done = desk.send("deal.won", json!({"a": 1.50})).await;
    desk.delivery_that(&done, "succeeded").await;
    let owed = desk.send("deal.won", json!({"b": 2})).await;
    receiver.wait_for(2).await;
    let file = b"email,city\na@x.y,Rome\nb@x.y,Oslo\nnot an address,Bonn\n";
    let import = desk.api.import("object=contact", file).await.ok(201);
    let waiting = "select count(*) from scheduled_deliveries where owner is null and due_at is not null";
    present.wait_for_count(waiting, 1).await;
    assert!(gateway.terminate().await.success());

    for version in [8, 10, 13, 15, 17] {
        let (database, tables) = older(version, &present).await;
        if version == 10 {
            // Until then a record without a better key had its external id for a key.
            database
                .run(
                    "insert into deals (workspace_id, id, updated_at, key, words, name, external_id)
                     select id, gen_random_uuid(), now(), '1ext-7', '', 'Seven', 'ext-7' from workspaces
                     where name <> 'default'",
                )
                .await;
        }
        let mut before = Vec::new();
        for (table, columns) in &tables {
            before.push(content(&database, table, columns).await);
        }
        cli::succeed(&database.url(), &["migrate"]);
        for ((table, columns), before) in tables.iter().zip(before) {
            let [before, after] = [before, content(&database, table, columns).await].map(|rows| {
                let mut rows: Vec<Value> = serde_json::from_str(&rows).expect("JSON");
                for row in &mut rows {
                    let row = row.as_object_mut().expect("a row");
                    // Version 11 made keys and undo logs anew.
                    if version < 11 {
                        row.remove("key");
                        row.remove("traces_kept");
                    }
                }
                rows
            });
            assert_eq!(before, after, "{table} from version {version}");
        }

        let again = Receiver::start().await;
        let move_it = format!("update webhooks set url = '{}'", again.url());
        database.run(&move_it).await;
        database
            .run("update scheduled_deliveries set due_at = now()")
            .await;
        let gateway = Gateway::start(&database.url(), &[]).await;
        let api = desk.seen_from(&gateway);
        api.get("/v1/whoami").await.ok(200);
        eventually("what was owed arrives", SOON, async || again.count() == 1).await;
        let shown = api.get(&format!("/v1/events/{done}")).await.ok(200);
        assert_eq!(shown["data"].to_string(), "{\"a\":1.5}");
        let deliveries = api.get(&hook.at("deliveries")).await.ok(200);
        assert_eq!(
            deliveries["data"].as_array().map(Vec::len),
            Some(2),
            "{deliveries}"
        );
        let job = format!("/v1/imports/{}", import["id"].as_str().expect("an id"));
        assert_eq!(api.get(&job).await.ok(200)["rows_failed"], 1);
        let trail = api.get("/v1/audit").await.ok(200);
        assert!(trail["data"].as_array().is_some_and(|rows| !rows.is_empty()));

        let body = json!({"type": "deal.odd", "data": {}});
        api.post("/v1/events", &body).await.ok(202);
        let body = json!({"type": "deal.won", "data": {"c": 3}});
        api.post("/v1/events", &body).await.ok(202);
        eventually("the new one arrives", SOON, async || again.count() == 2).await;
        let merged = api
            .import(
                "object=contact&mode=upsert",
                b"email,city\na@x.y,Rome\nc@x.y,Bari\n",
            )
            .await
            .ok(201);
        assert_eq!(
            (&merged["rows_created"], &merged["rows_unchanged"]),
            (&json!(1), &json!(1)),
            "from version {version}: {merged}"
        );
        let got = again.received();
        assert!(got[0].text().contains(&owed));
        assert!(
            got.iter()
                .all(|request| signature::hub_verifies(request, &hook.secret))
        );
        if version == 10 {
            let deal = b"external_id,name\next-7,Eight\n";
            let merged = api.import("object=deal&mode=upsert", deal).await.ok(201);
            assert_eq!(merged["rows_updated"], 1, "{merged}");
        }
    }
}
