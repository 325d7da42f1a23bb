//! The pages of hoots: from nothing to a badge and to the end.

use serde_json::json;
use stage::Desk;
use stage::desk::text;

use super::super::browser::Browser;
use super::super::every_page::check;
use super::super::html::Page;
use super::{form_id, submit};

const HOOTS: &str = "/integrations/sentries/hoots";

#[tokio::test]
async fn a_hoot_is_added_shown_overridden_and_deleted() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let sentry = desk
        .api
        .post("/v1/sentries", &json!({"name": "load"}))
        .await
        .ok(201);
    let sentry = text(&sentry, "id");
    let report =
        json!({"state": "sad", "user_message": "late", "history_note": "canary", "private_entry": true});
    desk.api
        .post(&format!("/v1/sentries/{sentry}"), &report)
        .await
        .ok(200);
    assert!(browser.page(HOOTS).await.saying("a", "Add hoot").is_some());
    let new = format!("{HOOTS}/new");
    let id = form_id(&mut browser, &new).await;
    let bad = [
        ("form_id", &*id),
        ("name", "x"),
        ("resource_url", "ftp://x"),
        ("link_label", "only a label"),
    ];
    let reply = browser.post(&new, &bad).await;
    assert_eq!(reply.status, 422);
    check(&new, &Page::parse(reply.text()));

    let fields = [
        ("name", "Revenue"),
        ("sentries", &*sentry),
        ("link_label", "Runbook"),
        ("link_url", "https://example.com/runbook"),
        ("question", "Why?"),
        ("answer", "Because."),
    ];
    let page = submit(&mut browser, &new, &new, &fields).await;
    check(HOOTS, &page);
    let listed = desk.api.get("/v1/hoots").await.ok(200);
    let known = &listed["data"][0];
    let here = format!("{HOOTS}/{}", text(known, "id"));
    assert_eq!(known["public"], json!(false), "the box was left empty");
    assert_eq!(known["links"][0]["label"], json!("Runbook"));
    assert_eq!(known["faqs"], json!([{"question": "Why?", "answer": "Because."}]));
    let markdown = page.by_id("embed-markdown").expect("what to embed");
    assert_eq!(
        markdown.attribute("value").as_deref(),
        known["embed"]["markdown"].as_str()
    );
    let said = page.one("main").text();
    assert!(!said.contains("canary"), "a private note");
    // The preview has the entry itself, as the pop-up has.
    let regions = page.having("aria-label").into_iter();
    let mut regions =
        regions.filter(|region| region.attribute("aria-label").as_deref() == Some("Preview of the pop-up"));
    let preview = regions.next().expect("a preview").text();
    assert!(
        preview.contains("report") && preview.matches("late").count() >= 3,
        "{preview}"
    );

    // It is hidden from everyone else, and its badge is drawn here.
    for image in page.all("img") {
        let reply = browser.get(&image.attribute("src").expect("a source")).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some("image/svg+xml"))
        );
        assert!(
            reply.text().contains("late") && reply.text().contains("sad"),
            "{}",
            reply.text()
        );
    }
    assert_eq!(page.all("img").len(), 4);

    let past = [
        ("override_state", "happy"),
        ("override_until", "2020-01-01T00:00"),
    ];
    let id = form_id(&mut browser, &here).await;
    let mut all = vec![("form_id", &*id)];
    all.extend(past);
    let reply = browser.post(&format!("{here}/override"), &all).await;
    assert_eq!(reply.status, 422);
    let page = Page::parse(reply.text());
    check(&here, &page);
    let field = page.by_id("override_until").expect("a field");
    assert_eq!(field.attribute("aria-invalid").as_deref(), Some("true"));
    let fields = [
        ("override_state", "happy"),
        ("override_message", "Checked by hand"),
        ("override_until", "2999-01-01T00:00"),
    ];
    let page = submit(&mut browser, &here, &format!("{here}/override"), &fields).await;
    assert!(page.one("main").text().contains("Checked by hand"));
    let end = page
        .saying("a", "End override")
        .and_then(|link| link.attribute("href"));
    assert_eq!(end, Some(format!("{here}/override/end")));
    let end = end.expect("a link");
    assert!(browser.page(&end).await.saying("a", "Cancel").is_some());
    submit(&mut browser, &end, &end, &[]).await;
    let shown = desk
        .api
        .get(&format!("/v1/hoots/{}", text(known, "id")))
        .await
        .ok(200);
    assert_eq!(
        (&shown["override"], &shown["state"]),
        (&json!(null), &json!("sad"))
    );

    let edit = format!("{here}/edit");
    let fields = [("name", "Revenue"), ("public", "true"), ("sentries", &*sentry)];
    submit(&mut browser, &edit, &edit, &fields).await;
    let shown = desk
        .api
        .get(&format!("/v1/hoots/{}", text(known, "id")))
        .await
        .ok(200);
    assert_eq!((&shown["public"], &shown["links"]), (&json!(true), &json!([])));
    for (action, is_enabled) in [("disable", false), ("enable", true)] {
        let path = format!("{here}/{action}");
        submit(&mut browser, &path, &path, &[]).await;
        let shown = desk
            .api
            .get(&format!("/v1/hoots/{}", text(known, "id")))
            .await
            .ok(200);
        assert_eq!(shown["enabled"], json!(is_enabled));
    }
    let delete = format!("{here}/delete");
    submit(&mut browser, &delete, &delete, &[]).await;
    assert_eq!(browser.get(&here).await.status, 404);
}
