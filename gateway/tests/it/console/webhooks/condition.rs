//! How endpoints are doing: charts with their numbers, failures by cause, and the choice of what is sent again.

use http::Method;
use serde_json::json;
use stage::desk::text;
use stage::{Act, Database, Desk, Hook, Receiver};

use crate::console::browser::Browser;
use crate::console::every_page::check;
use crate::console::html::{Element, Page};

const LIST: &str = "/integrations/webhooks";
const DELIVERIES: &str = "/integrations/deliveries";

/// A webhook to which a delivery failed with 503, and that delivery.
async fn failed(desk: &Desk) -> (Receiver, Hook, String) {
    let receiver = Receiver::deciding(|_, _| Act::Status(503)).await;
    let more = json!({"max_attempts": 1, "name": "shop", "headers": {"x-token": "a secret"}});
    let hook = desk.hook_with(&receiver, &["deal.won"], more).await;
    let event = desk.send("deal.won", json!({"who": "it's"})).await;
    let delivery = text(&desk.delivery_that(&event, "failed").await, "id");
    (receiver, hook, delivery)
}

/// Has an instance count so now, in a bucket of five minutes and in one of an hour.
async fn count(desk: &Desk, hook: &Hook, succeeded: u32, failed: u32) {
    let rows = [300, 3_600].map(|span| {
        format!(
            "insert into delivery_stats (destination_id, span_seconds, at_seconds, instance, succeeded, failed, retried,
                 last_success_at, times, causes)
             values ('{}', {span}, floor(extract(epoch from now()) / {span}) * {span}, gen_random_uuid(),
                 {succeeded}, {failed}, 0, timestamptz '2026-11-30T17:25:03Z', '{{\"60\": {}}}', '{{\"http_503\": {failed}}}');",
            &hook.id[3..],
            succeeded + failed
        )
    });
    Database::at(desk.url.clone()).run(&rows.concat()).await;
}

fn named(page: &Page, role: &str) -> Vec<String> {
    let elements = page.having("role").into_iter();
    let images = elements.filter(|element| element.attribute("role").as_deref() == Some(role));
    images
        .map(|image| {
            let id = image.attribute("aria-labelledby").expect("a name");
            page.by_id(&id).expect("the name").text()
        })
        .collect()
}

#[tokio::test]
async fn a_page_draws_what_was_counted_and_leads_to_the_failures() {
    let desk = Desk::open().await;
    let (_receiver, hook, delivery) = failed(&desk).await;
    count(&desk, &hook, 7, 1).await;
    let mut browser = Browser::at(&desk).await;
    let path = format!("{LIST}/{}", hook.id);
    let page = browser.page(&path).await;
    check(&path, &page);
    let charts = [
        "Deliveries of the last 24 hours",
        "Deliveries of the last 7 days",
        "Deliveries of the last 30 days",
    ];
    assert_eq!(named(&page, "img"), charts);
    for table in page.all("table").into_iter().take(3) {
        let numbers = table.inside().into_iter().filter(|cell| cell.tag() == "td");
        let sum: u64 = numbers
            .map(|cell| cell.text().parse::<u64>().expect("a number"))
            .sum();
        assert!(sum >= 8, "the table has what the chart draws: {sum}");
    }
    for part in [
        "Show as table",
        "succeeded 7",
        "2026-11-30 17:25:03 UTC",
        "Half of the attempts within",
        "Failures by cause",
    ] {
        assert!(page.one("main").text().contains(part), "{part}");
    }
    let links = page.all("a").into_iter();
    let counts: Vec<Element> = links.filter(|link| link.text().contains(": HTTP 503")).collect();
    assert_eq!(counts.len(), 3);
    for link in counts {
        let list = link.attribute("href").expect("a list");
        let page = browser.page(&list).await;
        check(&list, &page);
        assert!(page.saying("a", &delivery).is_some(), "{list}");
    }

    let page = browser.page(LIST).await;
    check(LIST, &page);
    let drawn = named(&page, "img");
    assert!(
        drawn[0].starts_with("Deliveries to shop in the last 24 hours: succeeded 7"),
        "{drawn:?}"
    );
    assert!(page.one("tbody").text().contains("% failed"));
    assert!(page.one("tbody").text().contains("2026-11-30 17:25:03 UTC"));
    let bytes = browser.get(&path).await.body.len();
    assert!(bytes < 60_000, "{bytes}");
}

#[tokio::test]
async fn a_list_changes_its_tag_with_what_was_counted() {
    let desk = Desk::open().await;
    let (_receiver, hook, _) = failed(&desk).await;
    let mut browser = Browser::at(&desk).await;
    let tag = browser.get(LIST).await.expect(200);
    let tag = tag.header("etag").expect("a tag").to_owned();
    let ask = async |browser: &Browser| {
        let call = browser.call(Method::GET, LIST).header("if-none-match", &tag);
        call.send().await.status
    };
    count(&desk, &hook, 1, 0).await;
    assert_eq!(ask(&browser).await, 200);
}

