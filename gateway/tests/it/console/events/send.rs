//! `Send event`: a type and data as JSON, accepted once, and faults at the fields.

use serde_json::json;
use stage::desk::text;
use stage::{Desk, Receiver};

use crate::console::browser::Browser;
use crate::console::every_page::check;
use crate::console::html::Page;

const LIST: &str = "/integrations/events";
const NEW: &str = "/integrations/events/new";

#[tokio::test]
async fn an_event_is_sent_once_with_its_data_to_the_last_digit() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    let mut browser = Browser::at(&desk).await;
    let page = browser.page(NEW).await;
    check(NEW, &page);
    let options: Vec<String> = page
        .all("option")
        .iter()
        .filter_map(|choice| choice.attribute("value"))
        .collect();
    assert_eq!(options[0], "", "nobody sends what they did not choose");
    assert!(options.contains(&"deal.won".to_owned()), "{options:?}");
    assert!(
        !options.contains(&"delivery.failed".to_owned()),
        "clients cannot send it"
    );
    let form = page.value("form_id").expect("a form's id");
    let data = r#"{"amount": 18400.00, "id": 12345678901234567890}"#;
    let fields = [("form_id", form.as_str()), ("type", "deal.won"), ("data", data)];
    let reply = browser.post(NEW, &fields).await;
    let page = browser.follow(&reply).await;
    assert_eq!(page.role("status").as_deref(), Some("The event is accepted."));
    let id = page.one("h1").text();
    assert_eq!(reply.header("location"), Some(format!("{LIST}/{id}").as_str()));
    assert_eq!(page.by_id("exact").expect("the data").text(), data);
    // A double click.
    let again = browser.post(NEW, &fields).await;
    assert_eq!(again.header("location"), reply.header("location"));
    desk.delivery_that(&id, "succeeded").await;
    let listed = desk.api.get("/v1/events").await.ok(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    let bodies: Vec<String> = receiver
        .received()
        .iter()
        .map(|sent| String::from_utf8_lossy(&sent.body).into_owned())
        .collect();
    assert!(bodies.iter().any(|body| body.contains(data)), "{bodies:?}");
}

#[tokio::test]
async fn what_is_wrong_stands_at_its_field_and_what_was_typed_stays() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let form = browser.page(NEW).await.value("form_id").expect("a form's id");
    for (label, data, field) in [
        ("deal.won", "{", "data"),
        ("deal.won", "", "data"),
        ("deal.won", "[1]", "data"),
        ("deal.won", "{} , \"id\": 1", "data"),
        ("", "{}", "type"),
        ("no.such", "{}", "type"),
        ("delivery.failed", "{}", "type"),
    ] {
        let fields = [("form_id", form.as_str()), ("type", label), ("data", data)];
        let reply = browser.post(NEW, &fields).await;
        assert_eq!(reply.status, 422, "{label} {data}: {}", reply.text());
        let page = Page::parse(reply.text());
        check(NEW, &page);
        assert!(
            page.role("alert")
                .expect("an alert")
                .starts_with("There is a problem")
        );
        let input = page.by_id(field).expect("the field");
        assert_eq!(
            input.attribute("aria-invalid").as_deref(),
            Some("true"),
            "{label} {data}"
        );
        assert_eq!(page.by_id("data").expect("the data").text(), data.trim());
        assert_eq!(page.value("form_id"), Some(form.clone()));
    }
    let fields = [("form_id", form.as_str()), ("type", "deal.won"), ("data", "{}")];
    assert_eq!(
        browser.post(NEW, &fields).await.status,
        303,
        "it may be sent again, mended"
    );
    let listed = desk.api.get("/v1/events").await.ok(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    let nameless = [("type", "deal.won"), ("data", "{}")];
    assert_eq!(browser.post(NEW, &nameless).await.status, 422);
}

#[tokio::test]
async fn who_may_only_send_may_still_send() {
    let desk = Desk::open().await;
    let own = json!({"name": "stripe.paid", "description": "x"});
    desk.api.post("/v1/event-types", &own).await.ok(201);
    let key = desk
        .make_key(&json!({"name": "sender", "scopes": ["events:write"]}))
        .await;
    let mut browser = Browser::with_key(desk.api.address, &text(&key, "key")).await;
    let page = browser.page(NEW).await;
    let form = page.value("form_id").expect("a form's id");
    let fields = [
        ("form_id", form.as_str()),
        ("type", "stripe.paid"),
        ("data", "{}"),
    ];
    let reply = browser.post(NEW, &fields).await;
    // The event's page needs events:read.
    let page = browser.follow(&reply).await;
    check(NEW, &page);
    let said = page.role("status").expect("a notice");
    assert!(said.starts_with("The event is accepted: evt_"), "{said}");
    assert_eq!(page.one("h1").text(), "Send event");
}
