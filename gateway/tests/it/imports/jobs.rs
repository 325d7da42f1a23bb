//! Jobs from upload to end: counts, progress, cancel, async, reports and undo.

use serde_json::{Value, json};

use stage::{Desk, eventually};

use super::PATIENCE;

pub fn counts(job: &Value) -> [i64; 5] {
    [
        "rows_total",
        "rows_created",
        "rows_updated",
        "rows_unchanged",
        "rows_failed",
    ]
    .map(|name| job[name].as_i64().expect("a count"))
}

#[tokio::test]
async fn a_file_its_repetition_and_its_report() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let file = b"Email,First Name,Tag\nada@x.org,Ada,1\nnope,=Bob,2\n\nGRACE@x.org,Grace,\nAda@X.org,,3\n";
    let job = api
        .import("object=CONTACT&filename=people.csv", file)
        .await
        .ok(201);
    assert_eq!(counts(&job), [4, 2, 1, 0, 1]);
    assert_eq!(job["status"], "completed");
    assert_eq!(job["unmapped_headers"], json!(["Tag"]));
    assert_eq!(
        job["mapping"],
        json!({"Email": "email", "First Name": "first_name"})
    );
    assert_eq!(
        (&job["delimiter"], &job["encoding"], &job["object"]),
        (&json!(","), &json!("utf-8"), &json!("contact"))
    );
    assert_eq!(job["bytes_read"], file.len());
    assert_eq!(job["bytes_total"], file.len());
    assert_eq!(job["success_rate"], 0.75);
    assert_eq!(job["created_by"]["name"], "test");
    let id = job["id"].as_str().expect("an id");
    assert_eq!(api.get(&format!("/v1/imports/{id}")).await.ok(200), job);
    let ada = api.get("/v1/crm/contacts?email=ada@x.org").await.ok(200);
    assert_eq!(ada["data"][0]["first_name"], "Ada");
    assert_eq!(ada["data"][0]["extra"], json!({"Tag": "3"}));
    assert_eq!(ada["data"][0]["email"], "Ada@X.org");
    let errors = api.get(&format!("/v1/imports/{id}/errors.csv")).await;
    assert!(
        errors
            .text()
            .starts_with("\u{feff}row_number,error_message\r\n2,"),
        "{}",
        errors.text()
    );
    let saved = errors.header("content-disposition");
    assert_eq!(saved, Some("attachment; filename=\"errors.csv\""));
    let original = api
        .get(&format!("/v1/imports/{id}/errors.csv?original=true"))
        .await
        .text()
        .to_owned();
    assert!(
        original.starts_with("\u{feff}row_number,line_number,error_message,Email,First Name,Tag\r\n2,3,")
    );
    assert!(original.ends_with(",nope,'=Bob,2\r\n"), "{original}");
    // Mended, it comes back exactly.
    let mended = original.replace(",nope,", ",bob@x.org,");
    let again = api.import("object=contact", mended.as_bytes()).await.ok(201);
    assert_eq!(counts(&again), [1, 1, 0, 0, 0]);
    let bob = api.get("/v1/crm/contacts?email=bob@x.org").await.ok(200);
    assert_eq!(bob["data"][0]["first_name"], "=Bob");
    assert_eq!(bob["data"][0]["extra"], json!({"Tag": "2"}));
    // Not mended, it fails as it did.
    let worse = api.import("object=contact", original.as_bytes()).await.ok(201);
    let worse = format!(
        "/v1/imports/{}/errors.csv?original=true",
        worse["id"].as_str().expect("an id")
    );
    assert!(api.get(&worse).await.text().ends_with(",nope,'=Bob,2\r\n"));
    let events = database
        .ask("select count(*) from events where type = 'import.completed'")
        .await;
    assert_eq!(events, "3");
    assert_eq!(
        database
            .ask("select count(*) from audit where action = 'import.created'")
            .await,
        "3"
    );
}

#[tokio::test]
async fn guides_templates_and_lists() {
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    for object in ["contact", "ACCOUNT", "deal", "product"] {
        let guide = api.get(&format!("/v1/imports/objects/{object}")).await.ok(200);
        assert!(
            guide["columns"]
                .as_array()
                .is_some_and(|columns| columns.len() >= 10)
        );
        let template = api
            .get(&format!("/v1/imports/objects/{object}/template.csv"))
            .await;
        let saved = template.header("content-disposition");
        assert_eq!(saved, Some("attachment; filename=\"template.csv\""));
        assert!(template.text().starts_with('\u{feff}'));
        let job = api
            .import(&format!("object={object}"), &template.body)
            .await
            .ok(201);
        assert_eq!(counts(&job), [2, 2, 0, 0, 0], "{object}");
        let job = api
            .import(&format!("object={object}"), &template.body)
            .await
            .ok(201);
        assert_eq!(counts(&job), [2, 0, 0, 2, 0], "{object}");
    }
    assert_eq!(api.get("/v1/imports/objects/cat").await.status, 404);
    let list = api.get("/v1/imports?limit=3").await.ok(200);
    assert_eq!(list["data"].as_array().map(Vec::len), Some(3));
    assert_eq!(list["data"][0]["object"], "product");
}

