//! Files that are no table, that break off, that blow up, and a database that dies in the middle.

use serde_json::json;

use super::jobs::counts;
use super::rules::gzip;
use stage::cluster::{Cluster, Sync};
use stage::{Desk, Gateway, eventually};

use super::{PATIENCE, end, newest, upload, upload_as, wait_for_rows};

#[tokio::test]
async fn a_file_that_is_no_table_is_refused_with_a_reason_and_leaves_no_job() {
    let (_gateways, _database, Desk { api, .. }) =
        Desk::own_pair(&[("GATEWAY_IMPORTS__MAX_BYTES", "200000000")]).await;
    let gzipped = gzip(b"email\na@b.c\n");
    let long = [b"\"".as_slice(), &[b'x'; 3 << 20]].concat();
    for (name, body) in [
        ("xlsx", b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00".as_slice()),
        ("PNG", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
        ("PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"),
        ("JSON", b"[{\"email\": \"a@b.c\"}]"),
        ("HTML", b"<!DOCTYPE html><html><body>hi</body></html>"),
        ("gzip", &gzipped),
        ("empty", b""),
        ("blank", b"\n\n  \n"),
        ("no column", b"colour,size\nred,5\n"),
        ("endless header", &long),
    ] {
        let refused = api
            .import("object=contact&filename=x.csv", body)
            .await
            .refusal(422);
        assert_eq!(refused["code"], "file_refused", "{name}");
        assert!(
            refused["detail"].as_str().is_some_and(|detail| detail.len() > 20),
            "{name}"
        );
    }
    let nested = [("content-type", "text/csv"), ("content-encoding", "gzip")];
    let bomb = gzip(&gzipped);
    assert_eq!(api.import_as("object=contact", &nested, &bomb).await.status, 422);
    assert_eq!(api.get("/v1/imports").await.ok(200)["data"], json!([]));
    // A usable header is enough.
    let job = api.import("object=contact", b"email\n").await.ok(201);
    assert_eq!((&job["status"], counts(&job)), (&json!("completed"), [0; 5]));
    assert_eq!(job["success_rate"], 1.0);
}

#[tokio::test]
async fn bombs_end_as_failed_jobs() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let mut plain = b"email\na@b.c\n".to_vec();
    plain.resize(100 << 20, b'\n');
    for (coding, packed) in [
        ("gzip", gzip(&plain)),
        ("zstd", zstd::bulk::compress(&plain, 1).expect("zstd")),
    ] {
        let headers = [("content-type", "text/csv"), ("content-encoding", coding)];
        let job = api.import_as("object=contact", &headers, &packed).await.ok(201);
        assert_eq!(
            (&job["status"], &job["error"]["code"]),
            (&json!("failed"), &json!("too_large")),
            "{coding}"
        );
    }
    assert_eq!(database.ask("select count(*) from contacts").await, "1");
}

#[tokio::test]
async fn too_many_rows_and_a_cut_upload_fail_with_true_counts() {
    let (_gateways, database, Desk { api, .. }) =
        Desk::own_pair(&[("GATEWAY_IMPORTS__MAX_ROWS", "1000")]).await;
    let rows: String = (0..1500).map(|n| format!("p{n}@x.y\n")).collect();
    let job = api
        .import("object=contact", format!("email\n{rows}").as_bytes())
        .await
        .ok(201);
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("failed"), &json!("too_many_rows"))
    );
    assert_eq!(counts(&job), [1000, 1000, 0, 0, 0]);
    let upload = upload(&api, "email,city\nq1@x.y,\nq2@x.y,\nq3@x.y").await;
    eventually("the job", PATIENCE, async || {
        api.get("/v1/imports").await.ok(200)["data"]
            .as_array()
            .map(Vec::len)
            == Some(2)
    })
    .await;
    drop(upload);
    eventually("the end", PATIENCE, async || {
        newest(&api).await["status"] == "failed"
    })
    .await;
    let last = newest(&api).await;
    assert_eq!(last["error"]["code"], "upload_cut");
    assert_eq!(counts(&last), [2, 2, 0, 0, 0]);
    assert_eq!(database.ask("select count(*) from contacts").await, "1002");
}

#[tokio::test]
async fn row_errors_name_fault_and_place_and_stop_nothing() {
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let file = b"email,city\nnul@x.y,a\0b\nbad@x.y,\xff\nfew@x.y\nmany@x.y,a,b\nok@x.y,Rome,,\n\"open@x.y,Oslo\nlast@x.y,Bern\n";
    let job = api.import("object=contact&encoding=utf-8", file).await.ok(201);
    assert_eq!(counts(&job), [6, 1, 0, 0, 5]);
    let report = format!("/v1/imports/{}/errors.csv", job["id"].as_str().expect("an id"));
    let report = api.get(&report).await.text().to_owned();
    let lines: Vec<&str> = report.lines().skip(1).collect();
    for (row, words) in [
        (1, "NUL"),
        (2, "not utf-8"),
        (3, "too few cells: 1"),
        (4, "too many cells: 3"),
        (6, "row 6"),
    ] {
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with(&format!("{row},")) && line.contains(words)),
            "{row}: {report}"
        );
    }
}

