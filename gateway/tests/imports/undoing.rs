//! Undo: what an import created goes, what it overwrote comes back, what others changed since stays.

use serde_json::json;

use crate::jobs::counts;
use crate::stage::{Cluster, Gateway};

const STATE: &str =
    "select string_agg(concat_ws('/', email, city, extra::text), ' ' order by id) from contacts";

#[test]
fn an_undo_restores_what_was_and_leaves_what_others_changed() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    gateway
        .post(
            "/v1/crm/contacts",
            r#"{"email":"old@x.y","city":"Rome","extra":{"T":"0"}}"#,
        )
        .expect(201);
    let kept = gateway
        .post("/v1/crm/contacts", r#"{"email":"kept@x.y","city":"Bari"}"#)
        .expect(201);
    let before = cluster.ask(STATE);
    let file = b"email,city,T\nold@x.y,Oslo,1\nkept@x.y,Oslo,\nnew@x.y,Oslo,\nnew@x.y,Bern,\nmine@x.y,Oslo,\ngone@x.y,Oslo,\n";
    let first = gateway.import("object=contact", file).expect(201);
    assert_eq!(counts(&first), [6, 3, 3, 0, 0]);
    let second = gateway
        .import("object=contact", b"email,city\nold@x.y,Kiel\n")
        .expect(201);
    let path = |job: &serde_json::Value| format!("/v1/imports/{}/undo", job["id"].as_str().expect("an id"));
    let id_of = |email: &str| {
        cluster.ask(&format!(
            "select 'con_' || id from contacts where email = '{email}'"
        ))
    };
    // Taken back, the later import stands in the way no more.
    gateway.post(&path(&second), "").expect(200);
    let (mine, gone) = (id_of("mine@x.y"), id_of("gone@x.y"));
    for id in [kept["id"].as_str().expect("an id"), &mine] {
        gateway
            .patch(&format!("/v1/crm/contacts/{id}"), r#"{"city":"Pisa"}"#)
            .expect(200);
    }
    assert_eq!(
        gateway
            .send("DELETE", &format!("/v1/crm/contacts/{gone}"), &[], b"")
            .status,
        204
    );
    let events = cluster.ask("select count(*) from events");
    let undone = gateway.post(&path(&first), "").expect(200);
    let undo = &undone["undo"];
    assert_eq!(
        (&undo["removed"], &undo["restored"]),
        (&json!(1), &json!(1)),
        "{undo}"
    );
    let mut left: Vec<_> = undo["left"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|left| left["id"].clone())
        .collect();
    left.sort_by_key(ToString::to_string);
    let mut expected = vec![kept["id"].clone(), json!(mine), json!(gone)];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(left, expected);
    assert_eq!(cluster.ask("select count(*) from events"), events);
    let after = cluster.ask(STATE);
    assert_eq!(after, format!("{} mine@x.y/Pisa", before.replace("Bari", "Pisa")));
    let again = gateway.post(&path(&first), "").expect(200);
    assert_eq!(again["undo"], undone["undo"]);
    assert_eq!(cluster.ask(STATE), after);
    assert_eq!(
        gateway.get("/v1/crm/contacts?q=new").expect(200)["data"],
        json!([])
    );
}

#[test]
fn a_large_import_is_undone_to_the_last_record() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let file = |city: &str| {
        let rows = (0..15_000).map(|n| format!("p{}@x.y,{city}{}\n", n % 12_000, n % 7));
        "email,city\n".to_owned() + &rows.collect::<String>()
    };
    let first = gateway.import("object=contact", file("a").as_bytes()).expect(201);
    assert_eq!(first["rows_created"], 12_000);
    let digest = "select md5(string_agg(concat(id, email, city, updated_at, import_no), ' ' order by id)) from contacts";
    let before = cluster.ask(digest);
    let second = gateway.import("object=contact", file("b").as_bytes()).expect(201);
    assert_eq!(second["rows_updated"], 15_000);
    let undo = |job: &serde_json::Value| {
        gateway
            .post(
                &format!("/v1/imports/{}/undo", job["id"].as_str().expect("an id")),
                "",
            )
            .expect(200)
    };
    assert_eq!(undo(&second)["undo"]["left"], json!([]));
    assert_eq!(cluster.ask(digest), before);
    let undone = undo(&first);
    assert_eq!(
        (&undone["undo"]["removed"], &undone["undo"]["left"]),
        (&json!(12_000), &json!([]))
    );
    assert_eq!(cluster.ask("select count(*) from contacts"), "0");
}
