//! Cursors that are not ours, or of another list.

use serde_json::json;

use stage::{Desk, desk::text};

#[tokio::test]
async fn a_cursor_fits_its_own_list_and_filters_alone() {
    let desk = Desk::open().await;
    for nth in 0..3 {
        desk.send("deal.won", json!({"n": nth})).await;
        desk.send("deal.lost", json!({"n": nth})).await;
    }
    let refused = async |path: &str| {
        let places = desk.api.get(path).await.faults("cursor_invalid");
        assert_eq!(places, ["query.cursor"], "{path}");
    };
    for nonsense in ["x", "", "bm9wZQ", "evt_0198c0de-0000-7000-8000-000000000001"] {
        refused(&format!("/v1/events?cursor={nonsense}")).await;
    }
    let cursor = text(
        &desk.api.get("/v1/events?type=deal.won&limit=1").await.ok(200),
        "next_cursor",
    );
    desk.api
        .get(&format!("/v1/events?type=deal.won&limit=2&cursor={cursor}"))
        .await
        .ok(200);
    refused(&format!("/v1/events?type=deal.lost&cursor={cursor}")).await;
    refused(&format!("/v1/events?cursor={cursor}")).await;
    refused(&format!("/v1/api-keys?cursor={cursor}")).await;
    let other = Desk::open().await;
    let reply = other
        .api
        .get(&format!("/v1/events?type=deal.won&cursor={cursor}"))
        .await;
    assert_eq!(
        reply.faults("cursor_invalid"),
        ["query.cursor"],
        "another workspace's"
    );
}
