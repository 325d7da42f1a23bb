//! Files that are no table, that break off, that blow up, and a database that dies in the middle.

use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use serde_json::json;

use crate::jobs::counts;
use crate::rules::gzip;
use crate::stage::{Answer, Cluster, Gateway, wait_for};

#[test]
fn what_is_no_table_is_refused_with_words_and_leaves_no_job() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[("GATEWAY_IMPORTS__MAX_BYTES", "200000000")]);
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
        let refused = gateway.import("object=contact&filename=x.csv", body).expect(422);
        assert_eq!(refused["code"], "file_refused", "{name}");
        assert!(
            refused["detail"].as_str().is_some_and(|detail| detail.len() > 20),
            "{name}"
        );
    }
    let nested = [("content-type", "text/csv"), ("content-encoding", "gzip")];
    let bomb = gzip(&gzipped);
    assert_eq!(
        gateway
            .send("POST", "/v1/imports?object=contact", &nested, &bomb)
            .status,
        422
    );
    assert_eq!(gateway.get("/v1/imports").expect(200)["data"], json!([]));
    // A usable header is enough.
    let job = gateway.import("object=contact", b"email\n").expect(201);
    assert_eq!((&job["status"], counts(&job)), (&json!("completed"), [0; 5]));
    assert_eq!(job["success_rate"], 1.0);
}

#[test]
fn bombs_end_as_failed_jobs() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let mut plain = b"email\na@b.c\n".to_vec();
    plain.resize(100 << 20, b'\n');
    for (coding, packed) in [
        ("gzip", gzip(&plain)),
        ("zstd", zstd::bulk::compress(&plain, 1).expect("zstd")),
    ] {
        let headers = [("content-type", "text/csv"), ("content-encoding", coding)];
        let job = gateway
            .send("POST", "/v1/imports?object=contact", &headers, &packed)
            .expect(201);
        assert_eq!(
            (&job["status"], &job["error"]["code"]),
            (&json!("failed"), &json!("too_large")),
            "{coding}"
        );
    }
    assert_eq!(cluster.ask("select count(*) from contacts"), "1");
}

#[test]
fn too_many_rows_and_a_cut_upload_fail_with_true_counts() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[("GATEWAY_IMPORTS__MAX_ROWS", "1000")]);
    let rows: String = (0..1500).map(|n| format!("p{n}@x.y\n")).collect();
    let job = gateway
        .import("object=contact", format!("email\n{rows}").as_bytes())
        .expect(201);
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("failed"), &json!("too_many_rows"))
    );
    assert_eq!(counts(&job), [1000, 1000, 0, 0, 0]);
    let mut upload = gateway.open(
        "POST",
        "/v1/imports?object=contact",
        &[("content-type", "text/csv")],
        "content-length: 100000\r\n",
    );
    upload
        .write_all(b"email,city\nq1@x.y,\nq2@x.y,\nq3@x.y")
        .expect("sent");
    wait_for("the job", || {
        gateway.get("/v1/imports").expect(200)["data"]
            .as_array()
            .map(Vec::len)
            == Some(2)
    });
    upload.shutdown(Shutdown::Both).expect("cut");
    let last = || gateway.get("/v1/imports").expect(200)["data"][0].clone();
    wait_for("the end", || last()["status"] == "failed");
    assert_eq!(last()["error"]["code"], "upload_cut");
    assert_eq!(counts(&last()), [2, 2, 0, 0, 0]);
    assert_eq!(cluster.ask("select count(*) from contacts"), "1002");
}

#[test]
fn row_errors_say_what_and_where_and_stop_nothing() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let file = b"email,city\nnul@x.y,a\0b\nbad@x.y,\xff\nfew@x.y\nmany@x.y,a,b\nok@x.y,Rome,,\n\"open@x.y,Oslo\nlast@x.y,Bern\n";
    let job = gateway.import("object=contact&encoding=utf-8", file).expect(201);
    assert_eq!(counts(&job), [6, 1, 0, 0, 5]);
    let report = format!("/v1/imports/{}/errors.csv", job["id"].as_str().expect("an id"));
    let report = gateway.get(&report).text();
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

#[test]
fn two_imports_of_one_file_at_once_make_each_record_once() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let rows: String = (0..20_000)
        .map(|n| format!("p{}@x.y,C{}\n", n % 15_000, n % 3))
        .collect();
    let file = format!("email,city\n{rows}");
    let jobs: Vec<_> = std::thread::scope(|scope| {
        let imports: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| gateway.import("object=contact", file.as_bytes()).expect(201)))
            .collect();
        imports
            .into_iter()
            .map(|import| import.join().expect("an import"))
            .collect()
    });
    let sums = counts(&jobs[0])
        .iter()
        .zip(counts(&jobs[1]))
        .map(|(one, two)| one + two)
        .collect::<Vec<_>>();
    assert_eq!((sums[0], sums[1], sums[4]), (40_000, 15_000, 0), "{jobs:?}");
    assert_eq!(
        cluster.ask("select count(*), count(distinct key) from contacts"),
        "15000|15000"
    );
}