#[tokio::test]
async fn nothing_ticked_is_told_on_the_page() {
    let desk = Desk::open().await;
    let (_receiver, hook, delivery) = failed(&desk).await;
    let mut browser = Browser::at(&desk).await;
    let send = format!("{DELIVERIES}/redeliver-selected");
    for list in [
        format!("{DELIVERIES}?status=failed&type=deal.won"),
        format!("{LIST}/{}/deliveries?status=failed", hook.id),
    ] {
        let page = browser.page(&list).await;
        let form = page.value("form_id").expect("a form's id");
        let back = page
            .all("input")
            .into_iter()
            .filter(|input| input.attribute("name").as_deref() == Some("back"))
            .find_map(|input| input.attribute("value").filter(|value| value.contains("status")));
        assert_eq!(
            back.as_deref(),
            Some(list.as_str()),
            "it goes back to what was filtered"
        );
        let fields = [("form_id", form.as_str()), ("back", &list)];
        let reply = browser.post(&send, &fields).await.expect(422);
        let page = Page::parse(reply.text());
        check(&list, &page);
        let alert = page.role("alert").expect("an alert");
        assert!(
            alert.starts_with("There is a problem") && alert.contains("tick at least one"),
            "{alert}"
        );
        assert_eq!(page.one("h1").text(), "Deliveries");
        assert!(page.saying("a", &delivery).is_some(), "the rows are still there");
        assert_eq!(page.value("form_id"), Some(form.clone()));
        let box_of = page.by_id(&format!("s-{delivery}")).expect("a box");
        assert_eq!(box_of.attribute("aria-invalid").as_deref(), Some("true"));
        let ticked = [
            ("form_id", form.as_str()),
            ("back", &list),
            ("id", delivery.as_str()),
        ];
        let reply = browser.post(&send, &ticked).await;
        assert_eq!(reply.header("location"), Some(list.as_str()));
        let page = browser.follow(&reply).await;
        let said = page.role("status");
        assert_eq!(said.as_deref(), Some("Redelivery started: 1 delivery."));
    }
    let odd = [
        ("form_id", "0198c0de-0000-7000-8000-000000000001"),
        ("id", "dlv_x"),
    ];
    let reply = browser.post(&send, &odd).await.expect(422);
    check("odd", &Page::parse(reply.text()));
    browser.post(&send, &[("id", &delivery)]).await.expect(422);
}

#[tokio::test]
async fn a_delivery_shows_the_headers_that_were_sent() {
    let desk = Desk::open().await;
    let (receiver, _, delivery) = failed(&desk).await;
    let mut browser = Browser::at(&desk).await;
    let path = format!("{DELIVERIES}/{delivery}");
    let page = browser.page(&path).await;
    check(&path, &page);
    assert!(page.saying("h3", "Request headers of attempt 1").is_some());
    let received = receiver.received();
    let sent = &received.first().expect("a request").headers;
    let shown: Vec<(String, String)> = page
        .all("dt")
        .into_iter()
        .zip(page.all("dd"))
        .map(|(name, value)| (name.text().to_lowercase(), value.text()))
        .collect();
    for (name, value) in sent {
        let found = shown.iter().find(|(shown, _)| shown == name);
        match name.as_str() {
            "content-length" => {}
            "x-token" => assert_eq!(found.map(|(_, shown)| shown.as_str()), Some("••••")),
            "x-sentinel-signature" | "webhook-signature" => assert!(found.is_some(), "{name}"),
            _ => assert_eq!(
                found.map(|(_, shown)| shown.as_str()),
                Some(value.as_str()),
                "{name}"
            ),
        }
    }
    let main = page.one("main").text();
    assert!(!main.contains("a secret"));
    let command = page.by_id("curl").expect("a command").text();
    assert!(
        command.contains("\"$HEADER_X_TOKEN\"") && command.contains("$WEBHOOK_SECRET"),
        "{command}"
    );
}

#[tokio::test]
async fn rows_are_as_close_as_their_reader_wants_them() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let list = format!("{DELIVERIES}?status=failed");
    let rows = |page: &Page| page.one("html").attribute("data-rows");
    assert_eq!(rows(&browser.page(&list).await).as_deref(), Some("wide"));
    for wanted in ["dense", "wide"] {
        let fields = [("rows", wanted), ("back", &list)];
        let reply = browser.post("/integrations/rows", &fields).await;
        assert_eq!(reply.header("location"), Some(list.as_str()));
        let page = browser.follow(&reply).await;
        assert_eq!(rows(&page).as_deref(), Some(wanted));
        let pressed = page
            .saying("button", "Dense")
            .and_then(|button| button.attribute("aria-pressed"));
        assert_eq!(pressed.as_deref() == Some("true"), wanted == "dense");
    }
}
