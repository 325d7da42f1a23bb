//! A dry run and the connection that its records live on.

mod kept;

use serde_json::json;

use super::jobs::counts;
use stage::{Desk, eventually};

use super::PATIENCE;

const ROWS: usize = 6_000;

#[tokio::test]
async fn a_dry_run_whose_connection_breaks_says_so_and_imports_nothing() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let mut file = String::from("email,city\n");
    for row in 0..ROWS {
        file.push_str(&format!("p{row}@x.y,Rome\n"));
    }
    let (first, rest) = file.split_at(file.len() / 2);
    for (query, is_dry) in [("object=contact&dry_run=true", true), ("object=contact", false)] {
        let mut upload = api
            .begin(
                "POST",
                &format!("/v1/imports?{query}"),
                &[
                    ("content-type", "text/csv"),
                    ("content-length", &file.len().to_string()),
                ],
            )
            .await;
        upload.write(first.as_bytes()).await;
        eventually("both lanes to have written", PATIENCE, async || {
            let written = "select count(*) from import_chunks c join imports i on i.number = c.import_no
                           where i.status = 'running'";
            database.count(written).await >= 2
        })
        .await;
        database.ask("select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() and datname = current_database()").await;
        upload.write(rest.as_bytes()).await;
        let job = upload.answer().await.expect("a reply").ok(201);
        let [total, created, updated, unchanged, failed] = counts(&job);
        assert_eq!((total, updated, unchanged, failed), (created, 0, 0, 0));
        let stored = database.ask("select count(*) from contacts").await;
        if is_dry {
            assert_eq!(job["status"], "failed");
            assert_eq!(job["error"]["code"], "database_away");
            let message = job["error"]["message"].as_str().expect("words");
            assert!(
                message.contains("dry run") && message.contains("Nothing was imported"),
                "{message}"
            );
            assert!((1..ROWS as i64).contains(&total), "{total}");
            assert_eq!(stored, "0");
        } else {
            // A real run goes on where it was.
            assert_eq!((&job["status"], total), (&json!("completed"), ROWS as i64));
            assert_eq!(stored, ROWS.to_string());
        }
    }
    let dry = api
        .import("object=contact&dry_run=true", file.as_bytes())
        .await
        .ok(201);
    assert_eq!(counts(&dry), [ROWS as i64, 0, 0, ROWS as i64, 0]);
}
