//! `GET /v1/imports/{id}/faults`: why rows failed, the commonest cause first.

use serde_json::{Value, json};

use super::PATIENCE;
use super::jobs::counts;
use stage::{Api, Desk, eventually};

async fn faults(api: &Api, job: &Value) -> Vec<Value> {
    let path = format!("/v1/imports/{}/faults", job["id"].as_str().expect("an id"));
    let shown = api.get(&path).await.ok(200);
    shown["data"].as_array().expect("data").clone()
}

/// Code, field and count of each, in their order.
fn told(faults: &[Value]) -> Vec<(&str, Option<&str>, i64)> {
    let told = faults.iter().map(|fault| {
        (
            fault["code"].as_str().expect("a code"),
            fault["field"].as_str(),
            fault["count"].as_i64().expect("a count"),
        )
    });
    told.collect()
}

#[tokio::test]
async fn rows_are_counted_by_cause_in_words_that_hold_no_value() {
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let mut file = "Name,Amount,Closing date,Status,Tag\n".to_owned();
    for row in 0..30 {
        file.push_str(&format!("Deal {row},secret-{row},,,x\n"));
    }
    // Two faults in one row count in both.
    file.push_str(
        "Deal,secret-x,03/04/2026,,x\nDeal,1,05/06/2026,,x\nDeal,1,,nowhere,x\n,1,,,x\nDeal,1\nDeal,7,,,x\n",
    );
    let job = api.import("object=deal", file.as_bytes()).await.ok(201);
    assert_eq!(counts(&job), [36, 1, 0, 0, 35]);
    let found = faults(&api, &job).await;
    assert_eq!(
        told(&found),
        [
            ("number_invalid", Some("amount"), 31),
            ("date_ambiguous", Some("close_date"), 2),
            ("choice_invalid", Some("status"), 1),
            ("required_missing", None, 1),
            ("too_few_cells", None, 1),
        ]
    );
    for fault in &found {
        let words = format!("{}{}", fault["code"], fault["message"]);
        assert!(!words.contains("secret") && !words.contains("2026"), "{words}");
    }
    assert_eq!(found[0]["message"], "the value is not a number");
    let examples = found[0]["examples"].as_array().expect("examples");
    assert_eq!(examples.len(), 20);
    assert_eq!(examples[0], json!({"row_number": 1, "value": "secret-0"}));
    assert_eq!(
        found[1]["examples"],
        json!([{"row_number": 31, "value": "03/04/2026"}, {"row_number": 32, "value": "05/06/2026"}])
    );
    assert_eq!(
        [&found[3]["examples"], &found[4]["examples"]],
        [
            &json!([{"row_number": 34, "value": null}]),
            &json!([{"row_number": 35, "value": "2 cells"}])
        ]
    );
}

#[tokio::test]
async fn what_only_the_stored_records_tell_is_counted_too_in_a_dry_run_as_well() {
    let (gateways, database, desk) = Desk::own_pair(&[]).await;
    let api = &desk.api;
    api.import("object=contact", b"email,External ID\na@x.y,1\nb@x.y,2\n")
        .await
        .ok(201);
    for dry in ["", "&dry_run=true"] {
        for (query, file, expected) in [
            (
                "mode=create",
                "email\na@x.y\n",
                ("record_exists", "email", "a@x.y"),
            ),
            (
                "mode=update",
                "email\nc@x.y\n",
                ("record_not_found", "email", "c@x.y"),
            ),
            (
                "mode=upsert",
                "email,External ID\na@x.y,2\n",
                ("keys_contradict", "email", "a@x.y"),
            ),
            (
                "match=email",
                "email,External ID\nc@x.y,2\n",
                ("key_taken", "external_id", "2"),
            ),
        ] {
            let query = format!("object=contact&{query}{dry}");
            let job = api.import(&query, file.as_bytes()).await.ok(201);
            assert_eq!(counts(&job), [1, 0, 0, 0, 1], "{query}");
            let found = faults(api, &job).await;
            let (code, field, value) = expected;
            assert_eq!(told(&found), [(code, Some(field), 1)], "{query}");
            assert_eq!(found[0]["examples"], json!([{"row_number": 1, "value": value}]));
        }
    }
    let clean = api.import("object=contact", b"email\na@x.y\n").await.ok(201);
    assert!(faults(api, &clean).await.is_empty());
    let path = format!("/v1/imports/{}/faults", clean["id"].as_str().expect("an id"));
    let narrow = desk.with_scopes(&["imports:write"]).await;
    narrow.get(&path).await.problem(403, "scope_missing");
    let unknown = "/v1/imports/imp_0198c0de-0000-7000-8000-000000000001/faults";
    api.get(unknown).await.problem(404, "not_found");
    let stranger = Desk::at(&gateways[0], &database).await;
    stranger.api.get(&path).await.problem(404, "not_found");
    api.get(&format!("{path}?x=1")).await.refused_at(&["query.x"]);
}

