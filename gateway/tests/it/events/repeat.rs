//! A client's own id makes a repeat harmless.

use serde_json::{Value, json};

use stage::desk::{a_moment, text};
use stage::{Desk, Pair, Receiver};

#[tokio::test]
async fn a_repeat_with_other_content_gets_the_first() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["*"]).await;
    let first = desk
        .api
        .post(
            "/v1/events",
            &json!({"type": "deal.won", "data": {"n": 1}, "id": "order-1"}),
        )
        .await
        .ok(202);
    let again = json!({"type": "deal.lost", "data": {"n": 2}, "id": "order-1", "occurred_at": "2020-01-01T00:00:00Z"});
    let second = desk.api.post("/v1/events", &again).await.ok(202);
    assert_eq!(second, first);
    let received = receiver.only().await;
    assert_eq!(received.json()["id"], "order-1");
    assert_eq!(received.json()["data"], json!({"n": 1}));
    assert_eq!(received.header("webhook-id"), "order-1");
    let listed = desk.api.get("/v1/events").await.ok(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    // Another workspace's ids are its own.
    let other = Desk::open().await;
    let reply = other
        .api
        .post(
            "/v1/events",
            &json!({"type": "deal.won", "data": {}, "id": "order-1"}),
        )
        .await;
    assert_ne!(reply.ok(202)["accepted_at"], first["accepted_at"]);
}

#[tokio::test]
async fn twenty_at_once_on_two_instances_are_one() {
    let pair = Pair::start(&[]).await;
    let (desk, database) = (&pair.desk, &pair.database);
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["*"]).await;
    database.wait_until_known().await;
    for round in 0..5 {
        let sending = (0..20).map(|nth| {
            let api = if nth % 2 == 0 {
                desk.api.clone()
            } else {
                pair.other.clone()
            };
            let body = json!({"type": "deal.won", "data": {"nth": nth}, "id": format!("round-{round}")});
            tokio::spawn(async move { api.post("/v1/events", &body).await.ok(202) })
        });
        let sending: Vec<_> = sending.collect();
        let mut replies: Vec<Value> = Vec::new();
        for task in sending {
            replies.push(task.await.expect("202"));
        }
        assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");
        assert_eq!(replies[0]["id"], format!("round-{round}"));
    }
    receiver.wait_for(5).await;
    a_moment().await;
    assert_eq!(receiver.count(), 5, "each is delivered once");
    database.expect_count("select count(*) from events", 5).await;
    for event in desk.api.get("/v1/events").await.ok(200)["data"]
        .as_array()
        .expect("data")
    {
        let shown = desk
            .api
            .get(&format!("/v1/events/{}", text(event, "id")))
            .await
            .ok(200);
        assert_eq!(shown["deliveries"].as_array().map(Vec::len), Some(1));
    }
}
