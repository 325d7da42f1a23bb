//! Signing in and out, and who is let in: hosts, origins, keys, addresses.

use http::Method;
use serde_json::json;
use stage::desk::text;
use stage::{Desk, SOON, eventually};

use super::browser::{Browser, encode};
use super::every_page::check;
use super::html::Page;

const SIGN_IN: &str = "/integrations/sign-in";

#[tokio::test]
async fn a_key_signs_in_and_leads_to_the_page_that_was_asked_for() {
    let desk = Desk::open().await;
    let mut browser = Browser::new(desk.api.address);
    let asked = browser.get("/integrations/api-keys?ended=true").await;
    let location = asked
        .expect(303)
        .header("location")
        .expect("a location")
        .to_owned();
    assert!(location.starts_with("/integrations/sign-in?next="), "{location}");
    let page = browser.page(&location).await;
    check(&location, &page);
    assert_eq!(page.one("title").text(), "Sign in · Sentinel Gateway");
    assert_eq!(page.all("nav").len(), 0);
    assert!(page.saying("button", "Sign out").is_none());
    assert!(
        page.by_id("key")
            .is_some_and(|key| key.attribute("type").as_deref() == Some("password"))
    );
    let next = page.value("next").expect("next");

    // A wrong key is told as the API tells it, and forgotten; next is not.
    let wrong = format!("sk_{}", "0".repeat(64));
    let reply = browser.post(SIGN_IN, &[("key", &wrong), ("next", &next)]).await;
    assert_eq!(reply.status, 422);
    assert!(!reply.text().contains(&wrong), "the key is not filled in again");
    let page = Page::parse(reply.text());
    check(SIGN_IN, &page);
    let alert = page.role("alert").expect("an alert");
    assert!(
        alert.starts_with("There is a problem") && alert.contains("This is not a key that exists."),
        "{alert}"
    );
    assert!(alert.contains("key_invalid"), "{alert}");
    assert_eq!(page.value("next").as_deref(), Some(next.as_str()));
    assert_eq!(
        page.by_id("key")
            .and_then(|key| key.attribute("aria-invalid"))
            .as_deref(),
        Some("true")
    );

    let key = format!("  {}\n", desk.api.key.as_deref().expect("a key"));
    let reply = browser.post(SIGN_IN, &[("key", &key), ("next", &next)]).await;
    assert_eq!(
        reply.header("location"),
        Some("/integrations/api-keys?ended=true")
    );
    let cookie = reply.header("set-cookie").expect("a cookie").to_owned();
    let name = format!("gw_{}", desk.api.address.port());
    assert!(cookie.starts_with(&format!("{name}=")), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/integrations; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    let page = browser.follow(&reply).await;
    assert!(page.one("header").text().contains(&desk.workspace));

    // The session's secret is nowhere but in the cookie, and is not a key of the API.
    let secret = browser.cookies[&name].clone();
    let bearer = browser.api.with_key(&secret).get("/v1/whoami").await;
    bearer.problem(401, "key_invalid");
    let by_cookie = browser.call(Method::GET, "/v1/whoami").send().await;
    by_cookie.problem(401, "key_missing");
    // And a bearer is no session.
    let by_bearer = desk.api.get("/integrations/api-keys").await;
    assert_eq!(by_bearer.status, 303);

    let reply = browser.post("/integrations/sign-out", &[]).await;
    assert_eq!(reply.header("location"), Some(SIGN_IN));
    assert!(!browser.cookies.contains_key(&name));
    browser.cookies.insert(name, secret);
    assert_eq!(
        browser.get("/integrations").await.status,
        303,
        "the session itself is over"
    );
    assert_eq!(browser.post("/integrations/api-keys/new", &[]).await.status, 401);
}

#[tokio::test]
async fn keys_that_ended_and_addresses_that_are_not_allowed() {
    let desk = Desk::open().await;
    let mut browser = Browser::new(desk.api.address);
    let mut told = async |key: &str, code: &str| {
        let reply = browser.post(SIGN_IN, &[("key", key)]).await;
        assert_eq!(reply.status, 422, "{code}");
        let alert = Page::parse(reply.text()).role("alert").expect("an alert");
        assert!(alert.contains(code), "{alert}");
    };
    told("", "key_invalid").await;
    let revoked = desk
        .make_key(&json!({"name": "revoked", "scopes": ["crm:read"]}))
        .await;
    let path = format!("/v1/api-keys/{}/revoke", text(&revoked, "id"));
    desk.api.post(&path, &json!({})).await.ok(200);
    told(&text(&revoked, "key"), "key_revoked").await;
    let elsewhere = json!({"name": "elsewhere", "scopes": ["crm:read"], "ip_allowlist": ["192.0.2.0/24"]});
    let elsewhere = desk.make_key(&elsewhere).await;
    told(&text(&elsewhere, "key"), "ip_not_allowed").await;
}

#[tokio::test]
async fn wrong_keys_are_throttled_like_the_apis() {
    let settings = [
        ("GATEWAY_KEYS__FAILURES_PER_SECOND", "1"),
        ("GATEWAY_KEYS__FAILURE_BURST", "3"),
    ];
    let (_gateway, _database, desk) = Desk::own(&settings).await;
    let mut browser = Browser::new(desk.api.address);
    let wrong = format!("sk_{}", "0".repeat(64));
    let mut last = browser.post(SIGN_IN, &[("key", &wrong)]).await;
    for _ in 0..5 {
        last = browser.post(SIGN_IN, &[("key", &wrong)]).await;
    }
    assert_eq!(last.status, 429);
    assert!(last.header("retry-after").is_some());
    assert!(
        Page::parse(last.text())
            .role("alert")
            .expect("an alert")
            .contains("rate_limited")
    );
    Browser::at(&desk).await;
}

#[tokio::test]
async fn hosts_and_origins_that_are_not_ours() {
    let desk = Desk::open().await;
    let browser = Browser::at(&desk).await;
    let port = desk.api.address.port();
    for host in [
        "evil.example",
        "gateway.example.com",
        "192.0.2.1",
        "localhost.evil.example",
    ] {
        for path in [
            "/integrations",
            SIGN_IN,
            "/integrations/assets/x.css",
            "/favicon.ico",
        ] {
            let reply = browser.call(Method::GET, path).header("host", host).send().await;
            assert_eq!(reply.status, 421, "{host}{path}");
            check(path, &Page::parse(reply.text()));
        }
        let api = desk.api.get_call("/v1/whoami").header("host", host).send().await;
        assert_eq!(api.status, 200, "the API answers under any host");
    }
    for host in [
        format!("localhost:{port}"),
        format!("a.localhost:{port}"),
        "[::1]".into(),
    ] {
        let reply = browser
            .call(Method::GET, SIGN_IN)
            .header("host", &host)
            .send()
            .await;
        assert_eq!(reply.status, 200, "{host}");
    }

    let own = format!("http://{}", desk.api.address);
    let out = |headers: &[(&'static str, &str)]| {
        let call = browser.call(Method::POST, "/integrations/sign-out");
        let call = call.body("application/x-www-form-urlencoded", "");
        headers
            .iter()
            .fold(call, |call, (name, value)| call.header(name, value))
            .send()
    };
    for refused in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", &own)],
        &[("origin", "null")],
        &[("origin", "http://evil.example")],
        &[("origin", "http://127.0.0.1")],
    ] {
        let reply = out(refused).await;
        assert_eq!(reply.status, 403, "{refused:?}");
        assert!(reply.text().contains("cross_origin"));
    }
    let still = browser.call(Method::GET, "/integrations").send().await;
    assert_eq!(still.status, 200, "nobody was signed out");
    assert_eq!(out(&[("origin", &own)]).await.status, 303);
}

#[tokio::test]
async fn next_leads_to_pages_of_the_console_alone() {
    let desk = Desk::open().await;
    let mut browser = Browser::new(desk.api.address);
    let key = desk.api.key.clone().expect("a key");
    for next in [
        "//evil.example",
        "https://evil.example/integrations",
        "/\\evil.example",
        "/v1/whoami",
        "javascript:alert(1)",
        "/integrations/../docs",
        "/integrationsx",
        "",
    ] {
        let reply = browser.post(SIGN_IN, &[("key", &key), ("next", next)]).await;
        assert_eq!(reply.header("location"), Some("/integrations"), "{next}");
    }
    let reply = browser
        .post(
            SIGN_IN,
            &[("key", &key), ("next", "/integrations/a\r\nSet-Cookie: x=y")],
        )
        .await;
    assert_eq!(reply.headers.get_all("set-cookie").iter().count(), 1);
    assert_eq!(reply.header("location"), Some("/integrations/aSet-Cookie:%20x=y"));
}

#[tokio::test]
async fn https_behind_a_proxy_and_where_it_is_required() {
    let settings = [
        ("GATEWAY_SERVER__TRUSTED_PROXIES", "127.0.0.1"),
        ("GATEWAY_SERVER__PUBLIC_URL", "https://gateway.example.com"),
        ("GATEWAY_CONSOLE__REQUIRE_HTTPS", "true"),
    ];
    let (_gateway, _database, desk) = Desk::own(&settings).await;
    let key = desk.api.key.clone().expect("a key");
    let nobody = Browser::new(desk.api.address);
    let call = |scheme: &str| {
        let call = nobody
            .call(Method::POST, SIGN_IN)
            .header("host", "gateway.example.com");
        let call = call
            .header("x-forwarded-for", "192.0.2.5")
            .header("x-forwarded-proto", scheme);
        let call = call.header("origin", "https://gateway.example.com");
        call.body("application/x-www-form-urlencoded", encode(&[("key", &key)]))
            .send()
    };
    let plain = call("http").await;
    assert_eq!(plain.status, 403);
    assert!(plain.text().contains("https_required"));
    let secure = call("https").await;
    assert_eq!(secure.status, 303, "{}", secure.text());
    let cookie = secure.header("set-cookie").expect("a cookie");
    assert!(
        cookie.starts_with("__Host-gw=") && cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    assert!(secure.header("strict-transport-security").is_some());
    Browser::at(&desk).await;
}

#[tokio::test]
async fn plain_http_from_elsewhere_is_warned_of() {
    let settings = [("GATEWAY_SERVER__TRUSTED_PROXIES", "127.0.0.1")];
    let (_gateway, _database, desk) = Desk::own(&settings).await;
    let nobody = Browser::new(desk.api.address);
    let local = nobody.call(Method::GET, SIGN_IN).send().await;
    assert!(!local.text().contains("plain http"));
    let remote = nobody
        .call(Method::GET, SIGN_IN)
        .header("x-forwarded-for", "192.0.2.5")
        .send()
        .await;
    assert!(remote.text().contains("plain http"));
}

#[tokio::test]
async fn switched_off_there_are_no_pages() {
    let (_gateway, _database, desk) = Desk::own(&[("GATEWAY_CONSOLE__ENABLED", "false")]).await;
    let nobody = Browser::new(desk.api.address);
    for path in ["/integrations", SIGN_IN, "/integrations/api-keys", "/favicon.ico"] {
        nobody
            .call(Method::GET, path)
            .send()
            .await
            .problem(404, "not_found");
    }
    desk.api
        .post("/v1/console-links", &json!({}))
        .await
        .problem(409, "console_disabled");
}

#[tokio::test]
async fn with_the_database_away_the_frame_stands_and_the_session_survives() {
    let cluster: &'static stage::Cluster =
        Box::leak(Box::new(stage::Cluster::start(stage::cluster::Sync::Off)));
    let database = cluster.database().await;
    let gateway = stage::Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&gateway, &database).await;
    let mut browser = Browser::at(&desk).await;
    browser.page("/integrations/api-keys").await;
    cluster.kill();
    // The server's sessions outlive it for a moment.
    eventually("the database to be missed", SOON, async || {
        let call = browser.call(Method::GET, "/integrations/api-keys");
        call.send().await.status == 503
    })
    .await;
    let reply = browser.get("/integrations/api-keys").await;
    assert_eq!(reply.status, 503, "{}", reply.text());
    let page = Page::parse(reply.text());
    check("503", &page);
    assert!(
        page.one("header").text().contains(&desk.workspace),
        "{}",
        page.one("header").text()
    );
    assert!(page.saying("a", "API keys").is_some() && page.saying("button", "Sign out").is_some());
    assert!(
        page.one("main")
            .text()
            .contains(reply.header("x-request-id").expect("an id"))
    );
    cluster.restart();
    eventually("the session is there again", SOON * 2, async || {
        browser
            .call(Method::GET, "/integrations/api-keys")
            .send()
            .await
            .status
            == 200
    })
    .await;
}
