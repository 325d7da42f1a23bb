//! Which record a row is: by its external id, by its natural key, or by the one that `&match=` names.

use serde_json::{Value, json};

use super::jobs::counts;
use stage::{Api, Desk};

const CONTACTS: &str =
    "select string_agg(concat_ws('/', external_id, email, city), ' ' order by id) from contacts";

async fn errors(api: &Api, job: &Value) -> String {
    let id = job["id"].as_str().expect("an id");
    let report = api
        .get(&format!("/v1/imports/{id}/errors.csv?original=true"))
        .await;
    report.text().to_owned()
}

async fn undo(api: &Api, job: &Value) -> Value {
    let id = job["id"].as_str().expect("an id");
    api.post_nothing(&format!("/v1/imports/{id}/undo")).await.ok(200)["undo"].clone()
}

#[tokio::test]
async fn a_row_is_the_record_of_its_external_id_else_of_its_natural_key() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let known = json!({"email": "ada@x.y", "external_id": "7"});
    api.post("/v1/crm/contacts", &known).await.ok(201);
    // The id alone finds a record that has an email as well.
    for (query, file) in [
        ("object=contact&mode=update", "Record ID,City\n7,Rome\n"),
        ("object=contact", "Record ID,First Name\n7,Ada\n"),
    ] {
        let job = api.import(query, file.as_bytes()).await.ok(201);
        assert_eq!(counts(&job), [1, 0, 1, 0, 0], "{query}");
    }
    // The email alone finds it too, and either gives it what it lacks.
    let file =
        b"Record ID,Email,City\n,ADA@x.y,Oslo\n8,bob@x.y,Bern\n7,new@x.y,\n9,bob@x.y,\n9,new@x.y,Kiel\n";
    for dry_run in [true, false] {
        let query = format!("object=contact&dry_run={dry_run}");
        let job = api.import(&query, file).await.ok(201);
        assert_eq!(counts(&job), [5, 1, 3, 0, 1]);
        let report = errors(&api, &job).await;
        assert!(
            report.contains("\r\n5,6,\"its external_id is that of one contact")
                && report.ends_with(",9,new@x.y,Kiel\r\n"),
            "{report}"
        );
    }
    assert_eq!(database.ask(CONTACTS).await, "7/new@x.y/Oslo 9/bob@x.y/Bern");
}

#[tokio::test]
async fn records_hand_their_keys_on_within_one_file_and_back_in_its_undo() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let file = b"Record ID,Email\n1,a@x.y\n2,b@x.y\n3,c@x.y\n";
    api.import("object=contact", file).await.ok(201);
    let before = database.ask(CONTACTS).await;
    // Two records change places by way of a third address, and a new one gets what another gave up.
    let file = b"Record ID,Email\n1,t@x.y\n2,a@x.y\n1,b@x.y\n3,d@x.y\n4,c@x.y\n";
    let dry = api.import("object=contact&dry_run=true", file).await.ok(201);
    let job = api.import("object=contact", file).await.ok(201);
    assert_eq!(counts(&job), [5, 1, 4, 0, 0]);
    assert_eq!(counts(&dry), counts(&job));
    assert_eq!(database.ask(CONTACTS).await, "1/b@x.y 2/a@x.y 3/d@x.y 4/c@x.y");
    assert_eq!(undo(&api, &job).await["left"], json!([]));
    assert_eq!(database.ask(CONTACTS).await, before);
    // A key that another has taken since stays there, and the record stays as it is.
    let file = b"Record ID,Email\n1,z@x.y\n2,y@x.y\n";
    let job = api.import("object=contact", file).await.ok(201);
    api.post("/v1/crm/contacts", &json!({"email": "a@x.y"}))
        .await
        .ok(201);
    let undone = undo(&api, &job).await;
    assert_eq!(undone["restored"], 1);
    assert_eq!(undone["left"][0]["reason"], "Another record has its former key.");
    assert_eq!(database.ask(CONTACTS).await, "1/z@x.y 2/b@x.y 3/c@x.y a@x.y");
}

