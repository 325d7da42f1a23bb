//! How long a session lives.

use std::time::Duration;

use serde_json::json;
use stage::desk::text;
use stage::{Cluster, Desk, Gateway, SOON, eventually};

use super::browser::Browser;

#[tokio::test]
async fn a_key_that_ends_ends_its_sessions_on_every_instance() {
    let database = Cluster::shared().database().await;
    let gateways = [
        Gateway::start(&database.url(), &[]).await,
        Gateway::start(&database.url(), &[]).await,
    ];
    let desk = Desk::at(&gateways[0], &database).await;
    for end in ["revoke", "delete", "expire"] {
        let made = desk
            .make_key(&json!({"name": end, "scopes": ["keys:read"]}))
            .await;
        let (id, key) = (text(&made, "id"), text(&made, "key"));
        let mut browser = Browser::with_key(gateways[0].api, &key).await;
        let mut other = browser.clone();
        other.api.address = gateways[1].api;
        // The name of the cookie holds the port.
        let secret = browser.cookies.values().next().cloned().expect("a cookie");
        other.cookies = [(format!("gw_{}", gateways[1].api.port()), secret)].into();
        eventually("both know the session", SOON, async || {
            let mut other = other.clone();
            other.get("/integrations/api-keys").await.status == 200
        })
        .await;
        assert_eq!(browser.get("/integrations/api-keys").await.status, 200);
        let path = format!("/v1/api-keys/{id}");
        match end {
            "revoke" => drop(desk.api.post(&format!("{path}/revoke"), &json!({})).await.ok(200)),
            "delete" => desk.api.delete(&path).await.no_content(),
            _ => drop(
                desk.api
                    .post(&format!("{path}/rotate"), &json!({"overlap_seconds": 0}))
                    .await
                    .ok(201),
            ),
        }
        assert_eq!(browser.get("/integrations/api-keys").await.status, 303, "{end}");
        eventually("the other follows", SOON, async || {
            let mut other = other.clone();
            other.get("/integrations/api-keys").await.status == 303
        })
        .await;
    }
}

#[tokio::test]
async fn a_session_that_is_idle_or_old_ends() {
    let idle = [("GATEWAY_CONSOLE__IDLE_MINUTES", "0.05")];
    let (_gateway, _database, desk) = Desk::own(&idle).await;
    let mut used = Browser::at(&desk).await;
    let mut left = Browser::at(&desk).await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(used.get("/integrations").await.status, 200, "use keeps it alive");
    }
    assert_eq!(left.get("/integrations").await.status, 303);

    let old = [("GATEWAY_CONSOLE__SESSION_HOURS", "0.001")];
    let (_gateway, _database, desk) = Desk::own(&old).await;
    let browser = Browser::at(&desk).await;
    eventually("it ends however much it is used", SOON, async || {
        let mut browser = browser.clone();
        browser.get("/integrations").await.status == 303
    })
    .await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_everywhere() {
    let desk = Desk::open().await;
    let made = desk
        .make_key(&json!({"name": "shared", "scopes": ["keys:read", "keys:write"]}))
        .await;
    let (id, key) = (text(&made, "id"), text(&made, "key"));
    let path = format!("/v1/api-keys/{id}/sessions");
    let mut one = Browser::with_key(desk.api.address, &key).await;
    let mut two = Browser::with_key(desk.api.address, &key).await;
    let listed = desk.api.get(&path).await.ok(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(2), "{listed}");
    assert_eq!(listed["data"][0]["ip"], "127.0.0.1");
    assert!(text(&listed["data"][0], "id").starts_with("ses_"));

    // Signing in again in the same browser replaces its session.
    one.post("/integrations/sign-in", &[("key", &key)])
        .await
        .expect(303);
    let listed = desk.api.get(&path).await.ok(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(2), "{listed}");

    desk.api.delete(&path).await.no_content();
    assert_eq!(one.get("/integrations").await.status, 303);
    assert_eq!(two.get("/integrations").await.status, 303);
    desk.api.delete(&path).await.no_content();

    let mut three = Browser::with_key(desk.api.address, &key).await;
    let page = format!("/integrations/api-keys/{id}/sessions");
    let form_id = three.page(&page).await.value("form_id").expect("an id");
    let reply = three.post(&page, &[("form_id", &form_id)]).await;
    assert_eq!(reply.status, 303);
    assert_eq!(three.get("/integrations").await.status, 303, "one's own too");
    let stranger = Desk::open().await;
    stranger.api.get(&path).await.problem(404, "not_found");
    stranger.api.delete(&path).await.problem(404, "not_found");
}
