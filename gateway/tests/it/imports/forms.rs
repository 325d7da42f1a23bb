//! Uploads as forms: fields beside the file, what a form may not hold, and memory that no form makes grow.

use serde_json::json;

use super::PATIENCE;
use super::jobs::counts;
use super::rules::gzip;
use stage::{Api, Desk, Reply, eventually};

const FORM: [(&str, &str); 1] = [("content-type", "multipart/form-data; boundary=B")];

/// One part; `more` is what follows the name in its Content-Disposition, and further headers.
fn part(name: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n");
    [head.as_bytes(), body, b"\r\n"].concat()
}

fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat().as_slice(), b"--B--\r\n"].concat()
}

fn file() -> Vec<u8> {
    part("file", "; filename=p.csv", b"email\na@b.c")
}

async fn send(api: &Api, query: &str, parts: &[Vec<u8>]) -> Reply {
    api.import_as(query, &FORM, &form(parts)).await
}

#[tokio::test]
async fn fields_before_the_file_count_like_parameters() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let parts = [
        part("object", "", b"Deal"),
        part("mode", "", b"create"),
        part(
            "mapping",
            "; filename=m.json\r\nContent-Type: application/json",
            br#"{"Sum":"amount","Odd":null}"#,
        ),
        part("delimiter", "", b"|"),
        part("decimal", "", b","),
        part("date_order", "", b"dmy"),
        part("encoding", "", b"latin1"),
        part("events", "", b"each"),
        part("dry_run", "", b"false"),
        part(
            "file",
            "; filename=\"x.csv\"; filename*=UTF-8''Zo%C3%AB.csv\r\nContent-Type: text/csv; charset=utf-16le",
            b"name|Sum|close date|Odd\nZo\xeb|1.234|03/04/2026|x",
        ),
    ];
    let job = send(&api, "", &parts).await.ok(201);
    assert_eq!(counts(&job), [1, 1, 0, 0, 0], "{job}");
    let told = [
        "object",
        "mode",
        "filename",
        "encoding",
        "delimiter",
        "date_order",
        "events",
        "dry_run",
    ]
    .map(|name| job[name].clone());
    assert_eq!(
        told,
        [
            json!("deal"),
            json!("create"),
            json!("Zoë.csv"),
            json!("windows-1252"),
            json!("|"),
            json!("dmy"),
            json!("each"),
            json!(false)
        ]
    );
    let stored = database
        .ask("select name, amount, close_date, extra is null from deals")
        .await;
    assert_eq!(stored, "Zoë|1234|2026-04-03|t");
    // The part's charset is the file's, and a mark overrides it.
    for (body, encoding) in [
        (b"email,first_name\nz@x.y,Zo\xeb".as_slice(), "windows-1252"),
        (b"\xef\xbb\xbfemail,first_name\nz@x.y,Zo\xc3\xab", "utf-8"),
    ] {
        let file = part("file", "\r\nContent-Type: text/csv; charset=\"ISO-8859-1\"", body);
        let job = send(&api, "object=contact", &[file]).await.ok(201);
        assert_eq!(
            (&job["encoding"], &job["filename"]),
            (&json!(encoding), &json!(null))
        );
        let stored = database
            .ask("select first_name from contacts where email = 'z@x.y'")
            .await;
        assert_eq!(stored, "Zoë");
    }
    let long = part(
        "file",
        &format!("; filename=\"{}\"", "é".repeat(300)),
        b"email\na@b.c",
    );
    let job = send(&api, "object=contact", &[long]).await.ok(201);
    assert_eq!(
        job["filename"].as_str().map(|name| name.chars().count()),
        Some(255)
    );
}

#[tokio::test]
async fn what_a_form_may_not_hold_refuses_it_and_nothing_is_kept() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let field = |name: &str| part(name, "", b"create");
    for (query, parts, location) in [
        ("object=contact", vec![file(), file()], "body.file"),
        ("object=contact", vec![file(), field("mode")], "body.mode"),
        ("object=contact", vec![file(), field("note")], "body.note"),
        (
            "object=contact",
            vec![field("mode"), field("mode"), file()],
            "body.mode",
        ),
        (
            "object=contact&mode=create",
            vec![field("mode"), file()],
            "body.mode",
        ),
        ("object=contact", vec![field("note"), file()], "body.note"),
        ("object=contact", vec![field("filename"), file()], "body.filename"),
        ("object=contact", vec![field("decimal"), file()], "body.decimal"),
        (
            "object=contact",
            vec![part("mode", "", b"\xff"), file()],
            "body.mode",
        ),
        (
            "object=contact",
            vec![part("mode", "", b"a\0"), file()],
            "body.mode",
        ),
        ("object=contact", vec![field("mode")], "body.file"),
        ("object=contact", vec![], "body.file"),
        (
            "object=contact",
            vec![part(
                "file",
                "\r\nContent-Transfer-Encoding: base64",
                b"ZW1haWwKYUBiLmM=",
            )],
            "body.file",
        ),
        ("", vec![file()], "query.object"),
        ("", vec![part("object", "", b"cat"), file()], "body.object"),
    ] {
        let refused = send(&api, query, &parts).await;
        let refused = refused.refusal(422);
        assert_eq!(refused["code"], "validation_failed", "{refused}");
        assert_eq!(refused["errors"][0]["location"], location, "{refused}");
    }
    assert_eq!(
        api.import_as("object=contact", &FORM, &form(&[file()])[5..])
            .await
            .status,
        422
    );
    for coding in ["gzip", "zstd", "br"] {
        let headers = [FORM[0], ("content-encoding", coding)];
        let packed = gzip(&form(&[file()]));
        assert_eq!(
            api.import_as("object=contact", &headers, &packed).await.status,
            415,
            "{coding}"
        );
    }
    let headers = [("content-type", "multipart/form-data")];
    assert_eq!(
        api.import_as("object=contact", &headers, &form(&[file()]))
            .await
            .status,
        415
    );
    assert_eq!(api.get("/v1/imports").await.ok(200)["data"], json!([]));
    assert_eq!(database.ask("select count(*) from contacts").await, "0");
}

