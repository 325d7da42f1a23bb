//! Webhooks and their deliveries from the first to the last page, by forms alone.

use serde_json::json;
use stage::desk::text;
use stage::{Desk, Receiver};

use crate::console::browser::Browser;
use crate::console::every_page::check;
use crate::console::html::Page;

const LIST: &str = "/integrations/webhooks";
const NEW: &str = "/integrations/webhooks/new";
const DELIVERIES: &str = "/integrations/deliveries";

async fn form_id(browser: &mut Browser, path: &str) -> String {
    browser.page(path).await.value("form_id").expect("a form's id")
}

#[tokio::test]
async fn a_webhook_is_added_tested_and_its_deliveries_are_sent_again() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let mut browser = Browser::at(&desk).await;
    let id = form_id(&mut browser, NEW).await;
    let bad = [
        ("form_id", id.as_str()),
        ("name", " "),
        ("url", "nowhere"),
        ("filter", "{"),
    ];
    let reply = browser.post(NEW, &bad).await.expect(422);
    let page = Page::parse(reply.text());
    check("422", &page);
    assert!(
        page.role("alert")
            .expect("an alert")
            .starts_with("There is a problem")
    );
    assert_eq!(page.value("url").as_deref(), Some("nowhere"));

    let url = receiver.url();
    let fields = [
        ("form_id", id.as_str()),
        ("name", "shop"),
        ("url", url.as_str()),
        ("events", "deal.won"),
        ("filter", r#"{"amount": 1.0}"#),
    ];
    let reply = browser.post(NEW, &fields).await.expect(200);
    let page = Page::parse(reply.text());
    check("Webhook added", &page);
    assert_eq!(page.one("h1").text(), "Webhook added");
    let secret = page.by_id("secret").and_then(|input| input.attribute("value"));
    assert_eq!(secret.expect("a secret").len(), 64);
    let again = browser.post(NEW, &fields).await.expect(200);
    assert!(
        again
            .text()
            .contains("Already created. The secret cannot be shown again.")
    );

    let page = browser.page(LIST).await;
    let path = page
        .saying("a", "shop")
        .and_then(|link| link.attribute("href"))
        .expect("a link");
    let webhook = path.rsplit('/').next().expect("an id").to_owned();
    let known = desk.api.get(&format!("/v1/webhooks/{webhook}")).await.ok(200);
    assert_eq!(known["filter"], json!({"amount": 1.0}));

    let form = form_id(&mut browser, &path).await;
    let reply = browser.post(&format!("{path}/test"), &[("form_id", &form)]).await;
    let page = browser.follow(&reply).await;
    assert_eq!(
        page.role("status").as_deref(),
        Some("Test event succeeded: HTTP 200")
    );

    let page = browser
        .page(&format!("{DELIVERIES}?status=succeeded&type=&since=2020-01-01"))
        .await;
    check(DELIVERIES, &page);
    let ticks: Vec<String> = page
        .all("label")
        .into_iter()
        .map(|label| label.text())
        .filter(|label| label.starts_with("Select dlv_"))
        .collect();
    assert_eq!(ticks.len(), 1);
    let delivery = ticks[0].trim_start_matches("Select ").to_owned();
    let detail = format!("{DELIVERIES}/{delivery}");
    let page = browser.page(&detail).await;
    check(&detail, &page);
    assert_eq!(page.one("h1").text(), delivery);
    for heading in ["Attempts", "Request body", "Response body"] {
        assert!(page.saying("h2", heading).is_some(), "{heading}");
    }
    let logged = desk.api.get(&format!("/v1/deliveries/{delivery}")).await.ok(200);
    let body = page.by_id("body").expect("the body").text();
    assert_eq!(body, text(&logged, "request_body"));
    assert!(
        page.by_id("curl")
            .expect("a command")
            .text()
            .starts_with("curl -X POST 'http")
    );

    let form = page.value("form_id").expect("an id");
    let reply = browser
        .post(&format!("{detail}/redeliver"), &[("form_id", &form)])
        .await;
    let copy = browser.follow(&reply).await;
    assert!(copy.saying("a", &delivery).is_some(), "it names its original");
    let page = browser.page(&detail).await;
    assert!(
        page.saying("a", &copy.one("h1").text()).is_some(),
        "the original names its copy"
    );

    let form = form_id(&mut browser, DELIVERIES).await;
    let selected = [("form_id", form.as_str()), ("id", delivery.as_str())];
    for _ in 0..2 {
        let reply = browser
            .post(&format!("{DELIVERIES}/redeliver-selected"), &selected)
            .await;
        let page = browser.follow(&reply).await;
        assert!(page.role("status").is_some());
    }
    let copies = browser.page(&detail).await;
    let links = copies
        .all("a")
        .into_iter()
        .filter(|link| link.text().starts_with("dlv_"));
    assert_eq!(links.count(), 2, "the same form twice sends once");
}

