//! `/v1/event-types`.

use serde_json::{Value, json};

use stage::{Desk, Receiver, desk::all_pages, desk::text};

const BUILT_IN: [&str; 15] = [
    "contact.created",
    "contact.updated",
    "account.created",
    "account.updated",
    "deal.created",
    "deal.stage_changed",
    "deal.won",
    "deal.lost",
    "product.created",
    "product.updated",
    "invoice.paid",
    "ticket.created",
    "ticket.assigned",
    "import.completed",
    "sentry.state_changed",
];

async fn names(desk: &Desk) -> Vec<String> {
    let listed = all_pages(&desk.api, "/v1/event-types", 200).await;
    listed.iter().map(|row| text(row, "name")).collect()
}

#[tokio::test]
async fn there_are_fifteen_and_clients_may_post_each() {
    let desk = Desk::open().await;
    let mut known = names(&desk).await;
    known.sort();
    let mut expected = BUILT_IN.to_vec();
    expected.sort_unstable();
    assert_eq!(known, expected);
    for name in BUILT_IN {
        desk.send(name, json!({})).await;
    }
}

#[tokio::test]
async fn an_added_type_is_the_workspaces_own_and_works_at_once() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let body = json!({"type": "order.shipped", "data": {}});
    desk.api
        .post("/v1/events", &body)
        .await
        .refused_at(&["body.type"]);
    let made = desk
        .api
        .post(
            "/v1/event-types",
            &json!({"name": "order.shipped", "description": "It left."}),
        )
        .await
        .ok(201);
    assert_eq!(
        (text(&made, "name"), text(&made, "description")),
        ("order.shipped".into(), "It left.".into())
    );
    desk.hook(&receiver, &["order.shipped"]).await;
    desk.api.post("/v1/events", &body).await.ok(202);
    assert_eq!(receiver.only().await.header("x-sentinel-event"), "order.shipped");
    assert!(names(&desk).await.contains(&"order.shipped".to_owned()));
    desk.api.get("/v1/events?type=order.shipped").await.ok(200);
    let other = Desk::open().await;
    other
        .api
        .post("/v1/events", &body)
        .await
        .refused_at(&["body.type"]);
    assert!(!names(&other).await.contains(&"order.shipped".to_owned()));
    other
        .api
        .post(
            "/v1/event-types",
            &json!({"name": "order.shipped", "description": ""}),
        )
        .await
        .ok(201);
}

#[tokio::test]
async fn a_name_is_taken_once_and_well_formed() {
    let desk = Desk::open().await;
    let add = async |name: Value| {
        desk.api
            .post("/v1/event-types", &json!({"name": name, "description": "x"}))
            .await
    };
    add(json!("a_1.b.c_2")).await.ok(201);
    add(json!("a_1.b.c_2")).await.problem(409, "type_taken");
    add(json!("deal.won")).await.problem(409, "type_taken");
    add(json!(format!("a.{}", "b".repeat(98)))).await.ok(201);
    let long = format!("a.{}", "b".repeat(99));
    for name in [
        "",
        "a",
        "a.",
        ".a",
        "a..b",
        "A.b",
        "a-b.c",
        "a.b ",
        "ü.b",
        "*",
        long.as_str(),
    ] {
        add(json!(name)).await.refused_at(&["body.name"]);
    }
    add(json!(7)).await.refused_at(&["body.name"]);
    desk.api
        .post("/v1/event-types", &json!({"x": 1}))
        .await
        .refused_at(&["body.description", "body.name", "body.x"]);
}

#[tokio::test]
async fn reading_and_adding_are_scopes_of_events() {
    let desk = Desk::open().await;
    let reader = desk.with_scopes(&["events:read"]).await;
    reader.get("/v1/event-types").await.ok(200);
    reader
        .post("/v1/event-types", &json!({"name": "a.b", "description": ""}))
        .await
        .problem(403, "scope_missing");
    let writer = desk.with_scopes(&["events:write"]).await;
    writer.get("/v1/event-types").await.problem(403, "scope_missing");
    writer
        .post("/v1/event-types", &json!({"name": "a.b", "description": ""}))
        .await
        .ok(201);
}
