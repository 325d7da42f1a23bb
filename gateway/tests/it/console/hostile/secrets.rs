//! A secret is shown once, whatever one does with the back button and with a second tab.

use serde_json::json;
use stage::Desk;
use stage::desk::text;

use crate::console::browser::Browser;
use crate::console::html::Page;

const ONCE: &str = "The secret cannot be shown again.";

fn shown(page: &Page) -> Vec<String> {
    let inputs = page.having("data-secret").into_iter();
    inputs.filter_map(|input| input.attribute("value")).collect()
}

#[tokio::test]
async fn after_going_back_no_secret_comes_again() {
    let desk = Desk::open().await;
    let key = desk
        .make_key(&json!({"name": "a key", "scopes": ["crm:read"]}))
        .await;
    let key = format!("/integrations/api-keys/{}/rotate", text(&key, "id"));
    let hook = json!({"name": "a hook", "url": "http://127.0.0.1:9/x", "events": ["deal.won"]});
    let hook = desk.api.post("/v1/webhooks", &hook).await.ok(201);
    let hook = format!("/integrations/webhooks/{}/rotate", text(&hook, "id"));
    let mut browser = Browser::at(&desk).await;
    for (path, fields) in [
        (
            "/integrations/api-keys/new",
            [("name", "new"), ("scopes", "crm:read")],
        ),
        (
            "/integrations/webhooks/new",
            [("name", "new"), ("events", "deal.won")],
        ),
        (key.as_str(), [("overlap_seconds", "0"), ("overlap", "0")]),
        (hook.as_str(), [("overlap_seconds", "0"), ("overlap", "0")]),
    ] {
        let form_id = browser.page(path).await.value("form_id").expect("an id");
        let mut form = vec![("form_id", form_id.as_str()), ("url", "http://127.0.0.1:9/y")];
        form.extend(fields);
        let reply = browser.post(path, &form).await;
        assert_eq!(
            reply.status,
            200,
            "{path}: {}",
            Page::parse(reply.text()).one("main").text()
        );
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        let secrets = shown(&Page::parse(reply.text()));
        assert!(
            !secrets.is_empty() && secrets.iter().all(|secret| secret.len() > 20),
            "{path}"
        );

        // Forth again: the browser sends the form once more.
        let again = browser.post(path, &form).await.expect(200);
        assert!(again.text().contains(ONCE), "{path}: {}", again.text());
        for secret in &secrets {
            assert!(!again.text().contains(secret), "{path}");
        }
        // Back: the form is not kept by the browser either, and the new one has an id of its own.
        let back = browser.get(path).await;
        assert_eq!(back.header("cache-control"), Some("no-store"), "{path}");
        assert_ne!(
            Page::parse(back.text()).value("form_id").as_deref(),
            Some(form_id.as_str())
        );
    }
}

#[tokio::test]
async fn two_tabs_have_each_a_form_and_one_session() {
    let desk = Desk::open().await;
    let mut one = Browser::at(&desk).await;
    let mut two = one.clone();
    let path = "/integrations/api-keys/new";
    let first = one.page(path).await.value("form_id").expect("an id");
    let second = two.page(path).await.value("form_id").expect("an id");
    assert_ne!(first, second);
    let fields = |form_id: &'static str, name: &'static str| {
        [("form_id", form_id), ("name", name), ("scopes", "crm:read")]
    };
    let (first, second): (&str, &str) = (first.leak(), second.leak());
    one.post(path, &fields(first, "of one tab")).await.expect(200);
    two.post(path, &fields(second, "of the other")).await.expect(200);
    // The form of one tab with another's contents is no repeat.
    let mixed = two.post(path, &fields(first, "of the other")).await;
    assert_eq!(mixed.status, 422, "{}", mixed.text());
    let page = one.page("/integrations/api-keys").await;
    for name in ["of one tab", "of the other"] {
        assert!(page.saying("a", name).is_some(), "{name}");
    }

    // Signed out in one, the other can do nothing more, and says where to go.
    let third = two.page(path).await.value("form_id").expect("an id");
    one.post("/integrations/sign-out", &[]).await.expect(303);
    let late = two.post(path, &fields(third.leak(), "too late")).await;
    assert_eq!(late.status, 401);
    assert!(Page::parse(late.text()).saying("a", "Sign in").is_some());
    let asked = two.get("/integrations/api-keys").await;
    assert!(
        asked
            .expect(303)
            .header("location")
            .is_some_and(|location| location.starts_with("/integrations/sign-in?next=")),
    );
    let keys = desk.api.get("/v1/api-keys").await.ok(200);
    assert!(!keys.to_string().contains("too late"));
}
