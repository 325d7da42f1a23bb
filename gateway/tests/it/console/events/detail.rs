//! The page of an event: its exact data, who was told, and who was not and why.

use serde_json::json;
use stage::Desk;
use stage::desk::text;

use crate::console::browser::Browser;
use crate::console::every_page::check;

const MARKUP: &str = "<img src=x onerror=alert(1)>";

#[tokio::test]
async fn an_event_shows_its_data_who_was_told_and_who_was_not() {
    let desk = Desk::open().await;
    let hook = json!({"name": MARKUP, "url": "http://127.0.0.1:9/", "events": ["deal.won"]});
    let told = text(&desk.api.post("/v1/webhooks", &hook).await.ok(201), "id");
    let hook = json!({"name": "other", "url": "http://127.0.0.1:9/", "events": ["deal.lost"]});
    desk.api.post("/v1/webhooks", &hook).await.ok(201);
    let event = json!({"type": "deal.won", "id": "deal-1", "data": {"note": MARKUP}});
    desk.api.post("/v1/events", &event).await.ok(202);
    desk.delivery_when("deal-1", |_| true).await;
    let mut browser = Browser::at(&desk).await;

    let path = "/integrations/events/deal-1";
    let page = browser.page(path).await;
    check(path, &page);
    assert_eq!(page.one("h1").text(), "deal-1");
    let data = page.by_id("exact").expect("the data").text();
    assert_eq!(data, json!({"note": MARKUP}).to_string());
    let name = page.saying("a", MARKUP).expect("the webhook that was told");
    let href = format!("/integrations/webhooks/{told}");
    assert_eq!(name.attribute("href"), Some(href));
    assert!(page.saying("a", "other").is_some() && page.saying("h2", "Not sent to").is_some());
    assert!(
        page.one("main")
            .text()
            .contains("It does not want events of this type.")
    );

    let event = json!({"type": "ticket.created", "data": {}});
    let alone = text(&desk.api.post("/v1/events", &event).await.ok(202), "id");
    let page = browser.page(&format!("/integrations/events/{alone}")).await;
    assert!(page.one("main").text().contains("No endpoint matched."));
    assert_eq!(page.fact("Deliveries").as_deref(), Some("no endpoint matched"));
    assert_eq!(browser.get("/integrations/events/deal-2").await.status, 404);
}
