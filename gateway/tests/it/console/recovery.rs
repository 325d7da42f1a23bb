//! Sending many deliveries again: counted first, then done as counted, then watched.

use serde_json::json;
use stage::{Act, Desk, Hook, Receiver, SOON, eventually};

use super::browser::Browser;
use super::every_page::check;
use super::html::Page;

const DELIVERIES: &str = "/integrations/deliveries";
const MATCHING: &str = "/integrations/deliveries/redeliver";

/// A webhook whose receiver refuses the first two requests and takes the others, with two failed deliveries.
async fn two_failed(desk: &Desk) -> (Receiver, Hook) {
    let acts = [503, 503, 200].map(Act::Status);
    let receiver = Receiver::scripted(acts.into()).await;
    let more = json!({"max_attempts": 1, "name": "shop"});
    let hook = desk.hook_with(&receiver, &["deal.won", "deal.lost"], more).await;
    for label in ["deal.won", "deal.lost"] {
        let event = desk.send(label, json!({})).await;
        desk.delivery_that(&event, "failed").await;
    }
    (receiver, hook)
}

/// The hidden fields of the form with a button that says so.
#[track_caller]
fn fields(page: &Page, button: &str) -> Vec<(String, String)> {
    let forms = page.all("form").into_iter();
    let mut inside = forms.map(|form| form.inside());
    let says = |inside: &Vec<super::html::Element>| inside.iter().any(|field| field.text() == button);
    let inside = inside.find(says).expect(button);
    let inputs = inside.iter().filter(|field| field.tag() == "input");
    inputs
        .filter_map(|field| Some((field.attribute("name")?, field.attribute("value")?)))
        .collect()
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = fields.iter();
    pairs
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// Every delivery of the desk that repeats another.
async fn copies(desk: &Desk) -> usize {
    let listed = desk.api.get("/v1/deliveries").await.ok(200);
    let all = listed["data"].as_array().expect("deliveries").iter();
    all.filter(|delivery| !delivery["redelivery_of"].is_null())
        .count()
}

#[tokio::test]
async fn what_failed_is_counted_sent_again_once_and_watched() {
    let desk = Desk::open().await;
    let (_receiver, hook) = two_failed(&desk).await;
    let mut browser = Browser::at(&desk).await;
    let page = browser.page(&format!("/integrations/webhooks/{}", hook.id)).await;
    let link = page
        .saying("a", "Recover")
        .and_then(|link| link.attribute("href"));
    let path = link.expect("a link");
    let page = browser.page(&path).await;
    check(&path, &page);
    assert_eq!(page.one("h1").text(), "Recover shop");
    let since = page.value("since").expect("a window");
    assert!(
        since.ends_with(" UTC"),
        "the last day, as people write it: {since}"
    );
    assert!(page.saying("button", "Redeliver 2 deliveries").is_some());

    let narrow = browser
        .page(&format!("{path}?type=deal.won&since=2020-01-01"))
        .await;
    check(&path, &narrow);
    assert!(narrow.saying("button", "Redeliver 1 deliveries").is_some());
    let none = browser.page(&format!("{path}?status_code=500")).await;
    let button = none.saying("button", "Redeliver 0 deliveries").expect("a button");
    assert!(button.attribute("disabled").is_some());
    for (query, field) in [
        ("since=yesterday", "since"),
        ("since=2026-01-02&until=2026-01-01", "until"),
        ("status_code=5xx", "status_code"),
        ("error_code=none", "error_code"),
    ] {
        let reply = browser.get(&format!("{path}?{query}")).await.expect(422);
        let page = Page::parse(reply.text());
        check(query, &page);
        assert!(
            page.role("alert")
                .expect("an alert")
                .starts_with("There is a problem")
        );
        let input = page.by_id(field).expect("the field");
        assert_eq!(
            input.attribute("aria-invalid").as_deref(),
            Some("true"),
            "{query}"
        );
    }

    let form = fields(&page, "Redeliver 2 deliveries");
    let reply = browser.post(&path, &borrowed(&form)).await;
    let page = browser.follow(&reply).await;
    check(&path, &page);
    assert_eq!(
        page.role("status").as_deref(),
        Some("Recovery started: 2 deliveries.")
    );
    // A double click.
    let again = browser.post(&path, &borrowed(&form)).await;
    browser.follow(&again).await;
    let progress = reply.header("location").expect("a location").to_owned();
    eventually("both are delivered", SOON, async || {
        let page = browser.clone().page(&progress).await;
        check(&progress, &page);
        page.one("tbody").text().contains("2 of 2")
    })
    .await;
    assert_eq!(copies(&desk).await, 2, "each was sent again once");
    let page = browser.page(&path).await;
    assert!(
        page.saying("button", "Redeliver 0 deliveries").is_some(),
        "nothing is left"
    );
    let audit = desk.api.get("/v1/audit?action=webhook.recovered").await.ok(200);
    assert_eq!(audit["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn all_that_match_are_counted_and_sent_again_as_counted() {
    let desk = Desk::open().await;
    let (receiver, hook) = two_failed(&desk).await;
    let mut browser = Browser::at(&desk).await;
    for list in [
        format!("{DELIVERIES}?status=failed&type=deal.won"),
        format!("/integrations/webhooks/{}/deliveries?type=deal.won", hook.id),
    ] {
        let page = browser.page(&list).await;
        let link = page.saying("a", "Redeliver all matching").expect("a link");
        let path = link.attribute("href").expect("an address");
        let page = browser.page(&path).await;
        check(&path, &page);
        assert_eq!(page.one("h1").text(), "Redeliver all matching?");
        assert!(
            page.saying("button", "Redeliver 1 deliveries").is_some(),
            "{path}"
        );
        assert_eq!(page.fact("Type").as_deref(), Some("deal.won"));
        assert!(page.saying("a", "Cancel").is_some());
    }
    let all = browser.page(MATCHING).await;
    check(MATCHING, &all);
    assert!(all.one("main").text().contains("No filter is set"));
    let form = fields(&all, "Redeliver 2 deliveries");
    // What comes after the count is left out.
    let later = desk.send("deal.won", json!({})).await;
    desk.delivery_that(&later, "succeeded").await;
    let reply = browser.post(MATCHING, &borrowed(&form)).await;
    assert_eq!(reply.header("location"), Some(DELIVERIES));
    let page = browser.follow(&reply).await;
    assert_eq!(
        page.role("status").as_deref(),
        Some("Redelivery started: 2 deliveries.")
    );
    let again = browser.post(MATCHING, &borrowed(&form)).await;
    browser.follow(&again).await;
    receiver.wait_for(5).await;
    assert_eq!(copies(&desk).await, 2);

    let reply = browser.get(&format!("{MATCHING}?status=lost")).await.expect(422);
    let page = Page::parse(reply.text());
    check(MATCHING, &page);
    assert!(page.role("alert").expect("an alert").contains("Status"));
    let list = browser
        .get(&format!("{DELIVERIES}?status=lost&error_code=none"))
        .await
        .expect(422);
    let page = Page::parse(list.text());
    check(DELIVERIES, &page);
    for id in ["status", "error_code"] {
        let field = page.by_id(id).expect("a field");
        assert_eq!(field.attribute("aria-invalid").as_deref(), Some("true"), "{id}");
        assert_eq!(field.attribute("aria-describedby"), Some(format!("{id}-fault")));
    }
    browser.post(MATCHING, &[("filters", "")]).await.expect(422);
    assert_eq!(copies(&desk).await, 2, "a form without an id does nothing");
}

#[tokio::test]
async fn another_workspaces_webhook_cannot_be_recovered() {
    let (desk, other) = (Desk::open().await, Desk::open().await);
    let (_receiver, hook) = two_failed(&other).await;
    let mut browser = Browser::at(&desk).await;
    let path = format!("/integrations/webhooks/{}/recover", hook.id);
    browser.get(&path).await.expect(404);
    let form = [
        ("form_id", "0198c0de-0000-7000-8000-000000000001"),
        ("filters", "since=2020-01-01"),
    ];
    browser.post(&path, &form).await.expect(404);
    let page = browser.page(&format!("{MATCHING}?webhook_id={}", hook.id)).await;
    assert!(page.saying("button", "Redeliver 0 deliveries").is_some());
    let everywhere = [
        ("form_id", "0198c0de-0000-7000-8000-000000000002"),
        ("filters", ""),
    ];
    let reply = browser.post(MATCHING, &everywhere).await;
    let page = browser.follow(&reply).await;
    assert_eq!(
        page.role("status").as_deref(),
        Some("Redelivery started: 0 deliveries.")
    );
    assert_eq!(copies(&other).await, 0);
}
