//! What holds for each page: one heading, labels, nothing inline, headers, scopes, and names that are hostile.

pub mod made;

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use stage::Desk;
use stage::desk::text;

use super::browser::Browser;
use super::html::{Element, Page};
use made::{Made, hostile_key};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;{{7*7}}";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// A page: its path, with the id of a key in place of `KEY`, and likewise of a webhook, a sentry, a hoot, an event and an
/// import in place of `FILE`; its heading; the scope that it needs.
pub const PAGES: &[(&str, &str, &str)] = &[
    ("/integrations", "Overview", ""),
    ("/integrations/api-keys", "API keys", "keys:read"),
    ("/integrations/api-keys?ended=true", "API keys", "keys:read"),
    ("/integrations/api-keys/new", "Create API key", "keys:write"),
    ("/integrations/api-keys/KEY", HOSTILE, "keys:read"),
    ("/integrations/api-keys/KEY/revoke", "", "keys:write"),
    ("/integrations/api-keys/KEY/rotate", "", "keys:write"),
    ("/integrations/api-keys/KEY/delete", "", "keys:write"),
    (
        "/integrations/api-keys/KEY/sessions",
        "Sign out everywhere?",
        "keys:write",
    ),
    ("/integrations/webhooks", "Webhooks", "webhooks:read"),
    ("/integrations/webhooks/new", "Add webhook", "webhooks:write"),
    ("/integrations/webhooks/HOOK", HOSTILE, "webhooks:read"),
    ("/integrations/webhooks/HOOK/edit", "", "webhooks:write"),
    ("/integrations/webhooks/HOOK/disable", "", "webhooks:write"),
    ("/integrations/webhooks/HOOK/enable", "", "webhooks:write"),
    ("/integrations/webhooks/HOOK/rotate", "", "webhooks:write"),
    ("/integrations/webhooks/HOOK/delete", "", "webhooks:write"),
    (
        "/integrations/webhooks/HOOK/deliveries",
        "Deliveries",
        "webhooks:read",
    ),
    ("/integrations/webhooks/HOOK/recover", "", "webhooks:write"),
    ("/integrations/deliveries", "Deliveries", "webhooks:read"),
    (
        "/integrations/deliveries/redeliver",
        "Redeliver all matching?",
        "webhooks:write",
    ),
    ("/integrations/events", "Events", "events:read"),
    ("/integrations/events/new", "Send event", "events:write"),
    ("/integrations/events/EVENT", "order-17", "events:read"),
    ("/integrations/audit", "Audit", "audit:read"),
    ("/integrations/imports", "Imports", "imports:read"),
    ("/integrations/imports/new", "Import a file", "imports:write"),
    ("/integrations/imports/FILE", HOSTILE, "imports:read"),
    ("/integrations/imports/FILE/cancel", "", "imports:write"),
    ("/integrations/imports/FILE/undo", "", "imports:write"),
    ("/integrations/imports/FILE/discard", "", "imports:write"),
    ("/integrations/sentries", "Sentries", "sentries:read"),
    ("/integrations/sentries/new", "Add sentry", "sentries:write"),
    ("/integrations/sentries/SENTRY", HOSTILE, "sentries:read"),
    ("/integrations/sentries/SENTRY/history", "", "sentries:read"),
    ("/integrations/sentries/SENTRY/edit", "", "sentries:write"),
    ("/integrations/sentries/SENTRY/disable", "", "sentries:write"),
    ("/integrations/sentries/SENTRY/enable", "", "sentries:write"),
    ("/integrations/sentries/SENTRY/delete", "", "sentries:write"),
    ("/integrations/sentries/hoots", "Hoots", "sentries:read"),
    ("/integrations/sentries/hoots/new", "Add hoot", "sentries:write"),
    ("/integrations/sentries/hoots/HOOT", HOSTILE, "sentries:read"),
    ("/integrations/sentries/hoots/HOOT/edit", "", "sentries:write"),
    ("/integrations/sentries/hoots/HOOT/disable", "", "sentries:write"),
    ("/integrations/sentries/hoots/HOOT/enable", "", "sentries:write"),
    (
        "/integrations/sentries/hoots/HOOT/override/end",
        "",
        "sentries:write",
    ),
    ("/integrations/sentries/hoots/HOOT/delete", "", "sentries:write"),
    ("/integrations/connections", "Connections", "webhooks:read"),
];

