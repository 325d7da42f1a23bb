//! The list of events: what it shows of each, its filters, its pages and its empty states.

use http::Method;
use serde_json::json;
use stage::desk::text;
use stage::{Desk, Receiver};

use crate::console::browser::Browser;
use crate::console::every_page::check;
use crate::console::html::{Element, Page};

const LIST: &str = "/integrations/events";

/// The cells of the list, row by row.
fn rows(page: &Page) -> Vec<Vec<String>> {
    let rows = page.all("tr").into_iter().skip(1);
    let cells = |row: Element| row.inside().into_iter().filter(is_cell);
    rows.map(|row| cells(row).map(|cell| cell.text()).collect())
        .collect()
}

fn is_cell(element: &Element) -> bool {
    matches!(element.tag().as_str(), "td" | "th")
}

#[tokio::test]
async fn each_event_has_its_type_its_time_and_its_deliveries_by_state() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let page = browser.page(LIST).await;
    check(LIST, &page);
    assert!(page.one("main").text().contains("No event yet."));
    assert!(page.saying("a", "Send event").is_some());

    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    let won = desk.send("deal.won", json!({})).await;
    desk.delivery_that(&won, "succeeded").await;
    let event = json!({"type": "ticket.created", "id": "ticket-1", "data": {}});
    desk.api.post("/v1/events", &event).await.ok(202);

    let page = browser.page(LIST).await;
    check(LIST, &page);
    let rows = rows(&page);
    assert_eq!(rows.len(), 2);
    let shown = |row: &[String]| (row[0].clone(), row[1].clone(), row[3].clone());
    let expected = [
        ("ticket-1", "ticket.created", "no endpoint matched"),
        (won.as_str(), "deal.won", "succeeded 1"),
    ];
    for (row, (id, label, deliveries)) in rows.iter().zip(expected) {
        assert_eq!(
            shown(row),
            (id.to_owned(), label.to_owned(), deliveries.to_owned())
        );
        assert!(row[2].ends_with(" UTC"), "{row:?}");
    }
    let link = page
        .saying("a", "ticket-1")
        .and_then(|link| link.attribute("href"));
    assert_eq!(link, Some(format!("{LIST}/ticket-1")));

    // Who may not send is offered no page for it.
    let reader = desk
        .make_key(&json!({"name": "reader", "scopes": ["events:read"]}))
        .await;
    let mut reader = Browser::with_key(desk.api.address, &text(&reader, "key")).await;
    let page = reader.page(LIST).await;
    assert!(page.saying("a", "Send event").is_none() && page.saying("a", "ticket-1").is_some());
}

#[tokio::test]
async fn filters_are_in_the_address_and_their_faults_at_the_fields() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    let won = desk.send("deal.won", json!({})).await;
    desk.delivery_that(&won, "succeeded").await;
    let lost = desk.send("deal.lost", json!({})).await;
    let mut browser = Browser::at(&desk).await;
    let filter = browser.page(LIST).await.one("search");
    assert_eq!(filter.attribute("aria-label").as_deref(), Some("Filter"));
    for (query, found) in [
        ("?type=deal.won&matched=&since=&until=", vec![&won]),
        ("?matched=true", vec![&won]),
        ("?matched=false", vec![&lost]),
        ("?since=2020-01-01", vec![&lost, &won]),
        ("?until=2020-01-01+10:00", vec![]),
        ("?type=deal.won&matched=false", vec![]),
    ] {
        let path = format!("{LIST}{query}");
        let page = browser.page(&path).await;
        check(&path, &page);
        let ids: Vec<String> = rows(&page).into_iter().map(|row| row[0].clone()).collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), found, "{query}");
        if found.is_empty() {
            let said = page.one("main").text();
            assert!(
                said.contains("Nothing matches.") && !said.contains("No event yet."),
                "{said}"
            );
        }
    }
    for (query, field) in [
        ("?type=no.such", "type"),
        ("?matched=perhaps", "matched"),
        ("?since=yesterday", "since"),
        ("?since=2026-01-02&until=2026-01-01", "until"),
    ] {
        let reply = browser.get(&format!("{LIST}{query}")).await.expect(422);
        let page = Page::parse(reply.text());
        check(query, &page);
        let alert = page.role("alert").expect("an alert");
        assert!(alert.starts_with("There is a problem"), "{alert}");
        let input = page.by_id(field).expect("the field");
        assert_eq!(
            input.attribute("aria-invalid").as_deref(),
            Some("true"),
            "{query}"
        );
        let link = page.having("href").into_iter();
        let mut targets = link.filter_map(|link| link.attribute("href"));
        assert!(targets.any(|target| target == format!("#{field}")), "{query}");
    }
}

#[tokio::test]
async fn fifty_rows_at_a_time_and_the_same_list_is_not_sent_again() {
    let desk = Desk::open().await;
    let lines: Vec<String> = (0..51)
        .map(|number| json!({"type": "deal.won", "id": format!("deal-{number}"), "data": {}}).to_string())
        .collect();
    let batch = desk.api.call(Method::POST, "/v1/events/batch");
    batch
        .body("application/x-ndjson", lines.join("\n"))
        .send()
        .await
        .expect(202);
    let mut browser = Browser::at(&desk).await;
    let first = format!("{LIST}?type=deal.won");
    let reply = browser.get(&first).await.expect(200);
    let page = Page::parse(reply.text());
    assert_eq!(rows(&page).len(), 50);
    assert!(page.saying("a", "Newest").is_none());
    let older = page.saying("a", "Older").and_then(|link| link.attribute("href"));
    let older = older.expect("a link");
    assert!(older.starts_with(&format!("{first}&cursor=")), "{older}");
    let page = browser.page(&older).await;
    check(&older, &page);
    let rest: Vec<String> = rows(&page).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(rest, ["deal-0"]);
    assert!(page.saying("a", "Older").is_none());
    let newest = page.saying("a", "Newest").and_then(|link| link.attribute("href"));
    assert_eq!(newest, Some(first.clone()));

    let tag = reply.header("etag").expect("a tag").to_owned();
    let ask = async |browser: &Browser| {
        let call = browser.call(Method::GET, &first).header("if-none-match", &tag);
        call.send().await.status
    };
    assert_eq!(ask(&browser).await, 304);
    desk.send("deal.won", json!({})).await;
    assert_eq!(ask(&browser).await, 200);
}
