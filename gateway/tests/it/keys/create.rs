//! `POST /v1/api-keys`.

use serde_json::json;

use stage::{Desk, Gateway, desk::text};

#[tokio::test]
async fn the_key_is_shown_once_and_works_at_once() {
    let desk = Desk::open().await;
    let body = json!({"name": "ci", "scopes": ["events:write", "crm:read"], "expires_at": "2999-01-01T02:00:00+02:00",
                      "rate_limit_per_second": 100});
    let reply = desk.api.post("/v1/api-keys", &body).await;
    let made = reply.ok(201);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let key = text(&made, "key");
    assert!(key.len() == 67 && key.starts_with("sk_"));
    assert!(
        key[3..]
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        "{key}"
    );
    assert_eq!(
        text(&made, "hint"),
        format!("sk_{}••••{}", &key[3..7], &key[63..])
    );
    assert_eq!(made["expires_at"], "2999-01-01T00:00:00.000Z");
    assert_eq!(made["revoked_at"], json!(null));
    assert_eq!(made["last_used_at"], json!(null));
    let created_at = text(&made, "created_at");
    assert!(
        created_at.len() == 24 && created_at.ends_with('Z'),
        "{created_at}"
    );
    let who = desk.api.with_key(&key).get("/v1/whoami").await.ok(200);
    assert_eq!(who["key_id"], made["id"]);

    let shown = desk.api.get(&format!("/v1/api-keys/{}", text(&made, "id"))).await;
    let mut expected = made.clone();
    expected.as_object_mut().expect("an object").remove("key");
    // Using the key may have been noted meanwhile.
    expected["last_used_at"] = shown.ok(200)["last_used_at"].clone();
    assert_eq!(shown.json(), expected);
    let list = desk.api.get("/v1/api-keys").await;
    assert!(!list.text().contains(&key[10..60]) && !shown.text().contains(&key[10..60]));
}

#[tokio::test]
async fn the_database_holds_the_digest_of_the_whole_key_and_the_hint() {
    let desk = Desk::open().await;
    let (_, database) = Gateway::shared().await;
    let made = desk
        .make_key(&json!({"name": "kept", "scopes": ["crm:read"]}))
        .await;
    let key = text(&made, "key");
    let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let id = text(&made, "id").replacen("key_", "", 1);
    let rows = database
        .rows(&format!("select k::text from api_keys k where id = '{id}'"))
        .await;
    let row: String = rows[0].get(0);
    assert!(row.contains(&hex), "{row}");
    for table in ["api_keys", "audit", "changes", "idempotency_replies"] {
        let dump = database.dump(table).await;
        assert!(!dump.contains(&key[3..]), "{table}");
        assert!(!dump.contains(&key[20..50]), "{table}");
    }
}

#[tokio::test]
async fn a_key_grants_only_what_it_holds() {
    let desk = Desk::open().await;
    let narrow = desk.with_scopes(&["keys:write", "crm:read"]).await;
    let body = json!({"name": "more", "scopes": ["crm:read", "audit:read", "events:write"]});
    let problem = narrow
        .post("/v1/api-keys", &body)
        .await
        .problem(403, "scope_missing");
    let detail = text(&problem, "detail");
    assert!(
        detail.contains("audit:read") && detail.contains("events:write"),
        "{detail}"
    );
    assert!(!detail.contains("crm:read"), "{detail}");
    narrow
        .post("/v1/api-keys", &json!({"name": "same", "scopes": ["crm:read"]}))
        .await
        .ok(201);
}

#[tokio::test]
async fn every_fault_is_named_at_once() {
    let desk = Desk::open().await;
    let create = |body: serde_json::Value| {
        let api = desk.api.clone();
        async move { api.post("/v1/api-keys", &body).await }
    };
    create(json!({})).await.refused_at(&["body.name", "body.scopes"]);
    let body = json!({"name": "", "scopes": ["crm:read", "crm:read", "*", "nonsense", 7],
                      "expires_at": "2001-01-01T00:00:00Z", "ip_allowlist": ["10.0.0.0/33", "here"],
                      "rate_limit_per_second": 0, "colour": "red"});
    create(body).await.refused_at(&[
        "body.colour",
        "body.expires_at",
        "body.ip_allowlist[0]",
        "body.ip_allowlist[1]",
        "body.name",
        "body.rate_limit_per_second",
        "body.scopes[1]",
        "body.scopes[2]",
        "body.scopes[3]",
        "body.scopes[4]",
    ]);
    let with = |field: &str, value: serde_json::Value| {
        let mut body = json!({"name": "x", "scopes": ["crm:read"]});
        body[field] = value;
        create(body)
    };
    with("scopes", json!([])).await.refused_at(&["body.scopes"]);
    with("name", json!("ü".repeat(201)))
        .await
        .refused_at(&["body.name"]);
    with("name", json!("ü".repeat(200))).await.ok(201);
    with("name", json!(7)).await.refused_at(&["body.name"]);
    // A time without an offset says no moment.
    with("expires_at", json!("2999-01-01T00:00:00"))
        .await
        .refused_at(&["body.expires_at"]);
    with("expires_at", json!(null)).await.ok(201);
}
