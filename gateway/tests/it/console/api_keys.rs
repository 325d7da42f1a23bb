//! Keys from the list to their end, by forms alone.

use serde_json::json;
use stage::Desk;
use stage::desk::text;

use super::browser::Browser;
use super::every_page::check;
use super::html::Page;

const LIST: &str = "/integrations/api-keys";
const NEW: &str = "/integrations/api-keys/new";

async fn form_id(browser: &mut Browser, path: &str) -> String {
    browser.page(path).await.value("form_id").expect("a form's id")
}

#[tokio::test]
async fn a_key_is_made_shown_once_and_found_in_the_list() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let id = form_id(&mut browser, NEW).await;
    let fields = [
        ("form_id", id.as_str()),
        ("name", "warehouse"),
        ("scopes", "crm:read"),
        ("scopes", "events:write"),
        ("expires_at", "7"),
        ("ip_allowlist", "127.0.0.1\r\n192.0.2.0/24"),
        ("rate_limit_per_second", "50"),
    ];
    let reply = browser.post(NEW, &fields).await.expect(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let page = Page::parse(reply.text());
    check("API key created", &page);
    assert_eq!(page.one("h1").text(), "API key created");
    let key = page
        .by_id("key")
        .and_then(|input| input.attribute("value"))
        .expect("the key");
    assert!(
        page.by_id("key")
            .is_some_and(|input| input.attribute("readonly").is_some())
    );
    assert!(
        page.one("main")
            .text()
            .contains("Copy it now: it will not be shown again")
    );
    assert!(
        page.saying("button", "Copy API key").is_some() && page.saying("a", "I have stored it").is_some()
    );
    let known = desk.api.with_key(&key).get("/v1/whoami").await.ok(200);
    assert_eq!(known["scopes"], json!(["crm:read", "events:write"]));

    // The same again changes nothing and shows nothing.
    let again = browser.post(NEW, &fields).await.expect(200);
    assert!(
        again
            .text()
            .contains("Already created. The secret cannot be shown again.")
    );
    assert!(!again.text().contains(&key));
    let keys = desk.api.get("/v1/api-keys").await.ok(200);
    let made: Vec<_> = keys["data"]
        .as_array()
        .expect("keys")
        .iter()
        .filter(|key| key["name"] == "warehouse")
        .collect();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["ip_allowlist"], json!(["127.0.0.1", "192.0.2.0/24"]));
    assert_eq!(made[0]["rate_limit_per_second"], json!(50));

    let page = browser.page(LIST).await;
    let rows = page.all("tr").into_iter().map(|row| row.text());
    let row = rows
        .into_iter()
        .find(|row| row.contains("warehouse"))
        .expect("a row");
    assert!(
        row.contains("expires soon") && row.contains("Rotate warehouse") && row.contains("Revoke warehouse"),
        "{row}"
    );
    let other = [
        ("form_id", id.as_str()),
        ("name", "other"),
        ("scopes", "crm:read"),
    ];
    assert_eq!(
        browser.post(NEW, &other).await.status,
        422,
        "the id belongs to another form"
    );
}

#[tokio::test]
async fn faults_keep_what_was_typed_and_lead_to_the_field() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let id = form_id(&mut browser, NEW).await;
    let fields = [
        ("form_id", id.as_str()),
        ("name", " "),
        ("expires_at", "date"),
        ("expires_on", "2001-01-01"),
        ("ip_allowlist", "nowhere<b>"),
        ("rate_limit_per_second", "many"),
    ];
    let reply = browser.post(NEW, &fields).await.expect(422);
    let page = Page::parse(reply.text());
    check("422", &page);
    let alert = page.role("alert").expect("an alert");
    assert!(alert.starts_with("There is a problem"), "{alert}");
    for (field, label) in [
        ("name", "Name"),
        ("scopes", "Scopes"),
        ("expires_at", "Expires"),
        ("ip_allowlist", "Allowed addresses"),
        ("rate_limit_per_second", "Requests per second"),
    ] {
        let leads = page.all("a").into_iter().any(|link| {
            link.attribute("href") == Some(format!("#{field}")) && link.text().starts_with(label)
        });
        assert!(leads, "{field}: {alert}");
        assert!(page.by_id(&format!("{field}-fault")).is_some(), "{field}");
    }
    assert_eq!(page.value("rate_limit_per_second").as_deref(), Some("many"));
    assert_eq!(page.one("textarea").text(), "nowhere<b>");
    assert_eq!(
        page.value("form_id").as_deref(),
        Some(id.as_str()),
        "it may be sent again"
    );

    for (pick, count) in [("all", 15), ("none", 0), ("read", 8)] {
        let fields = [
            ("form_id", id.as_str()),
            ("name", "typed"),
            ("scopes", "crm:write"),
            ("pick", pick),
        ];
        let reply = browser.post(NEW, &fields).await.expect(200);
        let page = Page::parse(reply.text());
        assert_eq!(page.having("checked").len(), count, "{pick}");
        assert_eq!(page.value("name").as_deref(), Some("typed"));
    }
    let fields = [
        ("form_id", id.as_str()),
        ("name", "mended"),
        ("scopes", "crm:read"),
    ];
    browser.post(NEW, &fields).await.expect(200);
    for bad in ["", "1"] {
        let fields = [("form_id", bad), ("name", "x"), ("scopes", "crm:read")];
        assert_eq!(
            browser.post(NEW, &fields).await.status,
            422,
            "a form's id is a UUID"
        );
    }
}

