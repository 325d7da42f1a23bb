//! Undo: what an import created goes, what it overwrote comes back, what others changed since stays.

use http::Method;
use serde_json::{Value, json};

use super::PATIENCE;
use super::jobs::counts;
use stage::{Api, Database, Desk, Gateway, SOON, eventually, until};

const STATE: &str =
    "select string_agg(concat_ws('/', email, city, extra::text), ' ' order by id) from contacts";

#[tokio::test]
async fn an_undo_restores_records_and_leaves_those_changed_since() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    api.post_text(
        "/v1/crm/contacts",
        r#"{"email":"old@x.y","city":"Rome","extra":{"T":"0"}}"#,
    )
    .await
    .ok(201);
    let kept = api
        .post_text("/v1/crm/contacts", r#"{"email":"kept@x.y","city":"Bari"}"#)
        .await
        .ok(201);
    let before = database.ask(STATE).await;
    let file = b"email,city,T\nold@x.y,Oslo,1\nkept@x.y,Oslo,\nnew@x.y,Oslo,\nnew@x.y,Bern,\nmine@x.y,Oslo,\ngone@x.y,Oslo,\n";
    let first = api.import("object=contact", file).await.ok(201);
    assert_eq!(counts(&first), [6, 3, 3, 0, 0]);
    let second = api
        .import("object=contact", b"email,city\nold@x.y,Kiel\n")
        .await
        .ok(201);
    let path = |job: &serde_json::Value| format!("/v1/imports/{}/undo", job["id"].as_str().expect("an id"));
    let id_of = async |email: &str| {
        database
            .ask(&format!(
                "select 'con_' || id from contacts where email = '{email}'"
            ))
            .await
    };
    // Taken back, the later import stands in the way no more.
    api.post_text(&path(&second), "").await.ok(200);
    let (mine, gone) = (id_of("mine@x.y").await, id_of("gone@x.y").await);
    for id in [kept["id"].as_str().expect("an id"), &mine] {
        api.patch_text(&format!("/v1/crm/contacts/{id}"), r#"{"city":"Pisa"}"#)
            .await
            .ok(200);
    }
    assert_eq!(api.delete(&format!("/v1/crm/contacts/{gone}")).await.status, 204);
    let events = database.ask("select count(*) from events").await;
    let undone = api.post_text(&path(&first), "").await.ok(200);
    let undo = &undone["undo"];
    assert_eq!(
        (&undo["removed"], &undo["restored"]),
        (&json!(1), &json!(1)),
        "{undo}"
    );
    let mut left: Vec<_> = undo["left"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|left| left["id"].clone())
        .collect();
    left.sort_by_key(ToString::to_string);
    let mut expected = vec![kept["id"].clone(), json!(mine), json!(gone)];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(left, expected);
    assert_eq!(database.ask("select count(*) from events").await, events);
    let after = database.ask(STATE).await;
    assert_eq!(after, format!("{} mine@x.y/Pisa", before.replace("Bari", "Pisa")));
    let again = api.post_text(&path(&first), "").await.ok(200);
    assert_eq!(again["undo"], undone["undo"]);
    let entries = "select count(*) from audit where action = 'import.undone'";
    assert_eq!(database.ask(entries).await, "2", "one for each import");
    assert_eq!(database.ask(STATE).await, after);
    assert_eq!(api.get("/v1/crm/contacts?q=new").await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn a_large_import_is_undone_to_the_last_record() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let file = |city: &str| {
        let rows = (0..15_000).map(|n| format!("p{}@x.y,{city}{}\n", n % 12_000, n % 7));
        "email,city\n".to_owned() + &rows.collect::<String>()
    };
    let first = api.import("object=contact", file("a").as_bytes()).await.ok(201);
    assert_eq!(first["rows_created"], 12_000);
    let digest = "select md5(string_agg(concat(id, email, city, updated_at, import_no), ' ' order by id)) from contacts";
    let before = database.ask(digest).await;
    let second = api.import("object=contact", file("b").as_bytes()).await.ok(201);
    assert_eq!(second["rows_updated"], 15_000);
    let undo = async |job: &serde_json::Value| {
        api.post_text(
            &format!("/v1/imports/{}/undo", job["id"].as_str().expect("an id")),
            "",
        )
        .await
        .ok(200)
    };
    assert_eq!(undo(&second).await["undo"]["left"], json!([]));
    assert_eq!(database.ask(digest).await, before);
    let undone = undo(&first).await;
    assert_eq!(
        (&undone["undo"]["removed"], &undone["undo"]["left"]),
        (&json!(12_000), &json!([]))
    );
    assert_eq!(database.ask("select count(*) from contacts").await, "0");
}

#[tokio::test]
async fn a_record_that_several_chunks_wrote_is_counted_and_listed_once() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[("GATEWAY_IMPORTS__LANES", "1")]).await;
    let before = "email,city\nold@x.y,Rome\n";
    api.import("object=contact", before.as_bytes()).await.ok(201);
    let rows = (0..4_500).map(|row| match row % 1_500 {
        0 => format!("new@x.y,{row}\n"),
        1 => format!("old@x.y,{row}\n"),
        2 => format!("mine@x.y,{row}\n"),
        _ => format!("{row}@x.y,\n"),
    });
    let file = "email,city\n".to_owned() + &rows.collect::<String>();
    let job = api.import("object=contact", file.as_bytes()).await.ok(201);
    let id = |email: &str| format!("select 'con_' || id from contacts where email = '{email}'");
    let mine = database.ask(&id("mine@x.y")).await;
    let path = format!("/v1/crm/contacts/{mine}");
    api.patch_text(&path, r#"{"city":"Pisa"}"#).await.ok(200);
    let path = format!("/v1/imports/{}/undo", job["id"].as_str().expect("an id"));
    let undone = api.post_nothing(&path).await.ok(200)["undo"].clone();
    assert_eq!(
        undone["left"],
        json!([{"id": mine, "reason": "It was changed since."}])
    );
    assert_eq!(
        (&undone["removed"], &undone["restored"]),
        (&json!(4_492), &json!(1))
    );
    let left = "select string_agg(concat(email, city), ' ' order by email) from contacts";
    assert_eq!(database.ask(left).await, "mine@x.yPisa old@x.yRome");
}

#[tokio::test]
async fn an_undo_that_was_killed_goes_on_where_it_stopped() {
    let (gateway, database, Desk { api, .. }) = Desk::own(&[("GATEWAY_IMPORTS__LANES", "1")]).await;
    let rows = (0..5_000).map(|n| format!("p{n}@x.y\n"));
    let file = "email\n".to_owned() + &rows.collect::<String>();
    let job = api.import("object=contact", file.as_bytes()).await.ok(201);
    let path = format!("/v1/imports/{}/undo", job["id"].as_str().expect("an id"));
    // The log of the first chunk is the last to go, and is held.
    let held = database.session().await;
    held.batch_execute("begin; select from import_chunks order by chunk limit 1 for update")
        .await
        .expect("held");
    let (undoing, undo) = (api.clone(), path.clone());
    let undoing = tokio::spawn(async move { undoing.call(Method::POST, &undo).try_send().await });
    database
        .wait_for_count("select count(*) from import_chunks", 1)
        .await;
    gateway.kill();
    assert!(undoing.await.expect("ended").is_none());
    held.batch_execute("rollback").await.expect("released");
    let left = database.count("select count(*) from contacts").await;
    assert!((1..5_000).contains(&left), "{left} are left for the second half");

    let next = Gateway::start(&database.url(), &[]).await;
    let api = next.with_key(api.key.as_deref().expect("a key"));
    let undone = eventually_undone(&api, &path).await;
    assert_eq!(
        (&undone["removed"], &undone["left"]),
        (&json!(5_000), &json!([])),
        "both halves count"
    );
    database.expect_count("select count(*) from contacts", 0).await;
    let entries = "select count(*) from audit where action = 'import.undone'";
    database.expect_count(entries, 1).await;
}

/// The result of an undo, once the session of a dead instance, which holds the job, has ended.
async fn eventually_undone(api: &Api, path: &str) -> Value {
    until("it is undone", PATIENCE, || async {
        let reply = api.post_nothing(path).await;
        (reply.status == 200).then(|| reply.json()["undo"].clone())
    })
    .await
}

#[tokio::test]
async fn an_undo_and_its_entry_in_the_trail_are_one_transaction() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let job = api.import("object=contact", b"email\na@x.y\n").await.ok(201);
    database
        .run(
            "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
             create trigger refuse before insert on audit for each row when (new.action = 'import.undone')
                 execute function refuse()",
        )
        .await;
    let path = format!("/v1/imports/{}/undo", job["id"].as_str().expect("an id"));
    assert_eq!(api.post_nothing(&path).await.status, 500);
    database.expect_count("select count(*) from contacts", 1).await;
    database.run("drop trigger refuse on audit").await;
    assert_eq!(api.post_nothing(&path).await.ok(200)["undo"]["removed"], 1);
}

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
