//! Uploads that a dry run keeps: run as they came, as often as wanted, until they are dropped or an hour has passed.

use serde_json::{Value, json};

use crate::imports::PATIENCE;
use crate::imports::jobs::counts;
use crate::imports::purging;
use crate::imports::rules::gzip;
use stage::{Api, Database, Desk, Reply, eventually};

const CHECK: &str = "object=contact&dry_run=true&keep=true";
const PARTS: &str = "select count(*) from import_kept_parts";

fn at(job: &Value, rest: &str) -> String {
    format!("/v1/imports/{}/{rest}", job["id"].as_str().expect("an id"))
}

async fn run(api: &Api, check: &Value, order: Value) -> Reply {
    api.post(&at(check, "run"), &order).await
}

async fn emails(database: &Database) -> String {
    let emails =
        "select coalesce(string_agg(email || coalesce(city, '-'), ' ' order by email), '') from contacts";
    database.ask(emails).await
}

#[tokio::test]
async fn the_bytes_of_a_dry_run_are_imported_as_they_came_more_than_once() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    // More than one part, and of no use to a compressor.
    let mut file = "email,city,Tag\n".to_owned();
    let mut state = 7_u64;
    for row in 0..40_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        file.push_str(&format!(
            "p{row}@x.y,C,{state:016x}{:016x}\n",
            state.rotate_left(29)
        ));
    }
    let query = format!("{CHECK}&filename=p.csv");
    let check = api.import(&query, file.as_bytes()).await.ok(201);
    assert_eq!(
        (&check["dry_run"], counts(&check)),
        (&json!(true), [40_000, 40_000, 0, 0, 0])
    );
    assert_eq!(database.count("select count(*) from contacts").await, 0);
    assert!(database.count(PARTS).await > 1);
    let job = api.post_nothing(&at(&check, "run")).await.ok(201);
    assert_eq!(counts(&job), [40_000, 40_000, 0, 0, 0]);
    assert_ne!(job["id"], check["id"]);
    for name in [
        "filename",
        "object",
        "mode",
        "bytes_read",
        "bytes_total",
        "mapping",
    ] {
        assert_eq!(job[name], check[name], "{name}");
    }
    assert_eq!(
        (&job["dry_run"], &job["status"]),
        (&json!(false), &json!("completed"))
    );
    let tags = "select md5(string_agg(extra->>'Tag', '' order by id)) from contacts";
    let expected: String = file
        .lines()
        .skip(1)
        .map(|line| line.rsplit(',').next().expect("a tag"))
        .collect();
    let expected = database.ask(&format!("select md5('{expected}')")).await;
    assert_eq!(database.ask(tags).await, expected);
    let again = run(&api, &check, json!({})).await.ok(201);
    assert_eq!(counts(&again), [40_000, 0, 0, 40_000, 0]);
    let created = database
        .count("select count(*) from audit where action = 'import.created'")
        .await;
    assert_eq!(created, 3);
}

#[tokio::test]
async fn what_the_client_gives_anew_wins_over_the_dry_run() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let file = "Mail;Town;when\na@x.y;Rome;1\nb@x.y;Oslo;2\n";
    let query =
        format!("{CHECK}&mode=create&delimiter=;&mapping=%7B%22Mail%22:%22email%22,%22Town%22:null%7D");
    let check = api.import(&query, file.as_bytes()).await.ok(201);
    assert_eq!(check["mapping"], json!({"Mail": "email", "Town": null}));
    // A second check has the bytes too, and they stay until nobody has them.
    let order = json!({"dry_run": true, "keep": true, "mapping": {"Mail": "email", "Town": "city"}});
    let second = run(&api, &check, order).await.ok(201);
    assert_eq!(second["dry_run"], true);
    assert_eq!(second["mapping"], json!({"Mail": "email", "Town": "city"}));
    assert_eq!(database.count("select count(*) from contacts").await, 0);
    assert_eq!(api.delete(&at(&check, "file")).await.status, 204);
    run(&api, &check, json!({})).await.problem(409, "file_gone");
    let job = run(&api, &second, json!({"filename": "n.csv"})).await.ok(201);
    assert_eq!(
        (&job["mode"], &job["filename"]),
        (&json!("create"), &json!("n.csv"))
    );
    assert_eq!(emails(&database).await, "a@x.yRome b@x.yOslo");
    let job = run(
        &api,
        &second,
        json!({"mode": "upsert", "mapping": {"Mail": "email", "Town": "country"}}),
    )
    .await
    .ok(201);
    assert_eq!(counts(&job), [2, 0, 2, 0, 0]);
    // A run that is refused leaves the file.
    for (order, locations) in [
        (
            json!({"mode": "merge", "x": 1, "object": "deal", "mapping": []}),
            ["body.mapping", "body.mode", "body.object", "body.x"].as_slice(),
        ),
        (json!({"keep": true}), &["body.keep"]),
        (json!([]), &["body"]),
    ] {
        run(&api, &second, order).await.refused_at(locations);
    }
    let missing = json!({"mapping": {"Nowhere": "email"}});
    run(&api, &second, missing).await.problem(422, "file_refused");
    assert_eq!(run(&api, &second, json!({})).await.ok(201)["rows_failed"], 2);
    assert_eq!(api.delete(&at(&second, "file")).await.status, 204);
    assert_eq!(database.count(PARTS).await, 0);
}

