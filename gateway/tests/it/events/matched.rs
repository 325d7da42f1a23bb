//! Which events got a delivery, and why others did not.

use serde_json::{Value, json};

use stage::{Desk, Receiver, SOON, desk::all_pages, desk::text, eventually};

#[tokio::test]
async fn events_by_time_and_by_match() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    let mut sent = Vec::new();
    for label in ["deal.won", "deal.lost", "deal.won", "deal.lost"] {
        sent.push(desk.send(label, json!({})).await);
    }
    let found = async |query: &str| {
        let rows = all_pages(&desk.api, &format!("/v1/events?{query}"), 1).await;
        let number = |row: &Value| sent.iter().position(|id| *id == text(row, "id")).expect("sent");
        rows.iter().map(number).collect::<Vec<_>>()
    };
    eventually("both have a delivery", SOON, || async {
        found("matched=true").await == [2, 0]
    })
    .await;
    assert_eq!(found("matched=false").await, [3, 1]);
    assert_eq!(found("matched=false&type=deal.won").await, [0; 0]);
    let shown = desk.api.get(&format!("/v1/events/{}", sent[2])).await.ok(200);
    let at = text(&shown, "accepted_at");
    assert_eq!(found(&format!("since={at}")).await, [3, 2]);
    assert_eq!(found(&format!("until={at}&matched=true")).await, [0]);
    for (wrong, place) in [
        ("matched=yes", "query.matched"),
        ("since=now", "query.since"),
        (
            "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
            "query.until",
        ),
    ] {
        desk.api
            .get(&format!("/v1/events?{wrong}"))
            .await
            .refused_at(&[place]);
    }
}

/// Where far more events are not wanted than are, a page may end early; all pages together have everything.
#[tokio::test]
async fn a_page_that_ends_early_goes_on() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    let id = desk.send("deal.won", json!({})).await;
    desk.delivery_that(&id, "succeeded").await;
    database
        .run(
            "insert into events (id, workspace_id, type, owner, data)
             select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || '7'
                     || substr(replace(gen_random_uuid()::text, '-', ''), 14, 19))::uuid,
                    e.workspace_id, e.type, e.owner, '{}' from generate_series(1, 1300), (select * from events limit 1) e",
        )
        .await;
    let first = desk.api.get("/v1/events?matched=true").await.ok(200);
    assert_eq!(first["data"], json!([]));
    let found = all_pages(&desk.api, "/v1/events?matched=true", 10).await;
    assert_eq!(found.len(), 1);
    assert_eq!(text(&found[0], "id"), id);
    assert_eq!(
        all_pages(&desk.api, "/v1/events?matched=false", 200).await.len(),
        1300
    );
}

#[tokio::test]
async fn why_a_webhook_got_nothing() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let got = desk.hook(&receiver, &["deal.won"]).await;
    let disabled = desk.hook(&receiver, &["deal.won"]).await;
    desk.api
        .patch(&disabled.path(), &json!({"enabled": false}))
        .await
        .ok(200);
    let other = desk.hook(&receiver, &["deal.lost"]).await;
    let prefix = desk.hook(&receiver, &["contact.*"]).await;
    let filtered = desk
        .hook_with(&receiver, &["*"], json!({"filter": {"stage": "open"}}))
        .await;
    // Both hold; the first of the reasons is given.
    let both = desk.hook(&receiver, &["deal.lost"]).await;
    desk.api
        .patch(&both.path(), &json!({"enabled": false}))
        .await
        .ok(200);
    let id = desk.send("deal.won", json!({"stage": "won"})).await;
    desk.delivery_that(&id, "succeeded").await;
    let later = desk.hook(&receiver, &["deal.won"]).await;
    let shown = desk.api.get(&format!("/v1/events/{id}")).await.ok(200);
    assert_eq!(shown["deliveries"][0]["webhook_id"], got.id.as_str());
    let expected = json!([
        {"webhook_id": disabled.id, "reason": "disabled"},
        {"webhook_id": other.id, "reason": "type"},
        {"webhook_id": prefix.id, "reason": "type"},
        {"webhook_id": filtered.id, "reason": "filter"},
        {"webhook_id": both.id, "reason": "disabled"},
        {"webhook_id": later.id, "reason": "created_later"},
    ]);
    assert_eq!(shown["unmatched"], expected);
    // Reckoned from the present settings; and one that has a delivery is never among them.
    desk.api
        .patch(&got.path(), &json!({"enabled": false}))
        .await
        .ok(200);
    desk.api
        .patch(&disabled.path(), &json!({"enabled": true}))
        .await
        .ok(200);
    let shown = desk.api.get(&format!("/v1/events/{id}")).await.ok(200);
    let ids: Vec<String> = shown["unmatched"]
        .as_array()
        .expect("webhooks")
        .iter()
        .map(|webhook| text(webhook, "webhook_id"))
        .collect();
    assert!(!ids.contains(&got.id) && !ids.contains(&disabled.id), "{ids:?}");
}