#[tokio::test]
async fn the_object_of_a_form_needs_its_scope() {
    let (_gateways, _database, desk) = Desk::own_pair(&[]).await;
    let api = desk.with_scopes(&["imports:write", "crm:write"]).await;
    let parts = [part("object", "", b"product"), file()];
    assert_eq!(send(&api, "", &parts).await.refusal(403)["code"], "scope_missing");
}

#[tokio::test]
async fn a_large_form_with_something_behind_its_file_is_refused_and_its_job_has_failed() {
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let rows: String = (0..30_000).map(|n| format!("p{n}@x.y\n")).collect();
    let large = part("file", "", format!("email\n{rows}").as_bytes());
    let refused = send(&api, "object=contact", &[large.clone(), file()]).await;
    assert_eq!(refused.refusal(422)["errors"][0]["location"], "body.file");
    let job = api.get("/v1/imports").await.ok(200)["data"][0].clone();
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("failed"), &json!("form_invalid"))
    );
    let job = send(&api, "object=contact&mode=upsert", &[large]).await.ok(201);
    assert_eq!(job["rows_total"], 30_000);
}

#[tokio::test]
async fn a_slow_upload_is_listed_from_its_header_on() {
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let listed = async |count: usize| {
        eventually(&format!("job {count}"), PATIENCE, async || {
            let jobs = api.get("/v1/imports").await.ok(200);
            jobs["data"]
                .as_array()
                .is_some_and(|jobs| jobs.len() == count && jobs[0]["status"] == "running")
        })
        .await;
    };
    let start = part("file", "", b"email,city\r\na@b.c,Rome\r\n");
    let open = [
        ("text/csv", b"email\na@b.c\n".as_slice()),
        ("text/csv", b"email,city\r\na@b.c,Rome\r\n"),
        ("multipart/form-data; boundary=B", &start[..start.len() - 2]),
    ];
    let mut uploads = Vec::new();
    for (index, (media_type, bytes)) in open.into_iter().enumerate() {
        let headers = [("content-type", media_type), ("content-length", "100000")];
        let mut upload = api.begin("POST", "/v1/imports?object=contact", &headers).await;
        upload.write(bytes).await;
        listed(index + 1).await;
        uploads.push(upload);
    }
}

#[tokio::test]
async fn no_form_makes_memory_grow() {
    let (gateway, _database, Desk { api, .. }) = Desk::own(&[]).await;
    api.import("object=contact", b"email\na@b.c\n").await.ok(201);
    let before = gateway.held_kib();
    let filling = vec![b'x'; 1 << 20];
    let unknown = part("note", "", &filling);
    let behind = form(&[file()]);
    for (what, begins, repeated) in [
        (
            "a boundary that does not occur",
            b"email\r\n".as_slice(),
            &filling,
        ),
        ("a head without end", b"--B\r\nContent-Disposition: ", &filling),
        (
            "a field without end",
            b"--B\r\nContent-Disposition: form-data; name=mode\r\n\r\n",
            &filling,
        ),
        ("unknown parts", b"", &unknown),
        ("text behind the form", &behind, &filling),
    ] {
        gateway.forget_peak();
        let headers = [FORM[0], ("content-length", "314572800")];
        let mut upload = api.begin("POST", "/v1/imports?object=contact", &headers).await;
        upload.write(begins).await;
        for _ in 0..300 {
            upload.write(repeated).await;
        }
        let grown_kib = gateway.peak_kib().saturating_sub(before);
        assert!(grown_kib < 64 * 1024, "{what}: {grown_kib} KiB more");
    }
    // Some tens of kilobytes that inflate to two gigabytes, as a form's file and as the body.
    let mut packer = zstd::stream::Encoder::new(Vec::new(), 19).expect("zstd");
    std::io::Write::write_all(&mut packer, &part("file", "", b"email\n")).expect("taken");
    for _ in 0..2_000 {
        std::io::Write::write_all(&mut packer, &filling).expect("taken");
    }
    let bomb = packer.finish().expect("zstd");
    assert!(bomb.len() < 400_000, "{}", bomb.len());
    for (media_type, status) in [(FORM[0].1, 415), ("text/csv", 422)] {
        gateway.forget_peak();
        let headers = [("content-type", media_type), ("content-encoding", "zstd")];
        let reply = api.import_as("object=contact", &headers, &bomb).await;
        assert_eq!(reply.status, status, "{media_type}");
        let grown_kib = gateway.peak_kib().saturating_sub(before);
        assert!(grown_kib < 64 * 1024, "{media_type}: {grown_kib} KiB more");
    }
}