#[tokio::test]
async fn a_webhook_is_changed_after_a_question() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let added = json!({"name": "stripe.payout", "description": "x"});
    desk.api.post("/v1/event-types", &added).await.ok(201);
    let body = json!({"name": "shop", "url": "http://127.0.0.1:9/x", "events": ["deal.won", "stripe.*"],
                      "headers": {"authorization": "Basic x"}});
    let made = desk.api.post("/v1/webhooks", &body).await.ok(201);
    let path = format!("{LIST}/{}", text(&made, "id"));
    let page = browser.page(&format!("{path}/edit")).await;
    check("edit", &page);
    let areas = page
        .all("textarea")
        .into_iter()
        .map(|area| area.text())
        .collect::<Vec<_>>();
    assert_eq!(areas, ["stripe.*", "", "authorization: ••••"]);
    let form = page.value("form_id").expect("an id");
    let fields = [
        ("form_id", form.as_str()),
        ("name", "store"),
        ("url", "http://127.0.0.1:9/x"),
        ("events", "deal.won"),
        ("other_events", "stripe.*"),
        ("headers", "authorization: ••••"),
        ("max_attempts", "3"),
    ];
    let reply = browser.post(&format!("{path}/edit"), &fields).await;
    assert_eq!(browser.follow(&reply).await.one("h1").text(), "store");
    let known = desk
        .api
        .get(&format!("/v1/webhooks/{}", text(&made, "id")))
        .await
        .ok(200);
    assert_eq!(
        (&known["max_attempts"], &known["events"]),
        (&json!(3), &json!(["deal.won", "stripe.*"]))
    );
    assert!(
        known["headers"]["authorization"].is_string(),
        "a mask stands for what is stored"
    );

    for (verb, said) in [("disable", "disabled"), ("enable", "healthy")] {
        let form = form_id(&mut browser, &format!("{path}/{verb}")).await;
        let reply = browser
            .post(&format!("{path}/{verb}"), &[("form_id", &form)])
            .await;
        let page = browser.follow(&reply).await;
        assert!(page.one("main").text().contains(said), "{verb}");
    }
    let page = browser.page(&format!("{path}/rotate")).await;
    assert_eq!(page.one("h1").text(), "Rotate store?");
    let form = page.value("form_id").expect("an id");
    let rotate = [("form_id", form.as_str()), ("overlap_seconds", "3600")];
    let reply = browser.post(&format!("{path}/rotate"), &rotate).await.expect(200);
    let secret = Page::parse(reply.text())
        .by_id("secret")
        .and_then(|input| input.attribute("value"));
    assert_ne!(secret, Some(text(&made, "secret")));
    let form = form_id(&mut browser, &format!("{path}/delete")).await;
    let reply = browser
        .post(&format!("{path}/delete"), &[("form_id", &form)])
        .await;
    assert_eq!(browser.follow(&reply).await.one("h1").text(), "Webhooks");
    assert_eq!(browser.get(&path).await.status, 404);
}
