//! One-time links: who makes them, who redeems them, and once.

use http::Method;
use serde_json::{Value, json};
use stage::desk::text;
use stage::{Cluster, Desk, Gateway, Reply, cli};

use super::browser::{Browser, encode};
use super::every_page::check;
use super::html::Page;

const NAVIGATION: [(&str, &str); 3] = [
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-site", "none"),
];

/// The path and query of a link.
fn path(url: &str) -> String {
    let at = url.find("/integrations/").expect("a page of the console");
    url[at..].to_owned()
}

async fn link(desk: &Desk, body: Value) -> (String, String) {
    let made = desk.api.post("/v1/console-links", &body).await;
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.ok(201);
    (text(&made, "id"), path(&text(&made, "url")))
}

/// Opens a link as somebody who clicks it does, with some header otherwise.
async fn open(browser: &Browser, path: &str, otherwise: &[(&'static str, &str)]) -> Reply {
    let call = NAVIGATION
        .iter()
        .fold(browser.call(Method::GET, path), |call, (name, value)| {
            call.header(name, value)
        });
    otherwise
        .iter()
        .fold(call, |call, (name, value)| call.header(name, value))
        .send()
        .await
}

#[tokio::test]
async fn a_link_signs_in_once_with_its_scopes_and_leads_to_its_page() {
    let desk = Desk::open().await;
    let body =
        json!({"scopes": ["keys:read", "keys:write"], "next": "/integrations/api-keys", "label": "for Ann"});
    let (id, path) = link(&desk, body).await;
    let mut browser = Browser::new(desk.api.address);
    let reply = open(&browser, &path, &[]).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (303, Some("/integrations/api-keys"))
    );
    let cookie = reply.header("set-cookie").expect("a cookie");
    let (name, secret) = cookie
        .split(';')
        .next()
        .and_then(|pair| pair.split_once('='))
        .expect("a pair");
    browser.cookies.insert(name.to_owned(), secret.to_owned());

    // It has the link's scopes, and gives no others.
    assert_eq!(browser.get("/integrations/sentries").await.status, 403);
    let page = browser.page("/integrations/api-keys/new").await;
    let form_id = page.value("form_id").expect("an id");
    let wide = [
        ("form_id", form_id.as_str()),
        ("name", "wide"),
        ("scopes", "crm:read"),
    ];
    let reply = browser.post("/integrations/api-keys/new", &wide).await;
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains("crm:read"));

    // A second time it only leads on who has a session already.
    assert_eq!(open(&browser, &path, &[]).await.status, 303);
    let stranger = Browser::new(desk.api.address);
    let used = open(&stranger, &path, &[]).await;
    assert_eq!(used.status, 410);
    check("410", &Page::parse(used.text()));
    assert!(used.text().contains("gateway console-link"));

    let listed = desk.api.get("/v1/console-links").await.ok(200);
    let row = &listed["data"][0];
    assert_eq!(
        (text(row, "id"), text(row, "label")),
        (id.clone(), "for Ann".to_owned())
    );
    assert!(row["used_at"].is_string() && row.get("url").is_none(), "{row}");
    assert_eq!(row["session_hours"], json!(12.0));

    // Its end is that of its sessions.
    desk.api
        .delete(&format!("/v1/console-links/{id}"))
        .await
        .no_content();
    assert_eq!(browser.get("/integrations/api-keys").await.status, 303);
    desk.api
        .delete(&format!("/v1/console-links/{id}"))
        .await
        .problem(404, "not_found");
    let trail = desk.api.get("/v1/audit?limit=4").await.ok(200);
    let actions: Vec<String> = trail["data"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| text(entry, "action"))
        .collect();
    for action in [
        "console_link.created",
        "console.signed_in",
        "console_link.deleted",
    ] {
        assert!(actions.contains(&action.to_owned()), "{actions:?}");
    }
}

#[tokio::test]
async fn what_only_looks_at_a_link_does_not_spend_it() {
    let desk = Desk::open().await;
    let (_, path) = link(&desk, json!({})).await;
    let browser = Browser::new(desk.api.address);
    let code = path.split("code=").nth(1).expect("a code").to_owned();
    for looking in [
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-dest", "iframe"),
        ("sec-fetch-site", "cross-site"),
        ("sec-purpose", "prefetch"),
    ] {
        let reply = open(&browser, &path, &[looking]).await;
        assert_eq!(reply.status, 200, "{looking:?}");
        assert!(reply.header("set-cookie").is_none());
    }
    let robot = browser.call(Method::GET, &path).send().await;
    let page = Page::parse(robot.text());
    check(&path, &page);
    let main = page.one("main").inside();
    let buttons: Vec<String> = main
        .iter()
        .filter(|inner| inner.tag() == "button")
        .map(|button| button.text())
        .collect();
    assert_eq!(buttons, ["Sign in"]);
    assert!(page.by_id("key").is_none());
    let head = NAVIGATION
        .iter()
        .fold(browser.call(Method::HEAD, &path), |call, (name, value)| {
            call.header(name, value)
        });
    let head = head.send().await;
    assert_eq!((head.status, head.header("set-cookie")), (200, None));

    let form = encode(&[("code", &code), ("next", "/integrations/sentries")]);
    let post = |headers: &[(&'static str, &str)]| {
        let call = browser.call(Method::POST, "/integrations/sign-in");
        let call = call.body("application/x-www-form-urlencoded", form.clone());
        headers
            .iter()
            .fold(call, |call, (name, value)| call.header(name, value))
            .send()
    };
    assert_eq!(post(&[("sec-fetch-site", "cross-site")]).await.status, 403);
    assert_eq!(post(&[("origin", "null")]).await.status, 403);
    let reply = post(&[]).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (303, Some("/integrations/sentries"))
    );
    assert_eq!(post(&[]).await.status, 410);
}

