//! `GET /v1/events` and `GET /v1/events/{id}`.

use serde_json::{Value, json};

use crate::stage::{Desk, desk::all_pages, desk::text};

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| text(row, "id")).collect()
}

#[tokio::test]
async fn newest_first_by_type_and_page_by_page() {
    let desk = Desk::open().await;
    let mut sent = Vec::new();
    for nth in 0..7 {
        let label = if nth % 2 == 0 { "deal.won" } else { "deal.lost" };
        sent.push(desk.send(label, json!({"nth": nth})).await);
    }
    sent.reverse();
    assert_eq!(ids(&all_pages(&desk.api, "/v1/events", 2).await), sent);
    let won: Vec<String> = sent.iter().step_by(2).cloned().collect();
    assert_eq!(
        ids(&all_pages(&desk.api, "/v1/events?type=deal.won", 3).await),
        won
    );
    assert_eq!(
        all_pages(&desk.api, "/v1/events?type=deal.created", 3).await,
        Vec::<Value>::new()
    );
    let first = desk.api.get("/v1/events?limit=1").await.ok(200);
    let shown = desk.api.get(&format!("/v1/events/{}", sent[0])).await.ok(200);
    assert_eq!(first["data"][0], shown);
}

#[tokio::test]
async fn another_workspaces_events_are_not_there() {
    let (mine, theirs) = (Desk::open().await, Desk::open().await);
    let id = theirs.send("deal.won", json!({})).await;
    theirs
        .api
        .post(
            "/v1/events",
            &json!({"type": "deal.won", "data": {}, "id": "named"}),
        )
        .await
        .ok(202);
    mine.api
        .get(&format!("/v1/events/{id}"))
        .await
        .problem(404, "not_found");
    mine.api.get("/v1/events/named").await.problem(404, "not_found");
    assert_eq!(
        mine.api.get("/v1/events").await.ok(200),
        json!({"data": [], "next_cursor": null})
    );
    mine.api
        .get("/v1/events/evt_0198c0de-0000-7000-8000-000000000001")
        .await
        .problem(404, "not_found");
}
