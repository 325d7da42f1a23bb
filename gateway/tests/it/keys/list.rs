//! `GET /v1/api-keys`, and with it how every list is paged.

use serde_json::{Value, json};

use stage::{Desk, desk::all_pages, desk::text};

fn names(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| text(row, "name")).collect()
}

#[tokio::test]
async fn newest_first_and_stable_while_rows_are_added() {
    let desk = Desk::open().await;
    for nth in 0..5 {
        desk.make_key(&json!({"name": format!("k{nth}"), "scopes": ["crm:read"]}))
            .await;
    }
    let page = desk.api.get("/v1/api-keys?limit=2").await.ok(200);
    assert_eq!(names(page["data"].as_array().expect("data")), ["k4", "k3"]);
    desk.make_key(&json!({"name": "late", "scopes": ["crm:read"]}))
        .await;
    let cursor = text(&page, "next_cursor");
    let next = desk
        .api
        .get(&format!("/v1/api-keys?limit=3&cursor={cursor}"))
        .await
        .ok(200);
    assert_eq!(names(next["data"].as_array().expect("data")), ["k2", "k1", "k0"]);
    let cursor = text(&next, "next_cursor");
    let last = desk
        .api
        .get(&format!("/v1/api-keys?cursor={cursor}"))
        .await
        .ok(200);
    assert_eq!(names(last["data"].as_array().expect("data")), ["test"]);
    assert_eq!(last["next_cursor"], json!(null));
    let all = all_pages(&desk.api, "/v1/api-keys", 1).await;
    assert_eq!(names(&all), ["late", "k4", "k3", "k2", "k1", "k0", "test"]);
}

#[tokio::test]
async fn a_page_holds_50_unless_told_and_200_at_the_most() {
    let desk = Desk::open().await;
    for nth in 0..52 {
        desk.make_key(&json!({"name": format!("k{nth}"), "scopes": ["crm:read"]}))
            .await;
    }
    let count = |page: Value| page["data"].as_array().map(Vec::len);
    assert_eq!(count(desk.api.get("/v1/api-keys").await.ok(200)), Some(50));
    assert_eq!(
        count(desk.api.get("/v1/api-keys?limit=200").await.ok(200)),
        Some(53)
    );
    for limit in ["0", "201", "-1", "x", "", "1.5"] {
        desk.api
            .get(&format!("/v1/api-keys?limit={limit}"))
            .await
            .refused_at(&["query.limit"]);
    }
}
