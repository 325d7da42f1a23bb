//! Those who watch a job: any number of them costs one look at the database, and their number has an end.

use std::time::Duration;

use stage::wire::Wire;
use stage::{Api, Desk, eventually};

use super::PATIENCE;

/// An upload that stays open, and its job's id.
async fn upload(api: &Api) -> (Wire, String) {
    let upload = super::upload(api, "email,city\na@b.c,\nd@e.f,\n").await;
    super::wait_for_rows(api).await;
    let id = super::newest(api).await["id"].as_str().expect("an id").to_owned();
    (upload, id)
}

async fn watch(api: &Api, id: &str) -> Wire {
    let headers = [("connection", "close")];
    api.begin("GET", &format!("/v1/imports/{id}/events"), &headers)
        .await
}

#[tokio::test]
async fn all_who_watch_a_job_share_its_poll() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let (mut upload, id) = upload(&api).await;
    let mut watchers = Vec::new();
    for _ in 0..40 {
        let mut watcher = watch(&api, &id).await;
        watcher.wait_for(r#""status":"running""#).await;
        watchers.push(watcher);
    }
    let scans = async || {
        database
            .count("select (idx_scan + seq_scan)::int8 from pg_stat_user_tables where relname = 'imports'")
            .await
    };
    // Statistics lag behind by up to a second, and these of the watchers' arrival are not to count.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = scans().await;
    // The looks of six seconds are what is counted.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let count = scans().await - before;
    // Of these 20 are the poll's, and 40 pollers would make 800.
    assert!(count < 200, "{count} looks at the table");
    upload.write_chunk("g@h.i,\nj@k.l,\n").await;
    for watcher in &mut watchers {
        watcher.wait_for(r#""rows_created":4"#).await;
    }
    drop(upload);
    for mut watcher in watchers {
        watcher.wait_for(r#""status":"failed""#).await;
        watcher.rest().await;
    }
}

#[tokio::test]
async fn a_watcher_hears_that_the_connection_lives_while_nothing_changes() {
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let (_upload, id) = upload(&api).await;
    let mut watcher = watch(&api, &id).await;
    for silence in [":\n\n", ":\n\n\r\n3\r\n:\n\n"] {
        watcher.wait_for(silence).await;
    }
}

#[tokio::test]
async fn watchers_beyond_their_cap_are_refused_until_one_leaves() {
    let (_gateway, _database, Desk { api, .. }) = Desk::own(&[]).await;
    let (_upload, id) = upload(&api).await;
    let mut watchers = Vec::new();
    for _ in 0..256 {
        let mut watcher = watch(&api, &id).await;
        watcher.wait_for("data: ").await;
        watchers.push(watcher);
    }
    let path = format!("/v1/imports/{id}/events");
    api.get(&path).await.problem(503, "unavailable");
    watchers.pop();
    eventually("a place", PATIENCE, async || {
        let mut watcher = watch(&api, &id).await;
        watcher.wait_for("HTTP/1.1 ").await;
        watcher.wait_for("\r\n\r\n").await;
        let seen = watcher.seen();
        seen.starts_with("HTTP/1.1 200")
    })
    .await;
}