#[tokio::test]
async fn progress_is_seen_and_a_stalled_upload_is_cancelled() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let mut upload = api
        .begin(
            "POST",
            "/v1/imports?object=contact",
            &[("content-type", "text/csv"), ("content-length", "1000000")],
        )
        .await;
    upload.write(b"email,city\na@b.c,\nd@e.f,\ng@h.i,\n").await;
    let running = async || api.get("/v1/imports").await.ok(200)["data"][0].clone();
    eventually("the job", PATIENCE, async || {
        running().await["rows_created"]
            .as_i64()
            .is_some_and(|count| count >= 2)
    })
    .await;
    let job = running().await;
    assert_eq!(
        (&job["status"], &job["bytes_total"]),
        (&json!("running"), &json!(1_000_000))
    );
    let id = job["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        api.post_text(&format!("/v1/imports/{id}/undo"), "")
            .await
            .refusal(409)["code"],
        "import_running"
    );
    let mut events = api
        .begin(
            "GET",
            &format!("/v1/imports/{id}/events"),
            &[("connection", "close")],
        )
        .await;
    // It shows what was done before it is told of the end.
    events.wait_for(r#""status":"running""#).await;
    let cancelled = api
        .post_text(&format!("/v1/imports/{id}/cancel"), "")
        .await
        .ok(200);
    assert_eq!(cancelled["status"], "cancelled");
    let entries = "select count(*) from audit where action = 'import.cancelled'";
    database.expect_count(entries, 1).await;
    let waiting = upload.answer().await.expect("a reply").ok(201);
    assert_eq!(waiting["status"], "cancelled");
    events.wait_for(r#""status":"cancelled""#).await;
    let seen = String::from_utf8(events.rest().await).expect("UTF-8");
    assert!(
        seen.contains("text/event-stream") && seen.contains(r#""status":"cancelled""#),
        "{seen}"
    );
    let shown: Vec<Value> = seen
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect();
    let first = &shown[0];
    assert_eq!(first["status"], "running", "{seen}");
    assert!(first["rows_created"].as_i64() >= Some(2), "{seen}");
    assert_eq!(shown.last(), Some(&cancelled), "{seen}");
    let again = api
        .post_text(&format!("/v1/imports/{id}/cancel"), "")
        .await
        .ok(200);
    assert_eq!(again, api.get(&format!("/v1/imports/{id}")).await.ok(200));
    assert_eq!(
        database.ask("select count(*) from contacts").await,
        counts(&again)[1].to_string()
    );
    assert_eq!(
        database
            .ask("select count(*) from events where type = 'import.completed'")
            .await,
        "1"
    );
    let undone = api.post_text(&format!("/v1/imports/{id}/undo"), "").await.ok(200);
    assert_eq!(undone["undo"]["removed"], counts(&again)[1]);
}

#[tokio::test]
async fn respond_async_answers_202_and_the_job_ends() {
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let headers = [("content-type", "text/csv"), ("prefer", "respond-async")];
    let accepted = api.import_as("object=contact", &headers, b"email\na@b.c\n").await;
    let job = accepted.ok(202);
    let path = format!("/v1/imports/{}", job["id"].as_str().expect("an id"));
    eventually("the end", PATIENCE, async || {
        api.get(&path).await.ok(200)["status"] == "completed"
    })
    .await;
    assert_eq!(counts(&api.get(&path).await.ok(200)), [1, 1, 0, 0, 0]);
    let refused = api.import_as("object=contact", &headers, b"{\"a\": 1}").await;
    assert_eq!(refused.refusal(422)["code"], "file_refused");
}

#[tokio::test]
async fn respond_async_answers_no_sooner_than_its_rows_are_kept() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let mut session = database.session().await;
    let lock = session.transaction().await.expect("a transaction");
    lock.batch_execute("lock table contacts in share mode")
        .await
        .expect("a lock");
    let headers = [("content-type", "text/csv"), ("prefer", "respond-async")];
    let importing = api.import_as("object=contact", &headers, b"email\na@b.c\n");
    let mut importing = std::pin::pin!(importing);
    let waits = eventually("the writer waits", PATIENCE, || async {
        database
            .count(
                "select count(*) from pg_locks where not granted
                 and database = (select oid from pg_database where datname = current_database())",
            )
            .await
            > 0
    });
    tokio::select! {
        early = &mut importing => panic!("202 while the rows are in memory alone: {early:?}"),
        () = waits => {}
    }
    let early = tokio::time::timeout(std::time::Duration::from_secs(1), &mut importing).await;
    assert!(
        early.is_err(),
        "202 while the rows are in memory alone: {early:?}"
    );
    lock.rollback().await.expect("rolled back");
    importing.await.ok(202);
    database.expect_count("select count(*) from contacts", 1).await;
}