#[test]
fn a_database_that_dies_in_the_middle_neither_loses_nor_doubles_a_row() {
    let mut cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let mut upload = gateway.open(
        "POST",
        "/v1/imports?object=contact",
        &[("content-type", "text/csv")],
        "transfer-encoding: chunked\r\n",
    );
    let mut send = |text: &str| {
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        upload.write_all(chunk.as_bytes()).expect("sent");
    };
    send("email\n");
    for part in 0..10 {
        let rows: String = (0..3_000)
            .map(|n| format!("p{}@x.y\n", part * 3_000 + n))
            .collect();
        send(&rows);
        if part == 4 {
            // A job that has begun; before that the reply would be 503.
            wait_for("some rows", || {
                let jobs = gateway.get("/v1/imports").expect(200);
                jobs["data"][0]["rows_created"]
                    .as_i64()
                    .is_some_and(|count| count > 0)
            });
            cluster.kill_server();
            std::thread::sleep(Duration::from_millis(300));
            cluster.start_server();
        }
    }
    upload.write_all(b"0\r\n\r\n").expect("sent");
    let job = Answer::read(upload).expect(201);
    assert_eq!(
        (&job["status"], counts(&job)),
        (&json!("completed"), [30_000, 30_000, 0, 0, 0]),
        "{job}"
    );
    assert_eq!(cluster.ask("select count(*) from contacts"), "30000");
    wait_for("its event", || {
        cluster.ask("select count(*) from events where type = 'import.completed'") == "1"
    });
}

#[test]
fn a_job_whose_gateway_was_killed_is_failed_with_true_counts() {
    let cluster = Cluster::start();
    let mut gateway = Gateway::start(&cluster, &[]);
    let mut upload = gateway.open(
        "POST",
        "/v1/imports?object=contact",
        &[("content-type", "text/csv")],
        "content-length: 10000000\r\n",
    );
    let rows: String = (0..30_000).map(|n| format!("p{n}@x.y\n")).collect();
    upload
        .write_all(format!("email\n{rows}").as_bytes())
        .expect("sent");
    let last = |gateway: &Gateway| gateway.get("/v1/imports").expect(200)["data"][0].clone();
    wait_for("some rows", || {
        last(&gateway)["rows_created"]
            .as_i64()
            .is_some_and(|count| count > 0)
    });
    gateway.kill_and_restart();
    wait_for("the end", || last(&gateway)["status"] == "failed");
    let job = last(&gateway);
    assert_eq!(job["error"]["code"], "interrupted");
    assert_eq!(
        cluster.ask("select count(*) from contacts"),
        counts(&job)[1].to_string()
    );
    let undone = format!("/v1/imports/{}/undo", job["id"].as_str().expect("an id"));
    gateway.post(&undone, "").expect(200);
    assert_eq!(cluster.ask("select count(*) from contacts"), "0");
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

#[test]
fn random_files_are_read_alike_however_they_are_cut() {
    const PIECES: [&str; 14] = [
        "a@b.c", "x@y.z", ",", ",", "\n", "\r\n", "\"", "\"\"", "é", "=1", "\u{0}", " ", "Rome", "\n,\n",
    ];
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    for seed in 1..=25 {
        let mut dice = Dice(seed);
        let mut file = "email,city\n".to_owned();
        for _ in 0..dice.roll(300) {
            file.push_str(PIECES[dice.roll(PIECES.len() as u64)]);
        }
        let whole = gateway
            .import("object=contact&dry_run=true", file.as_bytes())
            .expect(201);
        let mut upload = gateway.open(
            "POST",
            "/v1/imports?object=contact&dry_run=true",
            &[("content-type", "text/csv")],
            "transfer-encoding: chunked\r\n",
        );
        let mut rest = file.as_bytes();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((1 + dice.roll(40)).min(rest.len()));
            rest = after;
            let head = format!("{:x}\r\n", piece.len());
            upload
                .write_all(&[head.as_bytes(), piece, b"\r\n"].concat())
                .expect("sent");
        }
        upload.write_all(b"0\r\n\r\n").expect("sent");
        let cut = Answer::read(upload).expect(201);
        assert_eq!(counts(&cut), counts(&whole), "seed {seed}: {file:?}");
        let report = |job: &serde_json::Value| {
            gateway
                .get(&format!(
                    "/v1/imports/{}/errors.csv?original=true",
                    job["id"].as_str().expect("an id")
                ))
                .text()
        };
        assert_eq!(report(&cut), report(&whole), "seed {seed}");
    }
}
