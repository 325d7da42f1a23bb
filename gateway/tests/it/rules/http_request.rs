//! `http.request`: from the event to the recorded outcome, to the byte.

use serde_json::json;

use super::{rule, rule_with, url};
use stage::{Act, Desk, Receiver, desk::a_moment, desk::text};

#[tokio::test]
async fn the_request_is_what_the_templates_say() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let rule = rule(
        &desk,
        &["deal.won"],
        json!({
            "method": "PUT",
            "url": url(&receiver, "/deals/{{data.record.key}}?from=rule"),
            "query": {"name": "{{data.record.name}}", "absent": "{{data.nothing}}"},
            "headers": {"X-Deal": "{{event.type | upper}}", "X-Type": "{{event.type}}"},
            "json": {
                "amount": "{{data.record.amount}}",
                "delivery": "{{delivery.id}}",
                "event": "{{event.id}}",
                "gone": "{{data.nothing}}",
                "tags": [{"$each": "data.tags", "$do": {"tag": "{{item}}"}}],
                "text": "{{data.record.name}} is won: {{data.record.note ?? 'no note'}}",
            },
        }),
    )
    .await;
    let data = json!({
        "record": {"key": "a/b ü", "name": "said \"hi\"\n{{data.record.key}}", "amount": 12_345_678_901_234_567_u64},
        "tags": ["x", "<y>"],
    });
    let event = desk.send("deal.won", data).await;
    let received = receiver.only().await;
    let delivery = desk.delivery_that(&event, "succeeded").await;
    let id = text(&delivery, "id");
    assert_eq!(
        received.line,
        "PUT /deals/a%2Fb%20%C3%BC?from=rule&name=said+%22hi%22%0A%7B%7Bdata.record.key%7D%7D HTTP/1.1"
    );
    let text_sent = r#""text":"said \"hi\"\n{{data.record.key}} is won: no note""#;
    let body = format!(
        r#"{{"amount":12345678901234567,"delivery":"{id}","event":"{event}","tags":[{{"tag":"x"}},{{"tag":"<y>"}}],{text_sent}}}"#
    );
    assert_eq!(received.text(), body);
    let names: Vec<&str> = received.headers.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "x-deal",
            "x-type"
        ]
    );
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(received.header("host"), receiver.address().to_string());
    assert_eq!(received.header("x-type"), "deal.won");
    assert_eq!(received.header("x-deal"), "DEAL.WON");
    assert_eq!(
        (
            &delivery["webhook_id"],
            &delivery["rule_id"],
            &delivery["rule_revision"]
        ),
        (&json!(null), &json!(rule.id), &json!(1))
    );
    assert_eq!(
        (&delivery["request_body"], &delivery["test"]),
        (&json!(null), &json!(false))
    );
    let sent = &delivery["attempts"][0]["request"];
    assert_eq!(
        (&sent["method"], sent["body"].as_str()),
        (&json!("PUT"), Some(body.as_str()))
    );
    assert_eq!(
        text(sent, "url"),
        url(
            &receiver,
            "/deals/a%2Fb%20%C3%BC?from=rule&name=said+%22hi%22%0A%7B%7Bdata.record.key%7D%7D"
        )
    );
    let listed = desk.api.get(&rule.at("deliveries")).await.ok(200);
    assert_eq!(
        (&listed["data"][0]["id"], &listed["data"][0]["rule_id"]),
        (&json!(id), &json!(rule.id))
    );
    let of_event = desk.deliveries_of(&event).await;
    assert_eq!(
        (&of_event[0]["rule_id"], &of_event[0]["webhook_id"]),
        (&json!(rule.id), &json!(null))
    );
}

#[tokio::test]
async fn a_value_that_cannot_stand_there_fails_at_once() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let input = json!({"url": url(&receiver, "/a/{{data.id}}/b"), "headers": {"X-Name": "{{data.name}}"}});
    rule(&desk, &["deal.won"], input).await;
    for (data, place) in [
        (json!({"id": "..", "name": "x"}), "input.url"),
        (json!({"id": "", "name": "x"}), "input.url"),
        (json!({"id": "1", "name": "a\r\nX-Evil: 1"}), "headers.x-name"),
        (json!({"id": "1", "name": "ü"}), "headers.x-name"),
    ] {
        let event = desk.send("deal.won", data).await;
        let delivery = desk.delivery_that(&event, "failed").await;
        assert_eq!(delivery["attempt_count"], 1);
        assert_eq!(delivery["last_error_code"], "template_failed");
        let attempt = &delivery["attempts"][0];
        assert_eq!(
            (&attempt["error_code"], &attempt["status_code"]),
            (&json!("template_failed"), &json!(null))
        );
        let detail = text(attempt, "error_detail");
        assert!(detail.to_lowercase().contains(place), "{detail}");
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn forms_and_methods() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let input = json!({
        "method": "{{data.method}}", "url": url(&receiver, "/form"),
        "form": {"text": "{{data.text}}", "none": "{{data.none}}"},
    });
    rule(&desk, &["deal.won"], input).await;
    desk.send("deal.won", json!({"method": "patch", "text": "a&b=c ü"}))
        .await;
    let received = receiver.only().await;
    assert_eq!(received.line, "PATCH /form HTTP/1.1");
    assert_eq!(received.text(), "text=a%26b%3Dc+%C3%BC");
    assert_eq!(
        received.header("content-type"),
        "application/x-www-form-urlencoded"
    );
}

