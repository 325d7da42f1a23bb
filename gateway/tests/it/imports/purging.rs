//! Retention: what an import leaves behind goes, the job stays, and whoever asks for what is gone is told so.

use gateway::facade::app;
use gateway::facade::config::Config;
use gateway::facade::imports;

use super::jobs::counts;
use stage::{Database, Desk, eventually};

use super::PATIENCE;

/// Imports of which traces are left, and failed rows.
const LEFT: &str =
    "select (select count(distinct import_no) from import_chunks), (select count(*) from import_failures)";

/// What the gateway's upkeep does every few minutes.
pub async fn purge(database: &Database, retention_days: u32) {
    imports::purge(&*connect(database).await, retention_days)
        .await
        .expect("purged");
}

/// The same with kept uploads.
pub async fn purge_kept(database: &Database) {
    imports::purge_kept(&*connect(database).await)
        .await
        .expect("purged");
}

async fn connect(database: &Database) -> impl std::ops::Deref<Target = tokio_postgres::Client> {
    let text = format!("[database]\nurl = \"{}\"\n", database.url());
    let config = Config::parse(&text, []).expect("valid");
    let client = app::database(&config).expect("an address").connect().await;
    client.expect("a connection")
}

#[tokio::test]
async fn traces_and_failed_rows_go_and_the_job_stays() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let old = api.import("object=contact", b"email\na@x.y\nbad\n").await.ok(201);
    let clean = api.import("object=contact", b"email\nb@x.y\n").await.ok(201);
    let young = api.import("object=contact", b"email\nc@x.y\nbad\n").await.ok(201);
    let path = |job: &serde_json::Value, what: &str| {
        format!("/v1/imports/{}{what}", job["id"].as_str().expect("an id"))
    };
    database
        .ask(
            "update imports set finished_at = now() - interval '31 days'
         where number in (select number from imports order by number limit 2)",
        )
        .await;
    purge(&database, 60).await;
    assert_eq!(database.ask(LEFT).await, "3|2");
    // One that is being undone keeps what the undo needs.
    let number = database.ask("select min(number) from imports").await;
    let undoing = database.session().await;
    let lock = format!("select pg_advisory_lock({}, {number})", 0x696d_706f);
    undoing.batch_execute(&lock).await.expect("locked");
    purge(&database, 30).await;
    assert_eq!(database.ask(LEFT).await, "2|2");
    drop(undoing);
    eventually("the lock to go with its session", PATIENCE, async || {
        purge(&database, 30).await;
        database.ask(LEFT).await == "1|1"
    })
    .await;

    let shown = api.get(&path(&old, "")).await.ok(200);
    assert_eq!(counts(&shown), [2, 1, 0, 0, 1]);
    assert_eq!(
        api.get("/v1/imports").await.ok(200)["data"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    for answer in [
        api.post_text(&path(&old, "/undo"), "").await,
        api.post_text(&path(&clean, "/undo"), "").await,
        api.get(&path(&old, "/errors.csv")).await,
        api.get(&path(&old, "/errors.csv?original=true")).await,
    ] {
        assert_eq!(answer.refusal(409)["code"], "import_purged");
    }
    // Where nothing failed, an empty report is the truth.
    let errors = api.get(&path(&clean, "/errors.csv")).await;
    assert_eq!(
        (errors.status, errors.text()),
        (200, "\u{feff}row_number,error_message\r\n")
    );
    assert_eq!(
        api.post_text(&path(&young, "/undo"), "").await.ok(200)["undo"]["removed"],
        1
    );
    assert_eq!(
        database
            .ask("select string_agg(email, ' ' order by email) from contacts")
            .await,
        "a@x.y b@x.y"
    );
}

#[tokio::test]
async fn jobs_of_old_months_go_once_their_traces_are_gone() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    for name in ["purged", "unpurged", "young"] {
        let file = format!("email\n{name}@x.y\n");
        api.import(&format!("object=contact&filename={name}.csv"), file.as_bytes())
            .await
            .ok(201);
    }
    database
        .run(
            "update imports set finished_at = now() - interval '4 months' where filename <> 'young.csv';
             update imports set purged_at = now() where filename <> 'unpurged.csv'",
        )
        .await;
    let jobs = async || {
        let listed = api.get("/v1/imports").await.ok(200);
        let jobs = listed["data"].as_array().expect("data").iter();
        jobs.map(|job| job["filename"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    let purge_jobs = async |months: u32| {
        imports::purge_jobs(&*connect(&database).await, months)
            .await
            .expect("purged");
    };
    for months in [0, 6] {
        purge_jobs(months).await;
        assert_eq!(jobs().await.len(), 3, "{months}");
    }
    purge_jobs(3).await;
    assert_eq!(jobs().await, ["young.csv", "unpurged.csv"]);
    purge(&database, 30).await;
    purge_jobs(3).await;
    assert_eq!(jobs().await, ["young.csv"]);
    assert_eq!(
        database.count("select count(*) from contacts").await,
        3,
        "records stay"
    );
}
