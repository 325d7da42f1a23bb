//! Records: fields, keys, filters, search, upsert, and their events.

use serde_json::json;

use stage::{Desk, Gateway, SOON, eventually};

#[tokio::test]
async fn a_record_from_its_creation_to_its_end() {
    let (_gateway, database, Desk { api, .. }) = Desk::own(&[]).await;
    let contacts = "/v1/crm/contacts";
    let made = api.post_text(contacts, r#"{"email":"Ada@Example.com","last_name":"Lovelace","phone":"+44 (20) 7946","extra":{"Tag":"x"}}"#).await
        .ok(201);
    let id = made["id"].as_str().expect("an id").to_owned();
    assert!(id.starts_with("con_"));
    assert_eq!(made["email"], "Ada@Example.com");
    assert_eq!(made["city"], json!(null));
    let one = format!("{contacts}/{id}");
    assert_eq!(api.get(&one).await.ok(200), made);

    let taken = api
        .post_text(contacts, r#"{"email":"ADA@example.COM"}"#)
        .await
        .refusal(409);
    assert_eq!((&taken["code"], &taken["id"]), (&json!("key_taken"), &json!(id)));
    let upserted = api
        .post_text(
            &format!("{contacts}?upsert=true"),
            r#"{"email":"ada@example.com","city":"London"}"#,
        )
        .await
        .ok(200);
    assert_eq!(
        (&upserted["id"], &upserted["city"], &upserted["last_name"]),
        (&json!(id), &json!("London"), &json!("Lovelace"))
    );

    let patched = api
        .patch_text(
            &one,
            r#"{"city":null,"owner":" ","extra":{"Tag":null,"Other":"y"}}"#,
        )
        .await
        .ok(200);
    assert_eq!(
        (&patched["city"], &patched["extra"]),
        (&json!(null), &json!({"Other": "y"}))
    );
    let refused = api
        .patch_text(&one, r#"{"email":null,"last_name":null,"phone":null}"#)
        .await
        .refusal(422);
    assert_eq!(refused["errors"][0]["location"], "body");
    let unknown = api
        .post_text(contacts, r#"{"emial":"a@b.c","email":"no"}"#)
        .await
        .refusal(422);
    assert_eq!(unknown["errors"].as_array().map(Vec::len), Some(2));

    for query in [
        "q=lovel",
        "q=ADA+love",
        "q=207946",
        "q=442079",
        "email=ADA@EXAMPLE.com",
        "limit=1",
    ] {
        let found = api.get(&format!("{contacts}?{query}")).await;
        let found = found.ok(200);
        let is_phone_tail = query == "q=207946";
        assert_eq!(
            found["data"].as_array().map(Vec::len),
            Some(usize::from(!is_phone_tail)),
            "{query}"
        );
    }
    for query in ["q=xyz", "q=%3F", "email=nobody", "owner=x"] {
        assert_eq!(
            api.get(&format!("{contacts}?{query}")).await.ok(200)["data"],
            json!([]),
            "{query}"
        );
    }
    api.get(&format!("{contacts}?stage=x")).await.refusal(422);

    assert_eq!(api.delete(&one).await.status, 204);
    assert_eq!(api.get(&one).await.status, 404);
    assert_eq!(
        api.get("/v1/crm/contacts/acc_0198c0de-0000-7000-8000-000000000000")
            .await
            .status,
        404
    );
    let types = database
        .ask("select string_agg(type, ' ' order by id) from events")
        .await;
    assert_eq!(types, "contact.created contact.updated contact.updated");
    let previous = database
        .ask("select data::json->'previous' from events order by id desc limit 1")
        .await;
    assert_eq!(previous, r#"{"city":"London","extra":{"Tag":"x"}}"#);
    let actions = database
        .ask("select string_agg(action, ' ' order by id) from audit where target_type = 'contact'")
        .await;
    assert_eq!(
        actions,
        "contact.created contact.updated contact.updated contact.deleted"
    );
}

#[tokio::test]
async fn types_filters_and_pages_of_the_others() {
    let (_gateway, database, Desk { api, .. }) = Desk::own(&[]).await;
    let deal = api.post_text("/v1/crm/deals", r#"{"name":"Renewal","amount":1200.50,"currency":"eur","close_date":"2026-03-31","status":"won","external_id":"D-1"}"#).await
        .ok(201);
    assert_eq!(
        (&deal["amount"], &deal["currency"]),
        (&json!("1200.50"), &json!("EUR"))
    );
    let types = database
        .ask("select string_agg(type, ' ' order by id) from events")
        .await;
    assert_eq!(types, "deal.created deal.won");
    assert_eq!(
        api.get("/v1/crm/deals?status=won&external_id=D-1").await.ok(200)["data"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    api.get("/v1/crm/deals?status=maybe").await.refusal(422);

    let account = api
        .post_text(
            "/v1/crm/accounts",
            r#"{"name":"ÄRGER Inc","domain":"https://www.Acme.com/x","employees":12}"#,
        )
        .await
        .ok(201);
    assert_eq!(
        (&account["domain"], &account["employees"]),
        (&json!("acme.com"), &json!(12))
    );
    for query in ["name=%C3%A4rger%20inc", "domain=ACME.com", "q=%C3%A4rg"] {
        let found = api.get(&format!("/v1/crm/accounts?{query}")).await.ok(200);
        assert_eq!(found["data"].as_array().map(Vec::len), Some(1), "{query}");
    }

    for number in 0..5 {
        api.post_text(
            "/v1/commerce/products",
            &format!(r#"{{"name":"P{number}","active":{}}}"#, number % 2 == 0),
        )
        .await
        .ok(201);
    }
    let first = api.get("/v1/commerce/products?active=true&limit=2").await.ok(200);
    assert_eq!(first["data"][0]["name"], "P4");
    let cursor = first["next_cursor"].as_str().expect("more");
    let second = api
        .get(&format!(
            "/v1/commerce/products?active=true&limit=2&cursor={cursor}"
        ))
        .await
        .ok(200);
    assert_eq!(
        (&second["data"][0]["name"], &second["next_cursor"]),
        (&json!("P0"), &json!(null))
    );
    let other = api
        .get(&format!("/v1/commerce/products?active=false&cursor={cursor}"))
        .await
        .refusal(422);
    assert_eq!(other["code"], "cursor_invalid");
}

#[tokio::test]
async fn another_key_of_the_same_record_is_a_conflict_and_another_workspace_sees_nothing() {
    let (gateway, database, Desk { api, .. }) = Desk::own(&[]).await;
    let one = api
        .post_text("/v1/crm/contacts", r#"{"email":"a@b.c"}"#)
        .await
        .ok(201);
    let two = api
        .post_text("/v1/crm/contacts", r#"{"email":"d@e.f"}"#)
        .await
        .ok(201);
    let path = format!("/v1/crm/contacts/{}", two["id"].as_str().expect("an id"));
    let taken = api.patch_text(&path, r#"{"email":"A@b.c"}"#).await.refusal(409);
    assert_eq!(taken["id"], one["id"]);
    api.patch_text(&path, r#"{"email":"D@e.f"}"#).await.ok(200);
    let stranger = Desk::at(&gateway, &database).await.api;
    assert_eq!(stranger.get(&path).await.status, 404);
    assert_eq!(
        stranger.get("/v1/crm/contacts?q=b").await.ok(200)["data"],
        json!([])
    );
    stranger
        .post_text("/v1/crm/contacts", r#"{"email":"a@b.c"}"#)
        .await
        .ok(201);
    assert_eq!(
        api.get("/v1/crm/contacts").await.ok(200)["data"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[tokio::test]
async fn the_gateways_own_events_are_delivered_and_survive_a_kill() {
    let settings = [("GATEWAY_BUS__LEASE_SECONDS", "2")];
    let (gateway, database, Desk { api, .. }) = Desk::own(&settings).await;
    let webhook =
        r#"{"name":"w","url":"http://127.0.0.1:1/","events":["contact.created","import.completed"]}"#;
    api.post_text("/v1/webhooks", webhook).await.ok(201);
    api.post_text("/v1/crm/contacts", r#"{"email":"a@b.c"}"#)
        .await
        .ok(201);
    api.import("object=contact", b"email,city\nd@e.f,Rome\n")
        .await
        .ok(201);
    let deliveries = async |count: &str| database.ask("select count(*) from deliveries").await == count;
    eventually("two deliveries", SOON, async || deliveries("2").await).await;
    // Whatever was out when the process died comes out of its successor.
    api.post_text("/v1/crm/contacts", r#"{"email":"g@h.i"}"#)
        .await
        .ok(201);
    gateway.kill();
    let _successor = Gateway::start(&database.url(), &settings).await;
    let owed = "select count(distinct event_id) from deliveries";
    eventually("the third", SOON, async || database.ask(owed).await == "3").await;
}
