//! How a file is read, rule by rule: encodings, delimiters, headers, cells, modes and order.

use serde_json::json;

use super::jobs::counts;
use stage::Desk;

#[tokio::test]
async fn modes_dry_runs_and_duplicates_in_one_file() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let file = b"email,city,phone\na@b.c,Rome,\nA@B.C,,1\nd@e.f,Paris,\nd@e.f,Paris,\na@b.c,Oslo,1\n";
    let dry = api.import("object=contact&dry_run=true", file).await.ok(201);
    assert_eq!(counts(&dry), [5, 2, 2, 1, 0]);
    assert_eq!(database.ask("select count(*) from contacts").await, "0");
    assert_eq!(database.ask("select count(*) from events").await, "0");
    let update = api.import("object=contact&mode=update", file).await.ok(201);
    assert_eq!(counts(&update), [5, 0, 0, 0, 5]);
    let created = api.import("object=contact&mode=create", file).await.ok(201);
    assert_eq!(counts(&created), [5, 2, 0, 0, 3]);
    let report = format!(
        "/v1/imports/{}/errors.csv?original=true",
        created["id"].as_str().expect("an id")
    );
    let report = api.get(&report).await.text().to_owned();
    assert_eq!(report.lines().count(), 4);
    assert!(
        report.contains("\r\n2,3,") && report.contains(",A@B.C,,1\r\n"),
        "{report}"
    );
    let upserted = api.import("object=contact&events=each", file).await.ok(201);
    assert_eq!(counts(&upserted), [5, 0, 2, 3, 0]);
    assert_eq!(database.ask("select string_agg(email || coalesce(city, '-') || coalesce(phone, '-'), ' ' order by id) from contacts").await, "a@b.cOslo1 d@e.fParis-");
    assert_eq!(
        database
            .ask("select count(*) from events where type = 'contact.updated'")
            .await,
        "2"
    );
    // In update mode only the key's column is needed, and a dry run of it keeps nothing.
    let moved = api
        .import(
            "object=contact&mode=update&dry_run=true",
            b"email,city\na@b.c,Bern\nx@y.z,Bonn\n",
        )
        .await;
    assert_eq!(counts(&moved.ok(201)), [2, 0, 1, 0, 1]);
    assert_eq!(
        database
            .ask("select city from contacts where email = 'a@b.c'")
            .await,
        "Oslo"
    );
}

#[tokio::test]
async fn required_fields_are_checked_after_merging() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    api.post_text("/v1/crm/deals", r#"{"name":"Known","external_id":"D-1"}"#)
        .await
        .ok(201);
    let job = api
        .import(
            "object=deal",
            b"External ID,Name,Amount\nD-1,,\"1.234,50\"\nD-2,,5\n",
        )
        .await
        .ok(201);
    assert_eq!(counts(&job), [2, 0, 1, 0, 1]);
    assert_eq!(database.ask("select amount from deals").await, "1234.50");
    let report = format!(
        "/v1/imports/{}/errors.csv?original=true",
        job["id"].as_str().expect("an id")
    );
    let report = api.get(&report).await.text().to_owned();
    assert!(report.contains("a deal needs a name,D-2,,5"), "{report}");
    // The same number with other zeros changes nothing.
    let same = api
        .import("object=deal", b"External ID,Amount,Name\nD-1,1234.5,Known\n")
        .await
        .ok(201);
    assert_eq!(counts(&same), [1, 0, 0, 1, 0]);
}