/// Asserts what every page of the console owes its reader.
#[track_caller]
pub fn check(path: &str, page: &Page) {
    let heading = page.one("h1").text();
    // Drawings have titles too; the page's is the first.
    let title = page.all("title").first().map(Element::text).unwrap_or_default();
    assert!(!heading.is_empty() && title.contains(&heading), "{path}: {title}");
    assert_eq!(
        page.one("html").attribute("lang").as_deref(),
        Some("en"),
        "{path}"
    );
    page.one("main");
    let first = page.all("a").first().map(Element::text);
    assert_eq!(first.as_deref(), Some("Skip to content"), "{path}");
    let mut ids = BTreeSet::new();
    for element in page.elements() {
        let tag = element.tag();
        assert!(tag != "style", "{path}: an inline style");
        assert!(
            tag != "script" || element.attribute("src").is_some() && element.text().is_empty(),
            "{path}"
        );
        for (name, value) in element.attributes() {
            assert!(
                !name.starts_with("on") && name != "style",
                "{path}: <{tag} {name}={value}>"
            );
            let is_address = matches!(name.as_str(), "src" | "href" | "action" | "formaction");
            assert!(
                !is_address || value.starts_with('/') || value.starts_with('#'),
                "{path}: {value}"
            );
            let refers = matches!(name.as_str(), "for" | "aria-labelledby" | "aria-describedby");
            for id in value.split_whitespace().filter(|_| refers) {
                assert!(
                    page.by_id(id).is_some(),
                    "{path}: <{tag} {name}={value}> leads nowhere"
                );
            }
            if name == "id" {
                assert!(ids.insert(value.clone()), "{path}: the id {value} stands twice");
            }
        }
        if matches!(tag.as_str(), "input" | "select" | "textarea") && kind(&element) != "hidden" {
            let id = element.attribute("id").unwrap_or_default();
            let mut labels = page.all("label").into_iter();
            let label = labels.find(|label| label.attribute("for").as_deref() == Some(&id));
            assert!(
                label.is_some_and(|label| !label.text().is_empty()),
                "{path}: {id} has no label"
            );
        }
        if tag == "form" && element.attribute("method").as_deref() == Some("post") {
            let has_id = element
                .inside()
                .iter()
                .any(|field| field.attribute("name").as_deref() == Some("form_id"));
            let action = element.attribute("action").expect("an action");
            let at_once = [
                "/integrations/sign-in",
                "/integrations/sign-out",
                "/integrations/time-zone",
                "/integrations/rows",
            ];
            assert!(has_id || at_once.contains(&action.as_str()), "{path}: {action}");
        }
        if tag == "table" {
            let has_caption = element.inside().iter().any(|inner| inner.tag() == "caption");
            assert!(has_caption, "{path}: a table without a caption");
        }
        if tag == "svg" && element.attribute("role").as_deref() == Some("img") {
            let tags: Vec<String> = element.inside().iter().map(Element::tag).collect();
            assert!(
                tags.contains(&"title".to_owned()),
                "{path}: a chart without a title"
            );
        }
    }
}

fn kind(input: &Element) -> String {
    input.attribute("type").unwrap_or_default()
}

