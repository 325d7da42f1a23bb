//! A dry run and the connection that its records live on.

use std::io::Write;

use serde_json::json;

use crate::jobs::counts;
use crate::stage::{Answer, Cluster, Gateway, wait_for};

const ROWS: usize = 6_000;

#[test]
fn a_dry_run_whose_connection_breaks_says_so_and_imports_nothing() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let mut file = String::from("email,city\n");
    for row in 0..ROWS {
        file.push_str(&format!("p{row}@x.y,Rome\n"));
    }
    let (first, rest) = file.split_at(file.len() / 2);
    for (query, is_dry) in [("object=contact&dry_run=true", true), ("object=contact", false)] {
        let mut upload = gateway.open(
            "POST",
            &format!("/v1/imports?{query}"),
            &[("content-type", "text/csv")],
            &format!("content-length: {}\r\n", file.len()),
        );
        upload.write_all(first.as_bytes()).expect("sent");
        wait_for("both lanes to have written", || {
            let written = "select count(*) from import_chunks c join imports i on i.number = c.import_no
                           where i.status = 'running'";
            cluster.ask(written).parse().unwrap_or(0) >= 2
        });
        cluster.ask("select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()");
        upload.write_all(rest.as_bytes()).expect("sent");
        let job = Answer::read(upload).expect(201);
        let [total, created, updated, unchanged, failed] = counts(&job);
        assert_eq!((total, updated, unchanged, failed), (created, 0, 0, 0));
        let stored = cluster.ask("select count(*) from contacts");
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
    let dry = gateway
        .import("object=contact&dry_run=true", file.as_bytes())
        .expect(201);
    assert_eq!(counts(&dry), [ROWS as i64, 0, 0, ROWS as i64, 0]);
}