#[tokio::test]
async fn rotate_revoke_delete() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let made = desk
        .make_key(&json!({"name": "old", "scopes": ["crm:read"]}))
        .await;
    let (id, key) = (text(&made, "id"), text(&made, "key"));
    let path = |rest: &str| format!("{LIST}/{id}{rest}");

    let page = browser.page(&path("/rotate")).await;
    assert_eq!(page.one("h1").text(), "Rotate old?");
    assert!(page.saying("a", "Cancel").is_some() && page.saying("button", "Rotate key").is_some());
    let rotate = [
        ("form_id", page.value("form_id").expect("an id")),
        ("overlap_seconds", "3600".into()),
    ];
    let rotate = rotate.each_ref().map(|(name, value)| (*name, value.as_str()));
    let reply = browser.post(&path("/rotate"), &rotate).await.expect(200);
    let new = Page::parse(reply.text())
        .by_id("key")
        .and_then(|input| input.attribute("value"))
        .expect("a key");
    for key in [&key, &new] {
        assert_eq!(
            desk.api.with_key(key).get("/v1/whoami").await.status,
            200,
            "both work"
        );
    }
    let again = browser.post(&path("/rotate"), &rotate).await.expect(200);
    assert!(again.text().contains("Already created"));
    let bad = [
        ("form_id", "0198c0de-0000-7000-8000-000000000001"),
        ("overlap_seconds", "x"),
    ];
    let reply = browser.post(&path("/rotate"), &bad).await.expect(422);
    check("422", &Page::parse(reply.text()));

    let form = form_id(&mut browser, &path("/revoke")).await;
    let reply = browser.post(&path("/revoke"), &[("form_id", &form)]).await;
    let page = browser.follow(&reply).await;
    let notice = page.role("status").expect("a notice");
    assert!(
        notice.starts_with("Stopped on ") && notice.ends_with(" ms"),
        "{notice}"
    );
    assert!(page.one("main").text().contains("revoked"));
    assert!(
        browser.page(&path("")).await.role("status").is_none(),
        "it is shown once"
    );
    desk.api
        .with_key(&key)
        .get("/v1/whoami")
        .await
        .problem(401, "key_revoked");
    let page = browser.page(LIST).await;
    let ended = page
        .saying("a", "Show ended (1)")
        .expect("a link")
        .attribute("href")
        .expect("a path");
    assert!(browser.page(&ended).await.one("main").text().contains("revoked"));
    let reply = browser.get(&path("/rotate")).await;
    assert_eq!(reply.status, 409);
    assert!(reply.text().contains("key_ended"));

    let form = form_id(&mut browser, &path("/delete")).await;
    for _ in 0..2 {
        let reply = browser.post(&path("/delete"), &[("form_id", &form)]).await;
        let page = browser.follow(&reply).await;
        assert_eq!(page.one("h1").text(), "API keys", "a double click deletes once");
    }
    assert_eq!(browser.get(&path("")).await.status, 404);
    let mut stranger = Browser::at(&Desk::open().await).await;
    let other = format!(
        "{LIST}/{}",
        text(
            &desk.make_key(&json!({"name": "x", "scopes": ["crm:read"]})).await,
            "id"
        )
    );
    assert_eq!(stranger.get(&other).await.status, 404);
}
