//! Jobs from upload to end: counts, progress, cancel, async, reports and undo.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stage::{Answer, Cluster, Gateway, wait_for};

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

#[test]
fn a_file_its_repetition_and_its_report() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let file = b"Email,First Name,Tag\nada@x.org,Ada,1\nnope,=Bob,2\n\nGRACE@x.org,Grace,\nAda@X.org,,3\n";
    let job = gateway
        .import("object=CONTACT&filename=people.csv", file)
        .expect(201);
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
    assert_eq!(job["created_by"]["name"], "t");
    let id = job["id"].as_str().expect("an id");
    assert_eq!(gateway.get(&format!("/v1/imports/{id}")).expect(200), job);
    let ada = gateway.get("/v1/crm/contacts?email=ada@x.org").expect(200);
    assert_eq!(ada["data"][0]["first_name"], "Ada");
    assert_eq!(ada["data"][0]["extra"], json!({"Tag": "3"}));
    assert_eq!(ada["data"][0]["email"], "Ada@X.org");
    let errors = gateway.get(&format!("/v1/imports/{id}/errors.csv"));
    assert!(
        errors.text().starts_with("row_number,error_message\r\n2,"),
        "{}",
        errors.text()
    );
    let original = gateway
        .get(&format!("/v1/imports/{id}/errors.csv?original=true"))
        .text();
    assert!(original.starts_with("row_number,line_number,error_message,Email,First Name,Tag\r\n2,3,"));
    assert!(original.ends_with(",nope,'=Bob,2\r\n"), "{original}");
    // Mended, it comes back exactly.
    let mended = original.replace(",nope,", ",bob@x.org,");
    let again = gateway.import("object=contact", mended.as_bytes()).expect(201);
    assert_eq!(counts(&again), [1, 1, 0, 0, 0]);
    let bob = gateway.get("/v1/crm/contacts?email=bob@x.org").expect(200);
    assert_eq!(bob["data"][0]["first_name"], "=Bob");
    assert_eq!(bob["data"][0]["extra"], json!({"Tag": "2"}));
    // Not mended, it fails as it did.
    let worse = gateway.import("object=contact", original.as_bytes()).expect(201);
    let worse = format!(
        "/v1/imports/{}/errors.csv?original=true",
        worse["id"].as_str().expect("an id")
    );
    assert!(gateway.get(&worse).text().ends_with(",nope,'=Bob,2\r\n"));
    let events = cluster.ask("select count(*) from events where type = 'import.completed'");
    assert_eq!(events, "3");
    assert_eq!(
        cluster.ask("select count(*) from audit where action = 'import.created'"),
        "3"
    );
}

#[test]
fn guides_templates_and_lists() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    for object in ["contact", "ACCOUNT", "deal", "product"] {
        let guide = gateway.get(&format!("/v1/imports/objects/{object}")).expect(200);
        assert!(
            guide["columns"]
                .as_array()
                .is_some_and(|columns| columns.len() >= 10)
        );
        let template = gateway.get(&format!("/v1/imports/objects/{object}/template.csv"));
        let job = gateway
            .import(&format!("object={object}"), &template.body)
            .expect(201);
        assert_eq!(counts(&job), [2, 2, 0, 0, 0], "{object}");
        let job = gateway
            .import(&format!("object={object}"), &template.body)
            .expect(201);
        assert_eq!(counts(&job), [2, 0, 0, 2, 0], "{object}");
    }
    assert_eq!(gateway.get("/v1/imports/objects/cat").status, 404);
    let list = gateway.get("/v1/imports?limit=3").expect(200);
    assert_eq!(list["data"].as_array().map(Vec::len), Some(3));
    assert_eq!(list["data"][0]["object"], "product");
}

#[test]
fn progress_is_seen_and_a_stalled_upload_is_cancelled() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let mut upload = gateway.open(
        "POST",
        "/v1/imports?object=contact",
        &[("content-type", "text/csv")],
        "content-length: 1000000\r\n",
    );
    upload
        .write_all(b"email,city\na@b.c,\nd@e.f,\ng@h.i,\n")
        .expect("sent");
    let running = || gateway.get("/v1/imports").expect(200)["data"][0].clone();
    wait_for("the job", || {
        running()["rows_created"].as_i64().is_some_and(|count| count >= 2)
    });
    let job = running();
    assert_eq!(
        (&job["status"], &job["bytes_total"]),
        (&json!("running"), &json!(1_000_000))
    );
    let id = job["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        gateway.post(&format!("/v1/imports/{id}/undo"), "").expect(409)["code"],
        "import_running"
    );
    let mut events = gateway.open("GET", &format!("/v1/imports/{id}/events"), &[], "");
    let started = Instant::now();
    let cancelled = gateway.post(&format!("/v1/imports/{id}/cancel"), "").expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    let waiting = Answer::read(upload).expect(201);
    assert_eq!(waiting["status"], "cancelled");
    assert!(started.elapsed() < Duration::from_secs(5));
    let mut seen = String::new();
    let _ = events.read_to_string(&mut seen);
    assert!(
        seen.contains("text/event-stream") && seen.contains(r#""status":"cancelled""#),
        "{seen}"
    );
    let again = gateway.post(&format!("/v1/imports/{id}/cancel"), "").expect(200);
    assert_eq!(again, gateway.get(&format!("/v1/imports/{id}")).expect(200));
    assert_eq!(
        cluster.ask("select count(*) from contacts"),
        counts(&again)[1].to_string()
    );
    assert_eq!(
        cluster.ask("select count(*) from events where type = 'import.completed'"),
        "1"
    );
    let undone = gateway.post(&format!("/v1/imports/{id}/undo"), "").expect(200);
    assert_eq!(undone["undo"]["removed"], counts(&again)[1]);
}

#[test]
fn respond_async_answers_before_the_end() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let headers = [("content-type", "text/csv"), ("prefer", "respond-async")];
    let accepted = gateway.send("POST", "/v1/imports?object=contact", &headers, b"email\na@b.c\n");
    let job = accepted.expect(202);
    let path = format!("/v1/imports/{}", job["id"].as_str().expect("an id"));
    wait_for("the end", || {
        gateway.get(&path).expect(200)["status"] == "completed"
    });
    let refused = gateway.send("POST", "/v1/imports?object=contact", &headers, b"{\"a\": 1}");
    assert_eq!(refused.expect(422)["code"], "file_refused");
}
