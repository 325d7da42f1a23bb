//! The pages of sentries: from nothing to a report and to the end.

mod hoots;

use serde_json::json;
use stage::Desk;
use stage::desk::text;

use super::browser::Browser;
use super::every_page::check;
use super::html::Page;

const SENTRIES: &str = "/integrations/sentries";

async fn form_id(browser: &mut Browser, path: &str) -> String {
    browser.page(path).await.value("form_id").expect("a form's id")
}

/// Fills in the form at `path` and follows where it leads.
async fn submit(browser: &mut Browser, shown_at: &str, path: &str, fields: &[(&str, &str)]) -> Page {
    let id = form_id(browser, shown_at).await;
    let mut all = vec![("form_id", id.as_str())];
    all.extend_from_slice(fields);
    let reply = browser.post(path, &all).await;
    browser.follow(&reply).await
}

#[tokio::test]
async fn a_sentry_is_added_reported_to_changed_and_deleted() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    assert!(browser.page(SENTRIES).await.saying("a", "Add sentry").is_some());
    let new = format!("{SENTRIES}/new");
    let bad = [
        ("form_id", &*form_id(&mut browser, &new).await.clone()),
        ("timeout_hours", "soon"),
    ];
    let reply = browser.post(&new, &bad).await;
    assert_eq!(reply.status, 422);
    let page = Page::parse(reply.text());
    check(&new, &page);
    for field in ["name", "timeout_hours"] {
        let fault = page.by_id(&format!("{field}-fault")).expect(field);
        assert!(!fault.text().is_empty());
    }

    let above = submit(&mut browser, &new, &new, &[("name", "source")]).await;
    assert_eq!(above.one("h1").text(), "source");
    let listed = desk.api.get("/v1/sentries").await.ok(200);
    let above = text(&listed["data"][0], "id");
    let fields = [("name", "load"), ("timeout_hours", "0.5"), ("upstream", &*above)];
    let page = submit(&mut browser, &new, &new, &fields).await;
    check(SENTRIES, &page);
    let api_url = page.by_id("api-url").expect("the address");
    let api_url = api_url.attribute("value").expect("a value");
    let id = api_url.rsplit('/').next().expect("an id").to_owned();
    let here = format!("{SENTRIES}/{id}");
    let known = desk.api.get(&format!("/v1/sentries/{id}")).await.ok(200);
    assert_eq!(
        (&known["timeout_hours"], &known["upstream"]),
        (&json!(0.5), &json!([above]))
    );
    let python = page.by_id("how-python").expect("a snippet").text();
    assert!(python.contains(&api_url), "{python}");

    // Nothing was reported, so there is no state to keep.
    let id_of_form = page.value("form_id").expect("an id");
    let report = format!("{here}/report");
    let too_long = "x".repeat(81);
    let bad = [
        ("form_id", &*id_of_form),
        ("state", ""),
        ("user_message", &*too_long),
    ];
    let reply = browser.post(&report, &bad).await;
    assert_eq!(reply.status, 422);
    let page = Page::parse(reply.text());
    check(&report, &page);
    assert!(page.by_id("user_message-fault").is_some());

    let fields = [
        ("state", "sad"),
        ("user_message", "Loaded late"),
        ("history_note", "the source was locked"),
        ("private_entry", "true"),
    ];
    let page = submit(&mut browser, &here, &report, &fields).await;
    assert_eq!(page.role("status").as_deref(), Some("Reported."));
    check(&here, &page);
    let whole = page.one("main").text();
    for words in [
        "Loaded late",
        "the source was locked",
        "private",
        "1 report, 1 change of state",
    ] {
        assert!(whole.contains(words), "{words}: {whole}");
    }
    assert!(page.saying("a", "source").is_some(), "its upstream");
    let entries = browser.page(&format!("{here}/history")).await;
    assert!(entries.one("main").text().contains("the source was locked"));
    for (query, count) in [
        ("state=sad", 1),
        ("state=none", 1),
        ("q=loa", 1),
        ("q=nothing", 0),
    ] {
        let page = browser.page(&format!("{SENTRIES}?{query}")).await;
        let rows = page.having("data-id").len();
        assert_eq!(rows, count, "{query}");
    }

    let edit = format!("{here}/edit");
    let page = browser.page(&edit).await;
    let ticked = page.by_id(&format!("upstream-{above}")).expect("a box");
    assert!(ticked.attribute("checked").is_some());
    submit(&mut browser, &edit, &edit, &[("name", "load orders")]).await;
    let known = desk.api.get(&format!("/v1/sentries/{id}")).await.ok(200);
    assert_eq!(
        (&known["name"], &known["timeout_hours"], &known["upstream"]),
        (&json!("load orders"), &json!(null), &json!([]))
    );
    for (action, is_enabled) in [("disable", false), ("enable", true)] {
        let path = format!("{here}/{action}");
        assert!(
            browser
                .page(&here)
                .await
                .having("href")
                .iter()
                .any(|link| link.attribute("href").as_ref() == Some(&path))
        );
        submit(&mut browser, &path, &path, &[]).await;
        let known = desk.api.get(&format!("/v1/sentries/{id}")).await.ok(200);
        assert_eq!(known["enabled"], json!(is_enabled));
    }
    let delete = format!("{here}/delete");
    submit(&mut browser, &delete, &delete, &[]).await;
    desk.api
        .get(&format!("/v1/sentries/{id}"))
        .await
        .problem(404, "not_found");
    assert_eq!(browser.get(&here).await.status, 404);
}