#[tokio::test]
async fn they_are_there_while_the_import_runs_and_add_up_over_chunks_and_writers() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    const ROWS: usize = 9_000;
    let row = |row: usize| match row % 3 {
        0 => format!("{row}@x.y,Rome\n"),
        1 => format!("nobody{row},Rome\n"),
        _ => "0@x.y\n".to_owned(),
    };
    let rows = |from: usize, to: usize| (from..to).map(row).collect::<String>();
    let length = "email,city\n".len() + rows(0, ROWS).len();
    let headers = [
        ("content-type", "text/csv"),
        ("content-length", &length.to_string()),
    ];
    let mut upload = api.begin("POST", "/v1/imports?object=contact", &headers).await;
    upload.write(b"email,city\n").await;
    upload.write(rows(0, 3_000).as_bytes()).await;
    let running = async || api.get("/v1/imports").await.ok(200)["data"][0].clone();
    eventually("the first rows' faults", PATIENCE, async || {
        let job = running().await;
        !job.is_null() && {
            let found = faults(&api, &job).await;
            found
                .iter()
                .map(|fault| fault["count"].as_i64().unwrap_or(0))
                .sum::<i64>()
                == 2_000
        }
    })
    .await;
    assert_eq!(running().await["status"], "running");
    upload.write(rows(3_000, ROWS).as_bytes()).await;
    let job = upload.answer().await.expect("a reply").ok(201);
    assert_eq!(counts(&job), [9_000, 3_000, 0, 0, 6_000]);
    let found = faults(&api, &job).await;
    assert_eq!(
        told(&found),
        [
            ("email_invalid", Some("email"), 3_000),
            ("too_few_cells", None, 3_000)
        ]
    );
    let numbers: Vec<i64> = found[0]["examples"]
        .as_array()
        .expect("examples")
        .iter()
        .map(|example| example["row_number"].as_i64().expect("a number"))
        .collect();
    // The first 20 of the file, whichever writer had them.
    assert_eq!(numbers, (0..20).map(|nth| 3 * nth + 2).collect::<Vec<i64>>());
    // Examples are stored no more often than they can be shown.
    let stored = database
        .count("select sum(json_array_length(examples))::int8 from import_faults")
        .await;
    assert!(stored <= 2 * 2 * 20, "{stored}");
}

#[tokio::test]
async fn they_go_with_the_failed_rows() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let job = api.import("object=contact", b"email\na@x.y\nbad\n").await.ok(201);
    assert_eq!(faults(&api, &job).await.len(), 1);
    database
        .run("update imports set finished_at = now() - interval '31 days'")
        .await;
    super::purging::purge(&database, 30).await;
    assert_eq!(database.count("select count(*) from import_faults").await, 0);
    let path = format!("/v1/imports/{}/faults", job["id"].as_str().expect("an id"));
    api.get(&path).await.problem(409, "import_purged");
}
