//! Revoke and delete.

use serde_json::json;

use stage::{Desk, desk::text};

#[tokio::test]
async fn revoking_holds_at_once_and_twice_is_once() {
    let desk = Desk::open().await;
    let made = desk
        .make_key(&json!({"name": "old", "scopes": ["crm:read"]}))
        .await;
    let path = format!("/v1/api-keys/{}", text(&made, "id"));
    let first = desk.api.post_nothing(&format!("{path}/revoke")).await.ok(200);
    assert!(first["revoked_at"].is_string() && first["key"].is_null());
    desk.whoami(&made).await.problem(401, "key_revoked");
    let again = desk.api.post(&format!("{path}/revoke"), &json!({})).await.ok(200);
    assert_eq!(again["revoked_at"], first["revoked_at"]);
    assert_eq!(
        desk.api.get(&path).await.ok(200)["revoked_at"],
        first["revoked_at"]
    );
    let entries = desk
        .api
        .get(&format!("/v1/audit?target={}", text(&made, "id")))
        .await
        .ok(200);
    let actions: Vec<_> = entries["data"]
        .as_array()
        .expect("data")
        .iter()
        .map(|entry| entry["action"].clone())
        .collect();
    assert_eq!(
        actions,
        ["api_key.revoked", "api_key.created"],
        "what changes nothing is not noted"
    );
}

#[tokio::test]
async fn a_key_may_end_itself() {
    let desk = Desk::open().await;
    let made = desk
        .make_key(&json!({"name": "mine", "scopes": ["keys:write"]}))
        .await;
    let own = desk.api.with_key(&text(&made, "key"));
    own.post_nothing(&format!("/v1/api-keys/{}/revoke", text(&made, "id")))
        .await
        .ok(200);
    own.get("/v1/whoami").await.problem(401, "key_revoked");
}

#[tokio::test]
async fn a_deleted_key_is_gone_and_its_trail_stays() {
    let desk = Desk::open().await;
    let made = desk
        .make_key(&json!({"name": "gone", "scopes": ["crm:read"]}))
        .await;
    let id = text(&made, "id");
    let path = format!("/v1/api-keys/{id}");
    desk.api.delete(&path).await.no_content();
    desk.api.get(&path).await.problem(404, "not_found");
    desk.api.delete(&path).await.problem(404, "not_found");
    desk.api
        .post_nothing(&format!("{path}/revoke"))
        .await
        .problem(404, "not_found");
    desk.whoami(&made).await.problem(401, "key_invalid");
    let entries = desk.api.get(&format!("/v1/audit?target={id}")).await.ok(200);
    let entries = entries["data"].as_array().expect("data").clone();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["action"], "api_key.deleted");
    assert_eq!(
        entries[0]["target"],
        json!({"type": "api_key", "id": id, "name": "gone"})
    );
}

#[tokio::test]
async fn another_workspaces_key_is_not_there() {
    let (mine, theirs) = (Desk::open().await, Desk::open().await);
    let made = theirs
        .make_key(&json!({"name": "theirs", "scopes": ["crm:read"]}))
        .await;
    let path = format!("/v1/api-keys/{}", text(&made, "id"));
    mine.api.get(&path).await.problem(404, "not_found");
    mine.api.delete(&path).await.problem(404, "not_found");
    mine.api
        .post_nothing(&format!("{path}/revoke"))
        .await
        .problem(404, "not_found");
    mine.api
        .post(&format!("{path}/rotate"), &json!({"overlap_seconds": 1}))
        .await
        .problem(404, "not_found");
    assert!(
        !mine
            .api
            .get("/v1/api-keys")
            .await
            .text()
            .contains(&text(&made, "id"))
    );
    theirs.api.get(&path).await.ok(200);
}

#[tokio::test]
async fn use_is_noted_within_75_seconds() {
    let desk = Desk::open().await;
    let made = desk
        .make_key(&json!({"name": "used", "scopes": ["crm:read"]}))
        .await;
    desk.whoami(&made).await.ok(200);
    let path = format!("/v1/api-keys/{}", text(&made, "id"));
    let limit = std::time::Duration::from_secs(75);
    let shown = stage::until("last_used_at is written", limit, || async {
        let shown = desk.api.get(&path).await.ok(200);
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        shown["last_used_at"].is_string().then_some(shown)
    })
    .await;
    // To the second.
    assert!(text(&shown, "last_used_at")[..19] >= text(&shown, "created_at")[..19]);
}
