//! How a file is read, rule by rule: encodings, delimiters, headers, cells, modes and order.

use serde_json::json;

use crate::jobs::counts;
use crate::stage::{Cluster, Gateway};

#[test]
fn modes_dry_runs_and_duplicates_in_one_file() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let file = b"email,city,phone\na@b.c,Rome,\nA@B.C,,1\nd@e.f,Paris,\nd@e.f,Paris,\na@b.c,Oslo,1\n";
    let dry = gateway.import("object=contact&dry_run=true", file).expect(201);
    assert_eq!(counts(&dry), [5, 2, 2, 1, 0]);
    assert_eq!(cluster.ask("select count(*) from contacts"), "0");
    assert_eq!(cluster.ask("select count(*) from events"), "0");
    let update = gateway.import("object=contact&mode=update", file).expect(201);
    assert_eq!(counts(&update), [5, 0, 0, 0, 5]);
    let created = gateway.import("object=contact&mode=create", file).expect(201);
    assert_eq!(counts(&created), [5, 2, 0, 0, 3]);
    let report = format!(
        "/v1/imports/{}/errors.csv?original=true",
        created["id"].as_str().expect("an id")
    );
    let report = gateway.get(&report).text();
    assert_eq!(report.lines().count(), 4);
    assert!(
        report.contains("\r\n2,3,") && report.contains(",A@B.C,,1\r\n"),
        "{report}"
    );
    let upserted = gateway.import("object=contact&events=each", file).expect(201);
    assert_eq!(counts(&upserted), [5, 0, 2, 3, 0]);
    assert_eq!(cluster.ask("select string_agg(email || coalesce(city, '-') || coalesce(phone, '-'), ' ' order by id) from contacts"), "a@b.cOslo1 d@e.fParis-");
    assert_eq!(
        cluster.ask("select count(*) from events where type = 'contact.updated'"),
        "2"
    );
    // In update mode only the key's column is needed, and a dry run of it keeps nothing.
    let moved = gateway.import(
        "object=contact&mode=update&dry_run=true",
        b"email,city\na@b.c,Bern\nx@y.z,Bonn\n",
    );
    assert_eq!(counts(&moved.expect(201)), [2, 0, 1, 0, 1]);
    assert_eq!(
        cluster.ask("select city from contacts where email = 'a@b.c'"),
        "Oslo"
    );
}

#[test]
fn what_a_record_needs_is_checked_after_merging() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    gateway
        .post("/v1/crm/deals", r#"{"name":"Known","external_id":"D-1"}"#)
        .expect(201);
    let job = gateway
        .import(
            "object=deal",
            b"External ID,Name,Amount\nD-1,,\"1.234,50\"\nD-2,,5\n",
        )
        .expect(201);
    assert_eq!(counts(&job), [2, 0, 1, 0, 1]);
    assert_eq!(cluster.ask("select amount from deals"), "1234.50");
    let report = format!(
        "/v1/imports/{}/errors.csv?original=true",
        job["id"].as_str().expect("an id")
    );
    let report = gateway.get(&report).text();
    assert!(report.contains("a deal needs a name,D-2,,5"), "{report}");
    // The same number with other zeros changes nothing.
    let same = gateway
        .import("object=deal", b"External ID,Amount,Name\nD-1,1234.5,Known\n")
        .expect(201);
    assert_eq!(counts(&same), [1, 0, 0, 1, 0]);
}

#[test]
fn scopes_media_types_codings_and_forms() {
    let cluster = Cluster::start();
    let mut gateway = Gateway::start(&cluster, &[]);
    let file = b"email\na@b.c\n";
    let plain = [("content-type", "application/json")];
    assert_eq!(
        gateway
            .send("POST", "/v1/imports?object=contact", &plain, file)
            .status,
        415
    );
    let coded = [("content-type", "text/csv"), ("content-encoding", "br")];
    assert_eq!(
        gateway
            .send("POST", "/v1/imports?object=contact", &coded, file)
            .status,
        415
    );
    for query in [
        "",
        "object=cat",
        "object=contact&mode=merge",
        "object=contact&colour=red",
        "object=contact&mapping={}x",
    ] {
        assert_eq!(gateway.import(query, file).status, 422, "{query}");
    }
    let form = b"--B\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"p.csv\"\r\nContent-Type: text/csv\r\n\r\nemail\na@b.c\n\r\n--B--\r\n";
    let headers = [("content-type", "multipart/form-data; boundary=B")];
    let job = gateway
        .send("POST", "/v1/imports?object=contact", &headers, form)
        .expect(201);
    assert_eq!(
        (&job["filename"], &job["rows_created"]),
        (&json!("p.csv"), &json!(1))
    );
    let no_file = b"--B\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--B--\r\n";
    assert_eq!(
        gateway
            .send("POST", "/v1/imports?object=contact", &headers, no_file)
            .status,
        422
    );
    let members = [b"email\nx@y.z\n".as_slice(), b"p@q.r\n".as_slice()];
    for (coding, packed) in [
        ("gzip", members.map(gzip).concat()),
        (
            "zstd",
            members
                .map(|part| zstd::bulk::compress(part, 1).expect("zstd"))
                .concat(),
        ),
    ] {
        let headers = [("content-type", "text/csv"), ("content-encoding", coding)];
        let job = gateway
            .send("POST", "/v1/imports?object=contact", &headers, &packed)
            .expect(201);
        assert_eq!(
            (&job["rows_total"], &job["bytes_read"]),
            (&json!(2), &json!(packed.len())),
            "{coding}"
        );
        let cut = gateway.send(
            "POST",
            "/v1/imports?object=contact",
            &headers,
            &packed[..packed.len() - 3],
        );
        assert_ne!(cut.json()["status"], "completed", "{coding}");
    }
    gateway.key = gateway.command(&[
        "keys",
        "create",
        "--workspace",
        "default",
        "--name",
        "n",
        "--scopes",
        "imports:write",
    ]);
    crate::stage::wait_for("the new key", || gateway.get("/v1/whoami").status == 200);
    assert_eq!(
        gateway.import("object=contact", file).expect(403)["code"],
        "scope_missing"
    );
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut child = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(bytes)
        .expect("taken");
    child.wait_with_output().expect("gzip").stdout
}