#[tokio::test]
async fn forms_and_packed_bodies_are_read_again_as_they_were() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let form = "--B\r\nContent-Disposition: form-data; name=object\r\n\r\nContact\r\n--B\r\n\
                Content-Disposition: form-data; name=file; filename=f.csv\r\n\
                Content-Type: text/csv; charset=windows-1252\r\n\r\nemail,city\nf@x.y,K\u{f8}\n\r\n--B--\r\n";
    // One byte a character, as the charset says.
    let form: Vec<u8> = form.chars().map(|letter| letter as u8).collect();
    let headers = [("content-type", "multipart/form-data; boundary=B")];
    let query = "dry_run=true&keep=true";
    let check = api.import_as(query, &headers, &form).await.ok(201);
    let job = run(&api, &check, json!({})).await.ok(201);
    assert_eq!(
        (&job["filename"], &job["encoding"], counts(&job)),
        (&json!("f.csv"), &json!("windows-1252"), [1, 1, 0, 0, 0])
    );
    let packed = gzip("email,city\ng@x.y,G\n".as_bytes());
    let headers = [("content-type", "text/csv"), ("content-encoding", "gzip")];
    let check = api.import_as(CHECK, &headers, &packed).await.ok(201);
    let job = run(&api, &check, json!({})).await.ok(201);
    assert_eq!(
        (&job["bytes_read"], counts(&job)),
        (&json!(packed.len()), [1, 1, 0, 0, 0])
    );
    assert_eq!(emails(&database).await, "f@x.yKø g@x.yG");
}

