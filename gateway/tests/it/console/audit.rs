//! The page of the audit trail, its filters, and the file of what it shows.

use serde_json::json;
use stage::Desk;
use stage::desk::text;

use super::browser::Browser;
use super::every_page::check;
use super::html::{Element, Page};

const PATH: &str = "/integrations/audit";
const MARKUP: &str = "<img src=x onerror=alert(1)>";

fn actions(page: &Page) -> Vec<String> {
    let rows = page.one("tbody").inside().into_iter();
    let cells = rows
        .filter(|element| element.tag() == "code")
        .map(|code| code.text());
    cells
        .filter(|text| text.contains('.') && !text.starts_with("127."))
        .collect()
}

#[tokio::test]
async fn changes_are_shown_from_what_to_what_and_downloaded_as_filtered() {
    let desk = Desk::open().await;
    let body = json!({"name": MARKUP, "url": "http://127.0.0.1:9/x", "events": ["deal.won"]});
    let hook = text(&desk.api.post("/v1/webhooks", &body).await.ok(201), "id");
    let path = format!("/v1/webhooks/{hook}");
    desk.api
        .patch_text(&path, r#"{"name": "new name", "max_attempts": 7}"#)
        .await
        .ok(200);
    desk.make_key(&json!({"name": "=1+1", "scopes": ["crm:read"]}))
        .await;
    let mut browser = Browser::at(&desk).await;

    let page = browser.page(PATH).await;
    check(PATH, &page);
    let shown = actions(&page);
    for action in [
        "webhook.updated",
        "webhook.created",
        "api_key.created",
        "console.signed_in",
    ] {
        assert!(shown.contains(&action.to_owned()), "{shown:?}");
    }
    let said = page.one("tbody").text();
    assert!(
        said.contains(&format!("name {MARKUP} →became new name")),
        "{said}"
    );
    assert!(said.contains("max_attempts nothing →became 7"), "{said}");
    assert!(said.contains("127.0.0.1"), "{said}");
    assert!(page.saying("a", "new name").is_some(), "the target has a page");

    let filtered = format!("{PATH}?action=webhook.updated&actor=&target={hook}&since=2020-01-01&until=");
    let page = browser.page(&filtered).await;
    check(&filtered, &page);
    assert_eq!(actions(&page), ["webhook.updated"]);
    assert_eq!(page.value("action").as_deref(), Some("webhook.updated"));
    let link = page.saying("a", "Download CSV").expect("a link");
    let link = link.attribute("href").expect("a path");
    let file = browser.get(&link).await.expect(200);
    assert_eq!(
        file.header("content-disposition"),
        Some("attachment; filename=\"audit.csv\"")
    );
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
    let lines: Vec<&str> = file.text().lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("id,at,actor,action,"), "{}", lines[0]);
    assert!(lines[1].contains("webhook.updated"), "{}", lines[1]);
    let all = browser.get("/integrations/audit.csv").await.expect(200);
    assert!(all.text().contains("'=1+1"), "a formula is escaped");

    let nothing = browser.page(&format!("{PATH}?actor=nobody")).await;
    assert!(nothing.one("main").text().contains("Nothing matches."));
    let clear = nothing.saying("a", "Clear filters").expect("a link");
    assert_eq!(clear.attribute("href").as_deref(), Some(PATH));

    let wrong = browser.get(&format!("{PATH}?since=yesterday&target=x")).await;
    let page = Page::parse(wrong.expect(422).text());
    check(PATH, &page);
    assert!(page.role("alert").is_some_and(|alert| alert.contains("From")));
    let field = page.by_id("since").expect("a field");
    assert_eq!(field.attribute("aria-invalid").as_deref(), Some("true"));
    assert_eq!(page.value("target").as_deref(), Some("x"), "what was typed stays");
    assert!(page.saying("a", "Download CSV").is_none());
}

#[tokio::test]
async fn fifty_rows_a_page_and_no_one_elses() {
    let desk = Desk::open().await;
    for number in 0..55 {
        desk.make_key(&json!({"name": format!("key {number}"), "scopes": ["crm:read"]}))
            .await;
    }
    let mut browser = Browser::at(&desk).await;
    let list = format!("{PATH}?action=api_key.created");
    let first = browser.page(&list).await;
    let rows = |page: &Page| {
        let inside = page.one("tbody").inside();
        let rows: Vec<Element> = inside.into_iter().filter(|row| row.tag() == "tr").collect();
        rows
    };
    assert_eq!(rows(&first).len(), 50);
    let older = first.saying("a", "Older").and_then(|link| link.attribute("href"));
    let second = browser.page(&older.expect("a link")).await;
    check(&list, &second);
    assert!((5..50).contains(&rows(&second).len()));
    let newest = second
        .saying("a", "Newest")
        .and_then(|link| link.attribute("href"));
    assert_eq!(newest.as_deref(), Some(list.as_str()));
    assert!(second.saying("a", "Older").is_none());

    let other = Desk::open().await;
    let mut stranger = Browser::with_key(desk.api.address, other.api.key.as_deref().expect("a key")).await;
    let file = stranger.get("/integrations/audit.csv").await.expect(200);
    assert!(!file.text().contains("key 1"), "{}", file.text());
    let narrow = desk
        .make_key(&json!({"name": "narrow", "scopes": ["crm:read"]}))
        .await;
    let mut narrow = Browser::with_key(desk.api.address, &text(&narrow, "key")).await;
    assert_eq!(narrow.get("/integrations/audit.csv").await.status, 403);
}

#[tokio::test]
async fn what_was_acted_on_has_a_link_to_its_page() {
    let desk = Desk::open().await;
    let mut made = Vec::new();
    for (path, page, name) in [
        ("/v1/sentries", "sentries", "backup"),
        ("/v1/hoots", "sentries/hoots", "wallboard"),
    ] {
        let id = text(&desk.api.post(path, &json!({"name": name})).await.ok(201), "id");
        made.push((name, format!("/integrations/{page}/{id}")));
    }
    let mut browser = Browser::at(&desk).await;
    let page = browser.page(PATH).await;
    for (name, path) in made {
        let link = page.saying("a", name).and_then(|link| link.attribute("href"));
        assert_eq!(link.as_deref(), Some(path.as_str()), "{name}");
        browser.page(&path).await;
    }
}
