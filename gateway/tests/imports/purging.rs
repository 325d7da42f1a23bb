//! Retention: what an import leaves behind goes, the job stays, and whoever asks for what is gone is told so.

use gateway::app;
use gateway::config::Config;
use gateway::imports::job::purge_store;

use crate::jobs::counts;
use crate::session::Session;
use crate::stage::{Cluster, Gateway};

/// Imports of which traces are left, and failed rows.
const LEFT: &str =
    "select (select count(distinct import_no) from import_chunks), (select count(*) from import_failures)";

/// What the gateway's upkeep does every few minutes.
fn purge(cluster: &Cluster, retention_days: u32) {
    let text = format!("[database]\nurl = \"{}\"\n", cluster.url());
    let config = Config::parse(&text, []).expect("valid");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = app::database(&config).expect("an address").connect().await;
        purge_store::purge(&client.expect("a connection"), retention_days)
            .await
            .expect("purged");
    });
}

#[test]
fn traces_and_failed_rows_go_and_the_job_stays() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let old = gateway
        .import("object=contact", b"email\na@x.y\nbad\n")
        .expect(201);
    let clean = gateway.import("object=contact", b"email\nb@x.y\n").expect(201);
    let young = gateway
        .import("object=contact", b"email\nc@x.y\nbad\n")
        .expect(201);
    let path = |job: &serde_json::Value, what: &str| {
        format!("/v1/imports/{}{what}", job["id"].as_str().expect("an id"))
    };
    cluster.ask(
        "update imports set finished_at = now() - interval '31 days'
         where number in (select number from imports order by number limit 2)",
    );
    purge(&cluster, 60);
    assert_eq!(cluster.ask(LEFT), "3|2");
    // One that is being undone keeps what the undo needs.
    let number = cluster.ask("select min(number) from imports");
    let mut undoing = Session::open(&cluster);
    undoing.run(&format!("select pg_advisory_lock({}, {number});", 0x696d_706f));
    purge(&cluster, 30);
    assert_eq!(cluster.ask(LEFT), "2|2");
    drop(undoing);
    crate::stage::wait_for("the lock to go with its session", || {
        purge(&cluster, 30);
        cluster.ask(LEFT) == "1|1"
    });

    let shown = gateway.get(&path(&old, "")).expect(200);
    assert_eq!(counts(&shown), [2, 1, 0, 0, 1]);
    assert_eq!(
        gateway.get("/v1/imports").expect(200)["data"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    for answer in [
        gateway.post(&path(&old, "/undo"), ""),
        gateway.post(&path(&clean, "/undo"), ""),
        gateway.get(&path(&old, "/errors.csv")),
        gateway.get(&path(&old, "/errors.csv?original=true")),
    ] {
        assert_eq!(answer.expect(409)["code"], "import_purged");
    }
    // Where nothing failed, an empty report is the truth.
    let errors = gateway.get(&path(&clean, "/errors.csv"));
    assert_eq!(
        (errors.status, errors.text().as_str()),
        (200, "row_number,error_message\r\n")
    );
    assert_eq!(
        gateway.post(&path(&young, "/undo"), "").expect(200)["undo"]["removed"],
        1
    );
    assert_eq!(
        cluster.ask("select string_agg(email, ' ' order by email) from contacts"),
        "a@x.y b@x.y"
    );
}