#[tokio::test]
async fn a_run_answers_early_and_repeats_as_an_upload_does() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let check = api.import(CHECK, b"email\na@x.y\n").await.ok(201);
    let post = async |key: &str, body: &'static str| {
        let call = api.call(http::Method::POST, &at(&check, "run"));
        let call = call
            .header("idempotency-key", key)
            .header("prefer", "respond-async");
        call.body("application/json", body).send().await
    };
    let first = post("k", "{}").await;
    assert_eq!(first.header("idempotent-replayed"), None);
    let job = first.ok(202);
    let path = format!("/v1/imports/{}", job["id"].as_str().expect("an id"));
    eventually("the end", PATIENCE, async || {
        api.get(&path).await.ok(200)["status"] == "completed"
    })
    .await;
    post("k", "{\"mode\":\"create\"}")
        .await
        .problem(422, "idempotency_mismatch");
    // For longer than the file is kept.
    database
        .run("update import_kept set expires_at = now() - interval '1 second'")
        .await;
    let again = post("k", "{}").await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.ok(202), job);
    post("l", "{}").await.problem(409, "file_gone");
    let jobs = api.get("/v1/imports").await.ok(200);
    assert_eq!(jobs["data"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn who_may_what_and_what_is_not_kept() {
    let (gateways, database, desk) = Desk::own_pair(&[]).await;
    let api = &desk.api;
    for query in [
        "object=contact&keep=true",
        "object=contact&dry_run=false&keep=true",
    ] {
        let refused = api.import(query, b"email\na@x.y\n").await;
        refused.refused_at(&["query.keep"]);
    }
    let refused = api.import("object=contact&dry_run=true&keep=yes", b"email\na@x.y\n");
    refused.await.refused_at(&["query.keep"]);
    let refused = api.import(CHECK, b"{\"a\": 1}").await;
    refused.problem(422, "file_refused");
    assert_eq!(database.count(PARTS).await, 0);
    let plain = api
        .import("object=contact&dry_run=true", b"email\na@x.y\n")
        .await
        .ok(201);
    run(api, &plain, json!({})).await.problem(409, "file_gone");
    assert_eq!(api.delete(&at(&plain, "file")).await.status, 204);
    let check = api.import(CHECK, b"email\na@x.y\n").await.ok(201);
    let unknown = json!({"id": "imp_0198c0de-0000-7000-8000-000000000001"});
    run(api, &unknown, json!({})).await.problem(404, "not_found");
    api.delete(&at(&unknown, "file")).await.problem(404, "not_found");
    let stranger = Desk::at(&gateways[0], &database).await;
    run(&stranger.api, &check, json!({}))
        .await
        .problem(404, "not_found");
    stranger
        .api
        .delete(&at(&check, "file"))
        .await
        .problem(404, "not_found");
    for scopes in [["imports:read", "crm:write"], ["imports:write", "commerce:write"]] {
        let narrow = desk.with_scopes(&scopes).await;
        run(&narrow, &check, json!({}))
            .await
            .problem(403, "scope_missing");
    }
    assert_eq!(
        counts(&run(api, &check, json!({})).await.ok(201)),
        [1, 1, 0, 0, 0]
    );
}

#[tokio::test]
async fn what_is_too_large_to_keep_is_a_413_and_nothing_of_it_is_kept() {
    let settings = [("GATEWAY_IMPORTS__KEEP_MAX_BYTES", "2000000")];
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&settings).await;
    let file = |bytes: usize| {
        let mut file = b"email,notes\na@x.y,".to_vec();
        file.resize(bytes, b'n');
        file
    };
    api.import(CHECK, &file(2_000_001))
        .await
        .problem(413, "too_large");
    let jobs = async || api.get("/v1/imports").await.ok(200)["data"].clone();
    assert_eq!(jobs().await, json!([]));
    // Of a body without a declared length that is known only midway.
    let headers = [("content-type", "text/csv"), ("transfer-encoding", "chunked")];
    let mut upload = api.begin("POST", &format!("/v1/imports?{CHECK}"), &headers).await;
    upload.write_chunk(b"email,notes\na@x.y,\n").await;
    eventually("the job", PATIENCE, async || jobs().await != json!([])).await;
    let row = format!("b@x.y,{}\n", "n".repeat(60_000));
    for _ in 0..33 {
        upload.write_chunk(row.as_bytes()).await;
    }
    upload.write_chunk(row.as_bytes()).await;
    let reply = upload.answer().await.expect("a reply").ok(413);
    assert_eq!(reply["code"], "too_large");
    let job = jobs().await[0].clone();
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("failed"), &json!("too_large"))
    );
    eventually("its parts to go", PATIENCE, async || {
        database.count(PARTS).await == 0
    })
    .await;
    run(&api, &job, json!({})).await.problem(409, "file_gone");
    // The limit itself is kept.
    let check = api.import(CHECK, &file(2_000_000)).await.ok(201);
    run(&api, &check, json!({})).await.ok(201);
}

#[tokio::test]
async fn upkeep_removes_what_has_expired_and_what_a_dead_instance_left() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let old = api.import(CHECK, b"email\na@x.y\n").await.ok(201);
    let young = api.import(CHECK, b"email\nb@x.y\n").await.ok(201);
    let first = "(select min(import_no) from import_kept)";
    database
        .run(&format!(
            "update import_kept set expires_at = now() - interval '16 minutes' where import_no = {first};
             update import_kept_parts set created_at = now() - interval '80 minutes';
             insert into import_kept_parts (file, part, bytes, created_at) values
                 (gen_random_uuid(), 0, '', now() - interval '16 minutes'), (gen_random_uuid(), 0, '', now())"
        ))
        .await;
    run(&api, &old, json!({})).await.problem(409, "file_gone");
    purging::purge_kept(&database).await;
    // That of the young one, and one that may still be coming in.
    assert_eq!(database.count(PARTS).await, 2);
    run(&api, &young, json!({})).await.ok(201);
    // A workspace keeps so many, and the newest take the place of the oldest.
    for _ in 0..32 {
        api.import(CHECK, b"email\nc@x.y\n").await.ok(201);
    }
    run(&api, &young, json!({})).await.problem(409, "file_gone");
    assert_eq!(database.count("select count(*) from import_kept").await, 32);
    assert_eq!(database.count(PARTS).await, 33);
}