#[tokio::test]
async fn of_two_instances_one_redeems() {
    let database = Cluster::shared().database().await;
    let gateways = [
        Gateway::start(&database.url(), &[]).await,
        Gateway::start(&database.url(), &[]).await,
    ];
    let desk = Desk::at(&gateways[0], &database).await;
    for _ in 0..5 {
        let (_, path) = link(&desk, json!({})).await;
        let browsers = gateways.each_ref().map(|gateway| Browser::new(gateway.api));
        let (one, other) = tokio::join!(open(&browsers[0], &path, &[]), open(&browsers[1], &path, &[]));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 410]);
    }
    assert_eq!(database.count("select count(*) from console_sessions").await, 5);
    let kept = database.dump("console_links").await + &database.dump("console_sessions").await;
    let (_, path) = link(&desk, json!({})).await;
    assert!(!kept.contains(path.split("code=").nth(1).expect("a code")));
}

#[tokio::test]
async fn what_a_link_may_be() {
    let desk = Desk::open().await;
    for (body, field) in [
        (json!({"next": "https://evil.example"}), "body.next"),
        (json!({"next": "/v1/whoami"}), "body.next"),
        (json!({"scopes": []}), "body.scopes"),
        (json!({"scopes": ["all"]}), "body.scopes[0]"),
        (json!({"expires_in_seconds": 0}), "body.expires_in_seconds"),
        (json!({"expires_in_seconds": 604_801}), "body.expires_in_seconds"),
        (json!({"session_hours": 13}), "body.session_hours"),
        (json!({"label": "x".repeat(201)}), "body.label"),
        (json!({"url": "x"}), "body.url"),
    ] {
        let problem = desk
            .api
            .post("/v1/console-links", &body)
            .await
            .problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["location"], field, "{body}");
    }
    let narrow = desk.with_scopes(&["keys:write"]).await;
    let wide = json!({"scopes": ["keys:write", "crm:read"]});
    narrow
        .post("/v1/console-links", &wide)
        .await
        .problem(403, "scope_missing");
    narrow
        .get("/v1/console-links")
        .await
        .problem(403, "scope_missing");
    let call = narrow
        .post_call("/v1/console-links", &json!({}))
        .header("idempotency-key", "once");
    let first = call.send().await.ok(201);
    let call = narrow
        .post_call("/v1/console-links", &json!({}))
        .header("idempotency-key", "once");
    let again = call.send().await.ok(201);
    assert_eq!((again["id"] == first["id"], &again["url"]), (true, &Value::Null));
}

#[tokio::test]
async fn the_command_prints_a_link() {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let url = database.url();
    let base = format!("http://{}", gateway.api);
    // Without --key a key of `default` that has all scopes.
    let refused = cli::run(&url, &["console-link"], &[]);
    assert_eq!(refused.status.code(), Some(1));
    cli::make_key(&url, "default", "*");
    let printed = cli::succeed(&url, &["console-link", "--expires", "90s", "--url", &base]);
    assert!(
        printed.starts_with(&format!("{base}/integrations/sign-in?code=")),
        "{printed}"
    );
    stage::eventually("the key is known", stage::SOON, async || {
        let spare = cli::succeed(&url, &["console-link", "--url", &base]);
        open(&Browser::new(gateway.api), &path(spare.trim()), &[])
            .await
            .status
            == 303
    })
    .await;
    let reply = open(&Browser::new(gateway.api), &path(printed.trim()), &[]).await;
    assert_eq!(reply.header("location"), Some("/integrations"));

    let made = desk
        .make_key(&json!({"name": "mine", "scopes": ["keys:read"]}))
        .await;
    let id = text(&made, "id");
    cli::succeed(&url, &["console-link", "--key", &id]);
    desk.api
        .post(&format!("/v1/api-keys/{id}/revoke"), &json!({}))
        .await
        .ok(200);
    for arguments in [
        &["console-link", "--key", &id][..],
        &[
            "console-link",
            "--key",
            "key_0198c0de-0000-7000-8000-000000000001",
        ],
        &["console-link", "--key", "x"],
        &["console-link", "--expires", "10d"],
    ] {
        assert!(!cli::run(&url, arguments, &[]).status.success(), "{arguments:?}");
    }
}
