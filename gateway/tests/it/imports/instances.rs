//! Imports where two instances share a database: neither's trouble is the other's.

use std::time::Duration;

use serde_json::json;

use super::jobs::counts;
use super::{PATIENCE, end, newest, upload};
use stage::wire::Wire;
use stage::{Api, Desk, Gateway, eventually};

async fn begin(api: &Api, first: &[u8]) -> (Wire, String) {
    let upload = upload(api, first).await;
    eventually("the job", PATIENCE, async || !newest(api).await.is_null()).await;
    let id = newest(api).await["id"].as_str().expect("an id").to_owned();
    (upload, id)
}

#[tokio::test]
async fn an_import_outlives_the_sessions_of_its_instance() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let other = Gateway::start(&database.url(), &[]).await;
    // A header and one row are enough to be in the list.
    let (mut upload, id) = begin(&desk.api, b"email,city\na@x.y,Rome\n").await;
    let ended = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()";
    // The other instance looks at it all the while, for longer than it takes a dead one for dead.
    for _ in 0..4 {
        database.run(ended).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let seen = desk
        .seen_from(&other)
        .get(&format!("/v1/imports/{id}"))
        .await
        .ok(200);
    assert_eq!(seen["status"], "running");
    upload.write_chunk(b"b@x.y,Oslo\n").await;
    let job = end(upload).await;
    assert_eq!(
        (&job["status"], counts(&job)),
        (&json!("completed"), [2, 2, 0, 0, 0])
    );
}

#[tokio::test]
async fn a_header_of_one_column_is_in_the_list_and_its_first_row_tells_the_delimiter() {
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let (mut upload, id) = begin(&api, b"email\n").await;
    let path = format!("/v1/imports/{id}");
    assert_eq!(api.get(&path).await.ok(200)["status"], "running");
    upload.write_chunk(b"a@x.y;;\nb@x.y;;\n").await;
    upload.write(b"0\r\n\r\n").await;
    let job = upload.answer().await.expect("a reply").ok(201);
    assert_eq!(
        (&job["status"], &job["delimiter"], counts(&job)),
        (&json!("completed"), &json!(";"), [2, 2, 0, 0, 0])
    );
    assert_eq!(api.get(&path).await.ok(200), job);
}

#[tokio::test]
async fn an_import_of_a_killed_instance_is_failed_by_the_other_with_true_counts() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let other = Gateway::start(&database.url(), &[]).await;
    let api = desk.seen_from(&other);
    let (_upload, id) = begin(&desk.api, b"email,city\na@x.y,Rome\n").await;
    let path = format!("/v1/imports/{id}");
    eventually("its row", PATIENCE, async || {
        api.get(&path).await.ok(200)["rows_created"] == 1
    })
    .await;
    gateway.kill();
    eventually("the end", PATIENCE, async || {
        api.get(&path).await.ok(200)["status"] == "failed"
    })
    .await;
    let job = api.get(&path).await.ok(200);
    assert_eq!(
        (&job["error"]["code"], counts(&job)),
        (&json!("interrupted"), [1, 1, 0, 0, 0])
    );
    let undone = api.post_nothing(&format!("{path}/undo")).await.ok(200);
    assert_eq!(undone["undo"]["removed"], 1);
}

#[tokio::test]
async fn an_import_that_waits_for_a_lock_is_cancelled_from_the_other_instance() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let other = Gateway::start(&database.url(), &[]).await;
    let api = desk.seen_from(&other);
    let mut session = database.session().await;
    let lock = session.transaction().await.expect("a transaction");
    lock.batch_execute("lock table contacts in share mode")
        .await
        .expect("a lock");
    let importing = desk.api.import("object=contact", b"email\na@x.y\n");
    let mut importing = std::pin::pin!(importing);
    let id = async {
        eventually("the job", PATIENCE, async || !newest(&api).await.is_null()).await;
        newest(&api).await["id"].as_str().expect("an id").to_owned()
    };
    let id = tokio::select! {
        early = &mut importing => panic!("{early:?}"),
        id = id => id,
    };
    api.post_nothing(&format!("/v1/imports/{id}/cancel"))
        .await
        .ok(200);
    // Nobody gives the lock back.
    let waiting = tokio::time::timeout(PATIENCE, importing)
        .await
        .expect("a reply")
        .ok(201);
    assert_eq!(
        (&waiting["status"], counts(&waiting)),
        (&json!("cancelled"), [0; 5])
    );
}