#[tokio::test]
async fn scopes_media_types_and_codings() {
    let (_gateways, _database, desk) = Desk::own_pair(&[]).await;
    let api = &desk.api;
    let file = b"email\na@b.c\n";
    let plain = [("content-type", "application/json")];
    assert_eq!(api.import_as("object=contact", &plain, file).await.status, 415);
    let coded = [("content-type", "text/csv"), ("content-encoding", "br")];
    assert_eq!(api.import_as("object=contact", &coded, file).await.status, 415);
    for query in [
        "",
        "object=cat",
        "object=contact&mode=merge",
        "object=contact&colour=red",
        "object=contact&mapping={}x",
    ] {
        assert_eq!(api.import(query, file).await.status, 422, "{query}");
    }
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
        let job = api.import_as("object=contact", &headers, &packed).await.ok(201);
        assert_eq!(
            (&job["rows_total"], &job["bytes_read"]),
            (&json!(2), &json!(packed.len())),
            "{coding}"
        );
        let cut = api
            .import_as("object=contact", &headers, &packed[..packed.len() - 3])
            .await;
        let job = cut.ok(201);
        assert_eq!(
            (&job["status"], &job["error"]["code"]),
            (&json!("failed"), &json!("body_corrupt"))
        );
    }
    let api = desk.with_scopes(&["imports:write"]).await;
    assert_eq!(
        api.import("object=contact", file).await.refusal(403)["code"],
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

#[tokio::test]
async fn a_refused_file_leaves_no_job_and_a_header_alone_is_a_completed_one() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let early = [("content-type", "text/csv"), ("prefer", "respond-async")];
    let plain = [("content-type", "text/csv")];
    for headers in [&plain[..], &early[..]] {
        for file in [
            b"PK\x03\x04\x14\0\x06\0".as_slice(),
            b"%PDF-1.7\n",
            b"{\"email\": 1}",
            b"<html>",
            b"",
            b"\n\n",
            b"colour\nred\n",
        ] {
            let refused = api.import_as("object=contact", headers, file).await;
            refused.problem(422, "file_refused");
        }
    }
    let created = "select count(*) from audit where action = 'import.created'";
    assert_eq!(database.count(created).await, 0);
    assert_eq!(database.count("select count(*) from imports").await, 0);
    let job = api.import("object=contact", b"\n , \nemail\n\n").await.ok(201);
    assert_eq!(
        (&job["status"], counts(&job), &job["success_rate"]),
        (&json!("completed"), [0; 5], &json!(1.0))
    );
}

#[tokio::test]
async fn the_end_of_a_failed_import_is_an_event_and_it_can_be_undone() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[("GATEWAY_IMPORTS__MAX_ROWS", "2")]).await;
    let file = b"email\na@x.y\nb@x.y\nc@x.y\n";
    let job = api.import("object=Contact&events=each", file).await.ok(201);
    assert_eq!(
        (&job["status"], &job["error"]["code"], counts(&job)),
        (&json!("failed"), &json!("too_many_rows"), [2, 2, 0, 0, 0])
    );
    let dry = api.import("object=contact&dry_run=true", file).await.ok(201);
    assert_eq!(dry["status"], "failed");
    let types = "select string_agg(type, ' ' order by type) from events";
    let emitted = "contact.created contact.created import.completed";
    assert_eq!(database.ask(types).await, emitted);
    let data = "select data from events where type = 'import.completed'";
    let data: serde_json::Value = serde_json::from_str(&database.ask(data).await).expect("JSON");
    assert_eq!(
        (&data["id"], &data["status"], &data["rows_created"]),
        (&job["id"], &json!("failed"), &json!(2))
    );
    let path = format!("/v1/imports/{}/undo", job["id"].as_str().expect("an id"));
    let undone = api.post_nothing(&path).await.ok(200);
    assert_eq!(
        (&undone["undo"]["removed"], &undone["undo"]["left"]),
        (&json!(2), &json!([]))
    );
    assert_eq!(database.count("select count(*) from contacts").await, 0);
    // Neither undo nor dry run emits anything.
    assert_eq!(database.ask(types).await, emitted);
    let trail = api.get("/v1/audit?action=import.undone").await.ok(200);
    let target = &trail["data"][0]["target"];
    assert_eq!((&target["type"], &target["id"]), (&json!("import"), &job["id"]));
}

#[tokio::test]
async fn headers_by_rank_equal_headers_and_a_mapping() {
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let file = "Mobile,E-MAIL,prenom,Tag,Tag,Phone,Odd\n1,a@x.y,Ada,x,y,2,z\n3,b@x.y,Bob,,w,,\n";
    let job = api
        .import("object=contact&mapping=%7B%22Odd%22:null%7D", file.as_bytes())
        .await
        .ok(201);
    assert_eq!(counts(&job), [2, 2, 0, 0, 0]);
    assert_eq!(job["unmapped_headers"], json!(["Tag", "Tag (2)"]));
    assert_eq!(job["mapping"]["Odd"], json!(null));
    assert_eq!(job["mapping"]["prenom"], "first_name");
    let found = async |email: &str| {
        let path = format!("/v1/crm/contacts?email={email}");
        api.get(&path).await.ok(200)["data"][0].clone()
    };
    let ada = found("a@x.y").await;
    assert_eq!(
        (&ada["phone"], &ada["extra"]),
        (&json!("2"), &json!({"Mobile": "1", "Tag": "x", "Tag (2)": "y"}))
    );
    let bob = found("b@x.y").await;
    assert_eq!(
        (&bob["phone"], &bob["extra"]),
        (&json!("3"), &json!({"Tag (2)": "w"}))
    );
}
