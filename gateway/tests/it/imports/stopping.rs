//! SIGTERM in the middle of an import: it ends within the drain time, or is failed with true counts and can be sent again.

use std::time::Duration;

use serde_json::json;
use stage::{Desk, Gateway, SOON, eventually};

use super::jobs::counts;
use super::{PATIENCE, newest, upload, wait_for_rows};

const ROWS: usize = 20_000;

fn rows() -> String {
    (0..ROWS).map(|n| format!("p{n}@x.y\n")).collect()
}

#[tokio::test]
async fn one_that_cannot_end_in_time_is_failed_with_true_counts_and_can_be_sent_again() {
    let drain = ("GATEWAY_SERVER__DRAIN_SECONDS", "2");
    let (gateway, database, desk) = Desk::own(&[drain]).await;
    let other = Gateway::start(&database.url(), &[]).await;
    let api = &desk.seen_from(&other);
    let file = format!("email\n{}", rows());
    // Its end never comes.
    let mut upload = upload(&desk.api, &file).await;
    wait_for_rows(api).await;
    gateway.signal("TERM");
    let told = upload.answer().await.expect("a reply before the end").ok(201);
    // The drain time, the contract's 10 s, and a little for a machine that has other things to do.
    let ended = gateway.wait_for_exit(Duration::from_secs(2 + 10 + 5)).await;
    assert_eq!(ended.code(), Some(0), "{}", gateway.log());

    assert_eq!(
        (&told["status"], &told["error"]["code"]),
        (&json!("failed"), &json!("interrupted"))
    );
    assert_eq!(newest(api).await, told, "no instance changes it afterwards");
    let created = counts(&told)[1];
    assert!(created > 0);
    database
        .expect_count("select count(*) from contacts", created)
        .await;
    let running = "select count(*) from imports where status = 'running'";
    database.expect_count(running, 0).await;

    let again = api.import("object=contact&mode=upsert", file.as_bytes()).await;
    let rows = i64::try_from(ROWS).expect("few");
    assert_eq!(
        counts(&again.ok(201)),
        [rows, rows - created, 0, created, 0],
        "what was written is found again"
    );
    database.expect_count("select count(*) from contacts", rows).await;
    // An undo of the half gives back the half, and leaves what the second has made.
    let path = format!("/v1/imports/{}/undo", told["id"].as_str().expect("an id"));
    let undone = api.post_nothing(&path).await.ok(200);
    assert_eq!(undone["undo"]["removed"], created);
    database
        .expect_count("select count(*) from contacts", rows - created)
        .await;
}

#[tokio::test]
async fn one_that_ends_within_the_drain_time_is_completed() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let mut upload = upload(&desk.api, format!("email\n{}", rows())).await;
    wait_for_rows(&desk.api).await;
    gateway.signal("TERM");
    eventually("it takes nobody else", SOON, async || {
        gateway
            .try_operations("/readyz")
            .await
            .is_none_or(|reply| reply.status == 503)
    })
    .await;
    upload.write_chunk("last@x.y\n").await;
    upload.write_chunk("").await;
    let job = upload.answer().await.expect("a reply").ok(201);
    let rows = i64::try_from(ROWS).expect("few") + 1;
    assert_eq!(
        (&job["status"], counts(&job)),
        (&json!("completed"), [rows, rows, 0, 0, 0])
    );
    assert_eq!(gateway.wait_for_exit(PATIENCE).await.code(), Some(0));
    database.expect_count("select count(*) from contacts", rows).await;
}