#[tokio::test]
async fn each_has_one_heading_labels_nothing_inline_and_its_headers() {
    let desk = Desk::open().await;
    let made = Made::at(&desk).await;
    let mut browser = Browser::at(&desk).await;
    for (path, heading, _) in PAGES {
        let path = made.path(path);
        let reply = browser.get(&path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        for (name, expected) in [
            ("content-security-policy", POLICY),
            ("content-type", "text/html; charset=utf-8"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(reply.header(name), Some(expected), "{path}: {name}");
        }
        assert!(
            reply.header("x-request-id").is_some() && reply.header("strict-transport-security").is_none()
        );
        assert!(!reply.text().contains("<script>alert"), "{path}");
        let page = Page::parse(reply.text());
        check(&path, &page);
        let shown = page.one("h1").text();
        assert!(heading.is_empty() || shown == *heading, "{path}: {shown}");
        assert!(
            !heading.is_empty()
                || (shown.ends_with(&format!("{HOSTILE}?"))
                    || shown == format!("Edit {HOSTILE}")
                    || shown == format!("Recover {HOSTILE}")
                    || shown == format!("History of {HOSTILE}")),
            "{path}: {shown}"
        );
        assert_eq!(
            page.all("title")[0].text(),
            format!("{shown} · {} · Sentinel Gateway", desk.workspace)
        );
        assert!(
            reply.text().len() < 60_000,
            "{path}: {} bytes",
            reply.text().len()
        );
    }
}

#[tokio::test]
async fn each_needs_its_scope_and_the_navigation_shows_what_one_may_see() {
    let desk = Desk::open().await;
    let made = Made::at(&desk).await;
    let everything = desk.api.get("/v1/scopes").await.ok(200);
    let scopes: Vec<String> = everything["data"]
        .as_array()
        .expect("scopes")
        .iter()
        .map(|scope| text(scope, "name"))
        .collect();
    for held in &scopes {
        let own: Value = desk.make_key(&json!({"name": held, "scopes": [held]})).await;
        let mut browser = Browser::with_key(desk.api.address, &text(&own, "key")).await;
        for (path, _, needed) in PAGES {
            let path = made.path(path);
            let reply = browser.get(&path).await;
            let page = Page::parse(reply.text());
            check(&path, &page);
            if needed.is_empty() || needed == held {
                assert_eq!(reply.status, 200, "{held} at {path}");
                continue;
            }
            assert_eq!(reply.status, 403, "{held} at {path}");
            let said = page.one("main").text();
            assert!(said.contains(needed), "{path}: {said}");
            assert!(
                said.contains(reply.header("x-request-id").expect("an id")),
                "{path}: {said}"
            );
        }
        let page = browser.page("/integrations").await;
        let links: Vec<String> = navigation(&page);
        let expected: &[&str] = match held.as_str() {
            "keys:read" => &["API keys"],
            "webhooks:read" => &["Webhooks", "Deliveries", "Connections"],
            "imports:read" => &["Imports"],
            "events:read" => &["Events"],
            "sentries:read" => &["Sentries"],
            "audit:read" => &["Audit"],
            _ => &[],
        };
        assert_eq!(links, expected, "{held}");
    }
    let page = Browser::at(&desk).await.page("/integrations/api-keys").await;
    let all = [
        "API keys",
        "Webhooks",
        "Deliveries",
        "Imports",
        "Events",
        "Sentries",
        "Connections",
        "Audit",
    ];
    assert_eq!(navigation(&page), all);
    let current = page.having("aria-current");
    assert_eq!(current.len(), 1);
    assert_eq!(current[0].text(), "API keys");
}

fn navigation(page: &Page) -> Vec<String> {
    let mut all = page.all("nav").into_iter();
    let main = all.find(|nav| nav.attribute("aria-label").as_deref() == Some("Main"));
    let links = main.map(|nav| nav.inside()).unwrap_or_default().into_iter();
    links
        .filter(|element| element.tag() == "a")
        .map(|link| link.text())
        .collect()
}

#[tokio::test]
async fn paths_methods_and_assets() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    for (path, status) in [
        ("/integrations/nothing", 404),
        (
            "/integrations/api-keys/key_0198c0de-0000-7000-8000-000000000001",
            404,
        ),
        ("/integrations/api-keys/x", 404),
        ("/integrations/api-keys?cursor=x", 422),
        ("/integrations/api-keys?unknown=1", 422),
        ("/integrations/assets/console.0000000000000000.css", 404),
    ] {
        let reply = browser.get(path).await;
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.header("content-security-policy"), Some(POLICY), "{path}");
        check(path, &Page::parse(reply.text()));
    }
    let reply = browser.post("/integrations/api-keys", &[]).await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
    let head = browser.call(Method::HEAD, "/integrations/api-keys").send().await;
    assert_eq!((head.status, head.body.len()), (200, 0));

    let page = browser.page("/integrations").await;
    let assets: Vec<(String, &str)> = [("script", "src", "text/javascript; charset=utf-8")]
        .into_iter()
        .map(|(tag, name, media_type)| (page.one(tag).attribute(name).expect("a path"), media_type))
        .chain(page.all("link").iter().map(|link| {
            let path = link.attribute("href").expect("a path");
            let media_type = if path.ends_with(".css") {
                "text/css; charset=utf-8"
            } else {
                "image/svg+xml"
            };
            (path, media_type)
        }))
        .collect();
    assert_eq!(assets.len(), 3);
    let nobody = Browser::new(desk.api.address);
    for (path, media_type) in assets {
        let reply = nobody.call(Method::GET, &path).send().await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some(media_type)),
            "{path}"
        );
        assert_eq!(
            reply.header("cache-control"),
            Some("public, max-age=31536000, immutable")
        );
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        let text = String::from_utf8_lossy(&reply.body).replace("http://www.w3.org", "");
        assert!(
            !text.contains("http://") && !text.contains("https://"),
            "{path} names another origin"
        );
    }
    let icon = nobody.call(Method::GET, "/favicon.ico").send().await;
    assert_eq!(
        (icon.status, icon.header("content-type")),
        (200, Some("image/svg+xml"))
    );
}

#[tokio::test]
async fn a_live_list_is_not_sent_again_while_it_is_the_same() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let first = browser.get("/integrations/api-keys").await.expect(200);
    let tag = first.header("etag").expect("a tag").to_owned();
    let again = browser
        .call(Method::GET, "/integrations/api-keys")
        .header("if-none-match", &tag);
    let again = again.send().await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let other = browser
        .call(Method::GET, "/integrations/api-keys?ended=true")
        .header("if-none-match", &tag);
    assert_eq!(other.send().await.status, 200);
    hostile_key(&desk).await;
    let changed = browser
        .call(Method::GET, "/integrations/api-keys")
        .header("if-none-match", &tag);
    assert_eq!(changed.send().await.status, 200);
}