#[tokio::test]
async fn a_query_can_name_the_one_key_to_match_by() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let file = b"Record ID,Email\n1,a@x.y\n2,b@x.y\n";
    api.import("object=contact", file).await.ok(201);
    let file = b"Record ID,Email,City\n3,A@x.y,Rome\n2,a@x.y,Bari\n2,,Kiel\n";
    let job = api
        .import("object=contact&match=email&mode=update", file)
        .await
        .ok(201);
    assert_eq!(counts(&job), [3, 0, 1, 0, 2]);
    let report = errors(&api, &job).await;
    assert!(report.contains("another contact has its external_id"), "{report}");
    assert!(
        report.contains("no key is given to find the record by (email)"),
        "{report}"
    );
    assert_eq!(database.ask(CONTACTS).await, "3/A@x.y/Rome 2/b@x.y");
    let refused = api.import("object=contact&match=phone", file).await.refusal(422);
    assert_eq!(refused["errors"][0]["location"], "query.match");
    // An account of that name gets its domain.
    api.post("/v1/crm/accounts", &json!({"name": "Acme"}))
        .await
        .ok(201);
    for (query, file) in [
        ("object=account&match=name", "Name,Domain\nACME,acme.com\n"),
        ("object=account&match=domain", "Domain,City\nacme.com,Rome\n"),
    ] {
        let job = api.import(query, file.as_bytes()).await.ok(201);
        assert_eq!(counts(&job), [1, 0, 1, 0, 0], "{query}");
    }
}

#[tokio::test]
async fn each_key_is_unique_by_itself_for_requests_too() {
    let (_gateways, _database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let post = async |query: &str, body: Value| api.post(&format!("/v1/crm/accounts{query}"), &body).await;
    let one = json!({"name": "One", "domain": "one.example", "external_id": "1"});
    let one = post("", one).await.ok(201);
    let two = post("", json!({"name": "Two", "external_id": "2"})).await.ok(201);
    let expect_taken = |answer: Value, holder: &Value| {
        assert_eq!(
            (&answer["code"], &answer["id"]),
            (&json!("key_taken"), &holder["id"])
        );
    };
    for body in [
        json!({"name": "X", "external_id": "2"}),
        json!({"name": "TWO", "external_id": "9"}),
    ] {
        expect_taken(post("", body).await.refusal(409), &two);
    }
    // The two keys match different records.
    let split = json!({"name": "two", "external_id": "1"});
    expect_taken(post("?upsert=true", split).await.refusal(409), &two);
    let path = format!("/v1/crm/accounts/{}", two["id"].as_str().expect("an id"));
    for body in [json!({"external_id": "1"}), json!({"domain": "one.example"})] {
        expect_taken(api.patch(&path, &body).await.refusal(409), &one);
    }
    let moved = json!({"external_id": "1", "domain": "uno.example"});
    let changed = post("?upsert=true", moved).await.ok(200);
    assert_eq!((&changed["id"], &changed["name"]), (&one["id"], &json!("One")));
    let by_name = post("?upsert=true", json!({"name": "two", "external_id": "3"}))
        .await
        .ok(200);
    assert_eq!(by_name["id"], two["id"]);
    let found = api.get("/v1/crm/accounts?external_id=3").await.ok(200);
    assert_eq!(found["data"][0]["id"], two["id"]);
    let none = api.get("/v1/crm/accounts?external_id=2").await.ok(200);
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn large_stored_records_are_planned_in_smaller_parts() {
    let (_gateways, database, Desk { api, .. }) = Desk::own_pair(&[]).await;
    let file = |city: &str, note_bytes: usize| {
        let note = "n".repeat(note_bytes);
        let rows = (0..400).map(|row| format!("{row}@x.y,{city},{note}\n"));
        "email,city,notes\n".to_owned() + &rows.collect::<String>()
    };
    let first = api
        .import("object=contact", file("Rome", 60_000).as_bytes())
        .await
        .ok(201);
    assert_eq!(counts(&first), [400, 400, 0, 0, 0]);
    let second = api
        .import("object=contact", file("Oslo", 0).as_bytes())
        .await
        .ok(201);
    assert_eq!(counts(&second), [400, 0, 400, 0, 0]);
    // 24 MB of stored records, of which a part takes 8.
    let number = "(select max(number) from imports)";
    let parts = format!("select count(*) from import_chunks where import_no = {number}");
    assert!(database.count(&parts).await >= 4);
    assert_eq!(undo(&api, &second).await["restored"], 400);
    database
        .expect_count("select count(*) from contacts where city = 'Rome'", 400)
        .await;
}