#[tokio::test]
async fn it_is_tried_again_with_a_request_made_anew() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Close, Act::Status(500), Act::Status(204)]).await;
    let input = json!({"url": url(&receiver, "/"), "json": {"id": "{{delivery.id}}", "n": "{{data.n}}"}});
    rule(&desk, &["deal.won"], input).await;
    let event = desk.send("deal.won", json!({"n": 1})).await;
    let delivery = desk.delivery_that(&event, "succeeded").await;
    assert_eq!(delivery["attempt_count"], 3);
    let attempts = delivery["attempts"].as_array().expect("attempts");
    let codes: Vec<_> = attempts.iter().map(|one| one["error_code"].clone()).collect();
    assert_eq!(codes, [json!("closed"), json!("http_status"), json!(null)]);
    let bodies: Vec<String> = receiver
        .received()
        .iter()
        .map(|one| one.text().to_owned())
        .collect();
    let body = format!(r#"{{"id":"{}","n":1}}"#, text(&delivery, "id"));
    assert_eq!(bodies, [body.clone(), body.clone(), body]);
}

#[tokio::test]
async fn rules_and_webhooks_get_events_beside_each_other() {
    let desk = Desk::open().await;
    let (receiver, hooked) = (Receiver::start().await, Receiver::start().await);
    desk.hook(&hooked, &["deal.won"]).await;
    let more = json!({"filter": {"amount": 15}});
    let input = json!({"url": url(&receiver, "/")});
    let rule = rule_with(&desk, &["deal.*"], input, more).await;
    desk.send("deal.won", json!({"amount": 5})).await;
    let event = desk.send("deal.won", json!({"amount": 15})).await;
    hooked.wait_for(2).await;
    let received = receiver.only().await;
    assert_eq!((received.line.as_str(), received.text()), ("POST / HTTP/1.1", ""));
    let deliveries = desk.deliveries_of(&event).await;
    assert_eq!(deliveries.len(), 2);
    desk.api.delete(&rule.path()).await.no_content();
    desk.send("deal.won", json!({"amount": 15})).await;
    hooked.wait_for(3).await;
    a_moment().await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn what_one_instance_is_told_the_other_does() {
    let (_gateways, _database, desk) = Desk::own_pair(&[]).await;
    let receiver = Receiver::start().await;
    let rule = rule(&desk, &["deal.won"], json!({"url": url(&receiver, "/one")})).await;
    a_moment().await;
    for _ in 0..4 {
        desk.send("deal.won", json!({})).await;
    }
    receiver.wait_for(4).await;
    let changed = json!({"input": {"url": url(&receiver, "/two")}});
    let shown = desk.api.patch(&rule.path(), &changed).await.ok(200);
    assert_eq!(shown["revision"], 2);
    a_moment().await;
    for _ in 0..4 {
        let event = desk.send("deal.won", json!({})).await;
        let delivery = desk.delivery_that(&event, "succeeded").await;
        assert_eq!(delivery["rule_revision"], 2);
    }
    let lines: Vec<String> = receiver
        .received()
        .iter()
        .skip(4)
        .map(|one| one.line.clone())
        .collect();
    assert_eq!(lines, ["POST /two HTTP/1.1"; 4]);
}

#[tokio::test]
async fn events_of_one_key_come_one_after_another() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(500), Act::Status(200)]).await;
    let input = json!({"url": url(&receiver, "/{{data.n}}")});
    rule_with(&desk, &["deal.won"], input, json!({"ordering": "by_key"})).await;
    for n in 1..=3 {
        let body = json!({"type": "deal.won", "data": {"n": n}, "ordering_key": "k"});
        desk.api.post("/v1/events", &body).await.ok(202);
    }
    let lines: Vec<String> = receiver
        .wait_for(4)
        .await
        .iter()
        .map(|one| one.line.clone())
        .collect();
    let expected = [
        "POST /1 HTTP/1.1",
        "POST /1 HTTP/1.1",
        "POST /2 HTTP/1.1",
        "POST /3 HTTP/1.1",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_delivery_is_redelivered_by_the_present_rule() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let rule = rule(&desk, &["deal.won"], json!({"url": url(&receiver, "/one")})).await;
    let event = desk.send("deal.won", json!({})).await;
    let first = desk.delivery_that(&event, "succeeded").await;
    let changed = json!({"input": {"url": url(&receiver, "/two")}});
    desk.api.patch(&rule.path(), &changed).await.ok(200);
    let path = format!("/v1/deliveries/{}/redeliver", text(&first, "id"));
    let started = desk.api.post_nothing(&path).await.ok(202);
    let second = desk
        .wait_for_delivery(&text(&started, "delivery_id"), "succeeded")
        .await;
    assert_eq!(
        (&second["redelivery_of"], &second["rule_id"]),
        (&first["id"], &json!(rule.id))
    );
    assert_eq!(second["rule_revision"], 2);
    assert_eq!(receiver.received()[1].line, "POST /two HTTP/1.1");
    desk.api.delete(&rule.path()).await.no_content();
    desk.api.post_nothing(&path).await.problem(404, "not_found");
}