#[tokio::test]
async fn two_imports_of_one_file_at_once_make_each_record_once() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let rows: String = (0..20_000)
        .map(|n| format!("p{}@x.y,C{}\n", n % 15_000, n % 3))
        .collect();
    let file = format!("email,city\n{rows}");
    let import = || api.import("object=contact", file.as_bytes());
    let (one, other) = tokio::join!(import(), import());
    let jobs = [one.ok(201), other.ok(201)];
    let sums = counts(&jobs[0])
        .iter()
        .zip(counts(&jobs[1]))
        .map(|(one, two)| one + two)
        .collect::<Vec<_>>();
    assert_eq!((sums[0], sums[1], sums[4]), (40_000, 15_000, 0), "{jobs:?}");
    assert_eq!(
        database
            .ask("select count(*), count(distinct key) from contacts")
            .await,
        "15000|15000"
    );
}

#[tokio::test]
async fn a_database_that_dies_in_the_middle_neither_loses_nor_doubles_a_row() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(Sync::On)));
    let database = cluster.database().await;
    let gateway = Gateway::start(&database.url(), &[]).await;
    let Desk { api, .. } = Desk::at(&gateway, &database).await;
    let mut upload = upload(&api, "email\n").await;
    for part in 0..10 {
        let rows: String = (0..3_000)
            .map(|n| format!("p{}@x.y\n", part * 3_000 + n))
            .collect();
        upload.write_chunk(&rows).await;
        if part == 4 {
            // A job that has begun; before that the reply would be 503.
            wait_for_rows(&api).await;
            cluster.kill();
            cluster.restart();
        }
    }
    let job = end(upload).await;
    assert_eq!(
        (&job["status"], counts(&job)),
        (&json!("completed"), [30_000, 30_000, 0, 0, 0]),
        "{job}"
    );
    assert_eq!(database.ask("select count(*) from contacts").await, "30000");
    eventually("its event", PATIENCE, async || {
        database
            .ask("select count(*) from events where type = 'import.completed'")
            .await
            == "1"
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_gateway_was_killed_is_failed_with_true_counts() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let api = &desk.api;
    let rows: String = (0..30_000).map(|n| format!("p{n}@x.y\n")).collect();
    let _upload = upload(api, format!("email\n{rows}")).await;
    wait_for_rows(api).await;
    gateway.kill();
    let gateway = Gateway::start(&database.url(), &[]).await;
    let api = &desk.seen_from(&gateway);
    eventually("the end", PATIENCE, async || {
        newest(api).await["status"] == "failed"
    })
    .await;
    let job = newest(api).await;
    assert_eq!(job["error"]["code"], "interrupted");
    assert_eq!(
        database.ask("select count(*) from contacts").await,
        counts(&job)[1].to_string()
    );
    let undone = format!("/v1/imports/{}/undo", job["id"].as_str().expect("an id"));
    api.post_text(&undone, "").await.ok(200);
    assert_eq!(database.ask("select count(*) from contacts").await, "0");
}

/// A small generator of its own, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % sides) as usize
    }
}

#[tokio::test]
async fn random_files_are_read_alike_however_they_are_cut() {
    const PIECES: [&str; 14] = [
        "a@b.c", "x@y.z", ",", ",", "\n", "\r\n", "\"", "\"\"", "é", "=1", "\u{0}", " ", "Rome", "\n,\n",
    ];
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    for seed in 1..=25 {
        let mut dice = Dice(seed);
        let mut file = "email,city\n".to_owned();
        for _ in 0..dice.roll(300) {
            file.push_str(PIECES[dice.roll(PIECES.len() as u64)]);
        }
        let whole = api
            .import("object=contact&dry_run=true", file.as_bytes())
            .await
            .ok(201);
        let (head, mut rest) = file.as_bytes().split_at(1);
        let mut upload = upload_as(&api, "object=contact&dry_run=true", head).await;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + dice.roll(40)).min(rest.len()));
            rest = after;
            upload.write_chunk(piece).await;
        }
        let cut = end(upload).await;
        assert_eq!(counts(&cut), counts(&whole), "seed {seed}: {file:?}");
        let report = async |job: &serde_json::Value| {
            api.get(&format!(
                "/v1/imports/{}/errors.csv?original=true",
                job["id"].as_str().expect("an id")
            ))
            .await
            .text()
            .to_owned()
        };
        assert_eq!(report(&cut).await, report(&whole).await, "seed {seed}");
    }
}

#[tokio::test]
async fn a_report_of_large_rows_takes_little_memory() {
    let (gateway, _database, Desk { api, .. }) = Desk::own(&[]).await;
    let note = "n".repeat(900_000);
    let rows = (0..60).map(|row| format!("nobody{row},{note}\n"));
    let file = "email,tag\n".to_owned() + &rows.collect::<String>();
    let job = api.import("object=contact", file.as_bytes()).await.ok(201);
    assert_eq!(counts(&job), [60, 0, 0, 0, 60]);
    gateway.forget_peak();
    let before = gateway.held_kib();
    let report = format!(
        "/v1/imports/{}/errors.csv?original=true",
        job["id"].as_str().expect("an id")
    );
    let report = api.get(&report).await;
    assert_eq!(report.text().lines().count(), 61);
    let grown_kib = gateway.peak_kib().saturating_sub(before);
    // 54 MB of rows, of which one is in hand and two wait for the client.
    assert!(grown_kib < 32 << 10, "{grown_kib} KiB");
}
