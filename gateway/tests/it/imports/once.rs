//! `Idempotency-Key` on imports: the same key and file are imported once.

use http::Method;
use serde_json::{Value, json};

use super::PATIENCE;
use super::jobs::counts;
use stage::{Api, Desk, Gateway, Reply, eventually};

const QUERY: &str = "object=contact";
const FILE: &[u8] = b"email,city\na@x.y,Rome\nb@x.y,Oslo\n";
const UPLOAD: &[(&str, &str)] = &[
    ("content-type", "text/csv"),
    ("transfer-encoding", "chunked"),
    ("idempotency-key", "k"),
];

async fn import(api: &Api, key: &str, query: &str, file: &[u8]) -> Reply {
    let headers = [("content-type", "text/csv"), ("idempotency-key", key)];
    api.import_as(query, &headers, file).await
}

fn is_replay(reply: &Reply) -> bool {
    reply.header("idempotent-replayed") == Some("true")
}

async fn jobs(api: &Api) -> usize {
    let list = api.get("/v1/imports").await.ok(200);
    list["data"].as_array().expect("a list").len()
}

#[tokio::test]
async fn the_same_key_and_file_are_one_job() {
    let (_gateways, database, desk) = Desk::own_pair(&[]).await;
    let other = Gateway::start(&database.url(), &[]).await;
    let api = &desk.api;
    let first = import(api, "k", QUERY, FILE).await;
    assert!(!is_replay(&first));
    let job = first.ok(201);
    assert_eq!(counts(&job), [2, 2, 0, 0, 0]);
    for api in [api, &desk.seen_from(&other)] {
        let again = import(api, "k", QUERY, FILE).await;
        assert!(is_replay(&again));
        assert_eq!(again.ok(201), job);
    }
    for (query, file) in [
        (QUERY, &FILE[..FILE.len() - 1]),
        (QUERY, b"".as_slice()),
        ("object=contact&mode=create", FILE),
    ] {
        let other = import(api, "k", query, file).await;
        other.problem(422, "idempotency_mismatch");
    }
    // Another route has it neither.
    let body = json!({"name": "a.b", "description": "x"});
    let elsewhere = api
        .post_call("/v1/event-types", &body)
        .header("idempotency-key", "k");
    elsewhere.send().await.problem(422, "idempotency_mismatch");
    assert_eq!(jobs(api).await, 1);
    assert_eq!(import(api, "l", QUERY, FILE).await.ok(201)["rows_unchanged"], 2);
    database
        .expect_count("select count(*) from idempotency_reservations", 0)
        .await;
}

#[tokio::test]
async fn a_form_and_a_reply_before_the_end_are_repeated_as_they_were() {
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let form = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nemail\na@x.y\n\r\n--b--\r\nepilogue";
    let headers = [
        ("content-type", "multipart/form-data; boundary=b"),
        ("prefer", "respond-async"),
        ("idempotency-key", "form"),
    ];
    let first = api.import_as(QUERY, &headers, form.as_bytes()).await.ok(202);
    let path = format!("/v1/imports/{}", first["id"].as_str().expect("an id"));
    eventually("the end", PATIENCE, async || {
        api.get(&path).await.ok(200)["status"] == "completed"
    })
    .await;
    let again = api.import_as(QUERY, &headers, form.as_bytes()).await;
    assert!(is_replay(&again));
    assert_eq!(again.ok(202), first);
    // What stands behind the file counts as well.
    let longer = format!("{form}!");
    let other = api.import_as(QUERY, &headers, longer.as_bytes()).await;
    other.problem(422, "idempotency_mismatch");
    assert_eq!(jobs(&api).await, 1);
}

