//! The delivery log: lists, filters, and what a single delivery tells.

use serde_json::{Value, json};

use stage::{Act, Desk, Receiver, SOON, desk::all_pages, desk::text, eventually};

async fn list(desk: &Desk, path: &str) -> Vec<Value> {
    desk.api.get(path).await.ok(200)["data"]
        .as_array()
        .expect("data")
        .clone()
}

#[tokio::test]
async fn newest_30_and_by_status() {
    let desk = Desk::open().await;
    let receiver =
        Receiver::deciding(
            |_, received| match received.json()["data"]["n"].as_u64().expect("n") % 4 {
                0 => Act::Status(500),
                _ => Act::Status(200),
            },
        )
        .await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"max_attempts": 1}))
        .await;
    let mut sent = Vec::new();
    for n in 0..36 {
        sent.push(desk.send("deal.won", json!({"n": n})).await);
    }
    sent.reverse();
    let path = hook.at("deliveries");
    eventually("all are recorded", SOON, || async {
        let pending = list(&desk, &format!("{path}?status=pending")).await.len();
        pending == 0 && list(&desk, &format!("{path}?limit=200")).await.len() == 36
    })
    .await;
    assert_eq!(list(&desk, &path).await.len(), 30);
    let events = |rows: &[Value]| rows.iter().map(|row| text(row, "event_id")).collect::<Vec<_>>();
    assert_eq!(events(&all_pages(&desk.api, &path, 7).await), sent);
    assert_eq!(list(&desk, &format!("{path}?status=failed")).await.len(), 9);
    assert_eq!(
        all_pages(&desk.api, &format!("{path}?status=succeeded"), 10)
            .await
            .len(),
        27
    );
    assert_eq!(
        list(&desk, &format!("{path}?status=failed,succeeded&limit=200"))
            .await
            .len(),
        36
    );
    for row in list(&desk, &path).await {
        for field in ["id", "event_id", "webhook_id", "type", "status", "created_at"] {
            assert!(row[field].is_string(), "{field}: {row}");
        }
        assert!(text(&row, "id").starts_with("dlv_"));
        assert_eq!(row["attempt_count"], 1);
    }
    for wrong in ["status=lost", "status=", "status=failed,", "limit=0", "x=1"] {
        let place = format!("query.{}", wrong.split('=').next().expect("a name"));
        desk.api
            .get(&format!("{path}?{wrong}"))
            .await
            .refused_at(&[&place]);
    }
}

#[tokio::test]
async fn a_delivery_shows_every_attempt_to_the_millisecond() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![
        Act::saying(503, "busy"),
        Act::saying(200, "thanks").after(std::time::Duration::from_millis(100)),
    ])
    .await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let id = desk.send("deal.won", json!({"n": 1})).await;
    let delivery = desk.delivery_that(&id, "succeeded").await;
    assert_eq!(delivery["webhook_id"], hook.id.as_str());
    assert_eq!(delivery["event_id"], id.as_str());
    assert_eq!(delivery["type"], "deal.won");
    assert_eq!(delivery["redelivery_of"], json!(null));
    assert_eq!(delivery["attempt_count"], 2);
    assert_eq!(
        delivery["request_body"].as_str(),
        Some(receiver.received()[0].text())
    );
    let attempts = delivery["attempts"].as_array().expect("attempts");
    assert_eq!(attempts[0]["response_body"], "busy");
    assert_eq!(attempts[1]["response_body"], "thanks");
    assert!(text(&attempts[0], "at") < text(&attempts[1], "at"));
    let of = |attempt: &Value, field: &str| attempt[field].as_f64();
    for attempt in attempts {
        for field in ["dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "total_ms"] {
            assert!(attempt.get(field).is_some(), "{field}: {attempt}");
        }
        assert_eq!(attempt["tls_ms"], json!(null), "no TLS, no time");
        let (first_byte, total) = (of(attempt, "first_byte_ms"), of(attempt, "total_ms"));
        assert!(first_byte.is_some() && total >= first_byte, "{attempt}");
    }
    assert!(
        of(&attempts[0], "connect_ms").is_some(),
        "the first attempt has to connect"
    );
    assert!(
        of(&attempts[1], "first_byte_ms") >= Some(100.0),
        "{}",
        attempts[1]
    );
}

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    for nth in 0..10 {
        desk.send("deal.won", json!({"n": nth})).await;
        receiver.wait_for(nth + 1).await;
    }
    assert!(
        receiver.connection_count() < 5,
        "{} connections for 10 requests in turn",
        receiver.connection_count()
    );
}

#[tokio::test]
async fn an_endpoint_that_is_down_comes_back() {
    let desk = Desk::open().await;
    let address = Receiver::start().await.stop().await;
    let body =
        json!({"name": "x", "url": format!("http://{address}/"), "events": ["deal.won"], "max_attempts": 50});
    desk.api.post("/v1/webhooks", &body).await.ok(201);
    let mut sent = Vec::new();
    for nth in 0..20 {
        sent.push(desk.send("deal.won", json!({"n": nth})).await);
    }
    let failing = desk
        .delivery_when(&sent[0], |delivery| delivery["attempt_count"].as_u64() > Some(1))
        .await;
    assert_eq!(failing["attempts"][0]["error_code"], "connect_failed");
    let receiver = Receiver::at(address, |_, _| Act::Status(200)).await;
    for id in &sent {
        desk.delivery_that(id, "succeeded").await;
    }
    let mut arrived: Vec<String> = receiver
        .received()
        .iter()
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    arrived.sort();
    sent.sort();
    assert_eq!(arrived, sent, "each once");
}
