//! Records: fields, keys, filters, search, upsert, and their events.

use serde_json::json;

use crate::stage::{Cluster, Gateway};

#[test]
fn a_record_from_its_creation_to_its_end() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let contacts = "/v1/crm/contacts";
    let made = gateway
        .post(contacts, r#"{"email":"Ada@Example.com","last_name":"Lovelace","phone":"+44 (20) 7946","extra":{"Tag":"x"}}"#)
        .expect(201);
    let id = made["id"].as_str().expect("an id").to_owned();
    assert!(id.starts_with("con_"));
    assert_eq!(made["email"], "Ada@Example.com");
    assert_eq!(made["city"], json!(null));
    let one = format!("{contacts}/{id}");
    assert_eq!(gateway.get(&one).expect(200), made);

    let taken = gateway
        .post(contacts, r#"{"email":"ADA@example.COM"}"#)
        .expect(409);
    assert_eq!((&taken["code"], &taken["id"]), (&json!("key_taken"), &json!(id)));
    let upserted = gateway
        .post(
            &format!("{contacts}?upsert=true"),
            r#"{"email":"ada@example.com","city":"London"}"#,
        )
        .expect(200);
    assert_eq!(
        (&upserted["id"], &upserted["city"], &upserted["last_name"]),
        (&json!(id), &json!("London"), &json!("Lovelace"))
    );

    let patched = gateway
        .patch(
            &one,
            r#"{"city":null,"owner":" ","extra":{"Tag":null,"Other":"y"}}"#,
        )
        .expect(200);
    assert_eq!(
        (&patched["city"], &patched["extra"]),
        (&json!(null), &json!({"Other": "y"}))
    );
    let refused = gateway
        .patch(&one, r#"{"email":null,"last_name":null,"phone":null}"#)
        .expect(422);
    assert_eq!(refused["errors"][0]["location"], "body");
    let unknown = gateway
        .post(contacts, r#"{"emial":"a@b.c","email":"no"}"#)
        .expect(422);
    assert_eq!(unknown["errors"].as_array().map(Vec::len), Some(2));

    for query in [
        "q=lovel",
        "q=ADA+love",
        "q=207946",
        "q=442079",
        "email=ADA@EXAMPLE.com",
        "limit=1",
    ] {
        let found = gateway.get(&format!("{contacts}?{query}"));
        let found = found.expect(200);
        let is_phone_tail = query == "q=207946";
        assert_eq!(
            found["data"].as_array().map(Vec::len),
            Some(usize::from(!is_phone_tail)),
            "{query}"
        );
    }
    for query in ["q=xyz", "q=%3F", "email=nobody", "owner=x"] {
        assert_eq!(
            gateway.get(&format!("{contacts}?{query}")).expect(200)["data"],
            json!([]),
            "{query}"
        );
    }
    gateway.get(&format!("{contacts}?stage=x")).expect(422);

    assert_eq!(gateway.send("DELETE", &one, &[], b"").status, 204);
    assert_eq!(gateway.get(&one).status, 404);
    assert_eq!(
        gateway
            .get("/v1/crm/contacts/acc_0198c0de-0000-7000-8000-000000000000")
            .status,
        404
    );
    let types = cluster.ask("select string_agg(type, ' ' order by id) from events");
    assert_eq!(types, "contact.created contact.updated contact.updated");
    let previous = cluster.ask("select data::json->'previous' from events order by id desc limit 1");
    assert_eq!(previous, r#"{"city":"London","extra":{"Tag":"x"}}"#);
    let actions =
        cluster.ask("select string_agg(action, ' ' order by id) from audit where target_type = 'contact'");
    assert_eq!(
        actions,
        "contact.created contact.updated contact.updated contact.deleted"
    );
}

#[test]
fn types_filters_and_pages_of_the_others() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let deal = gateway
        .post("/v1/crm/deals", r#"{"name":"Renewal","amount":1200.50,"currency":"eur","close_date":"2026-03-31","status":"won","external_id":"D-1"}"#)
        .expect(201);
    assert_eq!(
        (&deal["amount"], &deal["currency"]),
        (&json!("1200.50"), &json!("EUR"))
    );
    let types = cluster.ask("select string_agg(type, ' ' order by id) from events");
    assert_eq!(types, "deal.created deal.won");
    assert_eq!(
        gateway
            .get("/v1/crm/deals?status=won&external_id=D-1")
            .expect(200)["data"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    gateway.get("/v1/crm/deals?status=maybe").expect(422);

    let account = gateway
        .post(
            "/v1/crm/accounts",
            r#"{"name":"ÄRGER Inc","domain":"https://www.Acme.com/x","employees":12}"#,
        )
        .expect(201);
    assert_eq!(
        (&account["domain"], &account["employees"]),
        (&json!("acme.com"), &json!(12))
    );
    for query in ["name=%C3%A4rger%20inc", "domain=ACME.com", "q=%C3%A4rg"] {
        let found = gateway.get(&format!("/v1/crm/accounts?{query}")).expect(200);
        assert_eq!(found["data"].as_array().map(Vec::len), Some(1), "{query}");
    }

    for number in 0..5 {
        gateway
            .post(
                "/v1/commerce/products",
                &format!(r#"{{"name":"P{number}","active":{}}}"#, number % 2 == 0),
            )
            .expect(201);
    }
    let first = gateway
        .get("/v1/commerce/products?active=true&limit=2")
        .expect(200);
    assert_eq!(first["data"][0]["name"], "P4");
    let cursor = first["next_cursor"].as_str().expect("more");
    let second = gateway
        .get(&format!(
            "/v1/commerce/products?active=true&limit=2&cursor={cursor}"
        ))
        .expect(200);
    assert_eq!(
        (&second["data"][0]["name"], &second["next_cursor"]),
        (&json!("P0"), &json!(null))
    );
    let other = gateway
        .get(&format!("/v1/commerce/products?active=false&cursor={cursor}"))
        .expect(422);
    assert_eq!(other["code"], "cursor_invalid");
}

#[test]
fn another_key_of_the_same_record_is_a_conflict_and_another_workspace_sees_nothing() {
    let cluster = Cluster::start();
    let gateway = Gateway::start(&cluster, &[]);
    let one = gateway
        .post("/v1/crm/contacts", r#"{"email":"a@b.c"}"#)
        .expect(201);
    let two = gateway
        .post("/v1/crm/contacts", r#"{"email":"d@e.f"}"#)
        .expect(201);
    let path = format!("/v1/crm/contacts/{}", two["id"].as_str().expect("an id"));
    let taken = gateway.patch(&path, r#"{"email":"A@b.c"}"#).expect(409);
    assert_eq!(taken["id"], one["id"]);
    gateway.patch(&path, r#"{"email":"D@e.f"}"#).expect(200);
    gateway.command(&["workspaces", "create", "other"]);
    let stranger = gateway.command(&[
        "keys",
        "create",
        "--workspace",
        "other",
        "--name",
        "o",
        "--scopes",
        "*",
    ]);
    let mine = gateway.key.clone();
    let mut gateway = gateway;
    gateway.key = stranger;
    crate::stage::wait_for("the new key", || gateway.get("/v1/whoami").status == 200);
    assert_eq!(gateway.get(&path).status, 404);
    assert_eq!(gateway.get("/v1/crm/contacts?q=b").expect(200)["data"], json!([]));
    gateway
        .post("/v1/crm/contacts", r#"{"email":"a@b.c"}"#)
        .expect(201);
    gateway.key = mine;
    assert_eq!(
        gateway.get("/v1/crm/contacts").expect(200)["data"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[test]
fn the_gateways_own_events_are_delivered_and_survive_a_kill() {
    let cluster = Cluster::start();
    let settings = [
        ("GATEWAY_WEBHOOKS__ALLOW_CIDRS", "127.0.0.0/8"),
        ("GATEWAY_BUS__LEASE_SECONDS", "2"),
    ];
    let mut gateway = Gateway::start(&cluster, &settings);
    let webhook =
        r#"{"name":"w","url":"http://127.0.0.1:1/","events":["contact.created","import.completed"]}"#;
    gateway.post("/v1/webhooks", webhook).expect(201);
    gateway
        .post("/v1/crm/contacts", r#"{"email":"a@b.c"}"#)
        .expect(201);
    gateway
        .import("object=contact", b"email,city\nd@e.f,Rome\n")
        .expect(201);
    let deliveries = |count: &str| cluster.ask("select count(*) from deliveries") == count;
    crate::stage::wait_for("two deliveries", || deliveries("2"));
    // Whatever was out when the process died comes out of its successor.
    gateway
        .post("/v1/crm/contacts", r#"{"email":"g@h.i"}"#)
        .expect(201);
    gateway.kill_and_restart();
    let owed = "select count(distinct event_id) from deliveries";
    crate::stage::wait_for("the third", || cluster.ask(owed) == "3");
}