#[tokio::test]
async fn a_key_is_reserved_while_its_upload_runs() {
    let (_gateways, database, desk) = Desk::own_pair(&[]).await;
    let other = Gateway::start(&database.url(), &[]).await;
    let path = format!("/v1/imports?{QUERY}");
    let mut upload = desk.api.begin("POST", &path, UPLOAD).await;
    let (begin, end) = FILE.split_at(20);
    upload.write_chunk(begin).await;
    database
        .wait_for_count("select count(*) from idempotency_reservations", 1)
        .await;
    for api in [&desk.api, &desk.seen_from(&other)] {
        let running = import(api, "k", QUERY, FILE).await;
        running.problem(409, "idempotency_running");
        let body = json!({"name": "a.b", "description": "x"});
        let elsewhere = api
            .post_call("/v1/event-types", &body)
            .header("idempotency-key", "k");
        elsewhere.send().await.problem(409, "idempotency_running");
    }
    upload.write_chunk(end).await;
    let job = super::end(upload).await;
    let again = import(&desk.seen_from(&other), "k", QUERY, FILE).await;
    assert!(is_replay(&again));
    assert_eq!(again.ok(201), job);
}

#[tokio::test]
async fn a_refused_or_cut_upload_frees_its_key() {
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    for _ in 0..2 {
        let refused = import(&api, "k", QUERY, b"{\"a\": 1}").await;
        refused.problem(422, "file_refused");
    }
    let path = format!("/v1/imports?{QUERY}");
    let mut upload = api.begin("POST", &path, UPLOAD).await;
    upload.write_chunk(FILE).await;
    eventually("the job", PATIENCE, async || jobs(&api).await == 1).await;
    drop(upload);
    let free = async || import(&api, "k", QUERY, FILE).await.status == 201;
    eventually("the key is free", PATIENCE, free).await;
    assert!(is_replay(&import(&api, "k", QUERY, FILE).await));
    assert_eq!(jobs(&api).await, 2);
}

#[tokio::test]
async fn a_key_that_a_killed_instance_held_is_freed_after_a_minute() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let other = Gateway::start(&database.url(), &[]).await;
    let api = desk.seen_from(&other);
    let path = format!("/v1/imports?{QUERY}");
    let mut upload = desk.api.begin("POST", &path, UPLOAD).await;
    upload.write_chunk(FILE).await;
    let newest = async || api.get("/v1/imports").await.ok(200)["data"][0].clone();
    eventually("the job", PATIENCE, async || newest().await != Value::Null).await;
    gateway.kill();
    eventually("its end", PATIENCE, async || newest().await["status"] == "failed").await;
    let held = import(&api, "k", QUERY, FILE).await;
    held.problem(409, "idempotency_running");
    database
        .run(
            "update instances set heartbeat_at = heartbeat_at - interval '1 minute'
              where id = (select instance from idempotency_reservations)",
        )
        .await;
    let second = import(&api, "k", QUERY, FILE).await;
    assert!(!is_replay(&second));
    let job = second.ok(201);
    assert_eq!(job["status"], "completed");
    let third = import(&api, "k", QUERY, FILE).await;
    assert!(is_replay(&third));
    assert_eq!(third.ok(201), job);
    assert_eq!(jobs(&api).await, 2);
}

#[tokio::test]
async fn cancel_and_undo_answer_repeats_too() {
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let job = api.import(QUERY, FILE).await.ok(201);
    for verb in ["undo", "cancel"] {
        let path = format!("/v1/imports/{}/{verb}", job["id"].as_str().expect("an id"));
        let post = async |body: &'static str| {
            let call = api.call(Method::POST, &path).header("idempotency-key", verb);
            call.body("application/json", body).send().await
        };
        let first = post("{}").await;
        assert!(!is_replay(&first));
        let again = post("{}").await;
        assert!(is_replay(&again), "{verb}");
        assert_eq!(again.ok(200), first.ok(200));
        post("").await.problem(422, "idempotency_mismatch");
    }
    // A refusal keeps nothing.
    let missing = api
        .call(
            Method::POST,
            "/v1/imports/00000000-0000-0000-0000-000000000000/undo",
        )
        .header("idempotency-key", "free");
    missing.send().await.problem(404, "not_found");
    let undo = format!("/v1/imports/{}/undo", job["id"].as_str().expect("an id"));
    let free = api.call(Method::POST, &undo).header("idempotency-key", "free");
    free.send().await.ok(200);
}
