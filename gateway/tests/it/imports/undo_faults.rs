//! Undos that cannot end: each says what was done and what to do.

use serde_json::{Value, json};

use stage::{Database, Desk, SOON, eventually};

fn path(job: &Value) -> String {
    format!("/v1/imports/{}/undo", job["id"].as_str().expect("an id"))
}

async fn contacts(database: &Database) -> i64 {
    database.count("select count(*) from contacts").await
}

#[tokio::test]
async fn a_damaged_undo_log_is_a_500_whose_cause_the_log_tells() {
    let (gateway, database, Desk { api, .. }) = Desk::own(&[]).await;
    api.import("object=contact", b"email,city\na@x.y,Rome\n")
        .await
        .ok(201);
    let file = b"email,city\na@x.y,Oslo\nb@x.y,Bern\n";
    let job = api.import("object=contact", file).await.ok(201);
    database
        .run("create table kept as select * from import_chunks")
        .await;
    for damage in [
        "''",
        "'\\x00'",
        "substr(undo, 1, 1)",
        "substr(undo, 1, octet_length(undo) - 3)",
        "undo || '\\x00'",
        "'\\xff' || substr(undo, 2)",
        "overlay(undo placing '\\xffffffffffffffff' from 6)",
        "(select k.undo from kept k where k.undo is not null and k.import_no <> c.import_no limit 1) || undo",
    ] {
        let damaged = format!(
            "update import_chunks c set undo = {damage}
             where undo is not null and import_no = (select max(number) from imports)"
        );
        database.run(&damaged).await;
        api.post_nothing(&path(&job)).await.problem(500, "internal");
        assert_eq!(contacts(&database).await, 2, "{damage}");
        let mend = "update import_chunks c set undo = k.undo from kept k
                    where k.import_no = c.import_no and k.chunk = c.chunk";
        database.run(mend).await;
    }
    let log = gateway.log();
    assert_eq!(log.matches("undo log is damaged").count(), 8, "{log}");
    assert!(!log.contains("panicked"), "{log}");
    let undone = api.post_nothing(&path(&job)).await.ok(200)["undo"].clone();
    assert_eq!((&undone["removed"], &undone["restored"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn an_undo_that_broke_off_says_so_and_goes_on_when_asked_again() {
    let (_gateway, database, Desk { api, .. }) = Desk::own(&[]).await;
    let job = api.import("object=contact", b"email\na@x.y\n").await.ok(201);
    let other = database.session().await;
    other
        .batch_execute("begin; lock table contacts in share mode")
        .await
        .expect("locked");
    let undoing = {
        let (api, path) = (api.clone(), path(&job));
        tokio::spawn(async move { api.post_nothing(&path).await })
    };
    let waiting = "from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    eventually("the undo waits for the table", SOON, || async {
        database.count(&format!("select count(*) {waiting}")).await > 0
    })
    .await;
    database
        .rows(&format!("select pg_terminate_backend(pid) {waiting}"))
        .await;
    let problem = undoing.await.expect("answered").problem(503, "unavailable");
    let told = problem["detail"].as_str().expect("words");
    assert!(
        told.starts_with("The undo broke off") && told.contains("Ask for it again"),
        "{told}"
    );
    other.batch_execute("rollback").await.expect("unlocked");
    let undone = api.post_nothing(&path(&job)).await.ok(200);
    assert_eq!(undone["undo"]["removed"], 1);
    assert_eq!(contacts(&database).await, 0);
}
