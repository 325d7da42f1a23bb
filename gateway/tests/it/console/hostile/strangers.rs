//! What strangers try: planted sessions, cookies of another scheme, places to be led to, hostile names, very many sessions.

use futures_util::StreamExt;
use http::Method;
use serde_json::json;
use stage::Desk;
use stage::desk::text;

use crate::console::browser::{Browser, encode};
use crate::console::every_page::check;
use crate::console::html::Page;

const SIGN_IN: &str = "/integrations/sign-in";

#[tokio::test]
async fn a_session_that_was_planted_is_not_the_one_that_is_signed_in() {
    let desk = Desk::open().await;
    let name = format!("gw_{}", desk.api.address.port());
    let mut attacker = Browser::new(desk.api.address);
    let page = attacker.get(SIGN_IN).await;
    assert!(
        page.header("set-cookie").is_none(),
        "nobody gets a session before they sign in"
    );

    for planted in ["0".repeat(64), "x".to_owned()] {
        let mut victim = Browser::new(desk.api.address);
        victim.cookies.insert(name.clone(), planted.clone());
        let key = desk.api.key.clone().expect("a key");
        victim.post(SIGN_IN, &[("key", &key)]).await.expect(303);
        assert_ne!(victim.cookies[&name], planted);
        assert_eq!(victim.get("/integrations").await.status, 200);
        attacker.cookies.insert(name.clone(), planted);
        assert_eq!(attacker.get("/integrations").await.status, 303);
    }

    // A session of the attacker's own, planted into the victim's browser, ends when the victim signs in.
    let own = desk
        .make_key(&json!({"name": "attacker", "scopes": ["crm:read"]}))
        .await;
    let mut attacker = Browser::with_key(desk.api.address, &text(&own, "key")).await;
    let mut victim = attacker.clone();
    let key = desk.api.key.clone().expect("a key");
    victim.post(SIGN_IN, &[("key", &key)]).await.expect(303);
    assert_ne!(victim.cookies[&name], attacker.cookies[&name]);
    assert_eq!(attacker.get("/integrations").await.status, 303);
}

#[tokio::test]
async fn a_cookie_counts_under_the_scheme_that_it_was_given_by() {
    let settings = [("GATEWAY_SERVER__TRUSTED_PROXIES", "127.0.0.1")];
    let (_gateway, _database, desk) = Desk::own(&settings).await;
    let key = desk.api.key.clone().expect("a key");
    let nobody = Browser::new(desk.api.address);
    let call = nobody
        .call(Method::POST, SIGN_IN)
        .header("x-forwarded-proto", "https")
        .header("sec-fetch-site", "same-origin");
    let form = encode(&[("key", &key)]);
    let secure = call.body("application/x-www-form-urlencoded", form).send().await;
    let cookie = secure
        .expect(303)
        .header("set-cookie")
        .expect("a cookie")
        .to_owned();
    let pair = cookie.split(';').next().expect("a pair").to_owned();
    assert!(pair.starts_with("__Host-gw="), "{pair}");
    let ask = |scheme: &'static str, cookie: String| {
        let call = nobody.call(Method::GET, "/integrations");
        call.header("x-forwarded-proto", scheme)
            .header("cookie", &cookie)
            .send()
    };
    assert_eq!(ask("https", pair.clone()).await.status, 200);
    assert_eq!(ask("http", pair).await.status, 303);
    let plain = Browser::at(&desk).await;
    let (name, secret) = plain.cookies.iter().next().expect("a cookie");
    assert_eq!(ask("http", format!("{name}={secret}")).await.status, 200);
    assert_eq!(ask("https", format!("{name}={secret}")).await.status, 303);
}

#[tokio::test]
async fn links_and_the_time_zone_lead_to_pages_of_the_console_alone() {
    let desk = Desk::open().await;
    let evil = [
        "//evil.example",
        "https://evil.example/integrations",
        "/\\evil.example",
        "/v1/whoami",
        "javascript:alert(1)",
    ];
    for next in evil {
        let link = desk.api.post("/v1/console-links", &json!({})).await.ok(201);
        let url = text(&link, "url");
        let path = &url[url.find("/integrations/").expect("a page")..];
        let path = format!("{path}&{}", encode(&[("next", next)]));
        let nobody = Browser::new(desk.api.address);
        let call = nobody
            .call(Method::GET, &path)
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-site", "none");
        let reply = call.send().await;
        assert_eq!(
            (reply.status, reply.header("location")),
            (303, Some("/integrations")),
            "{next}"
        );
    }
    let mut browser = Browser::at(&desk).await;
    for back in evil {
        let fields = [("zone", "local"), ("back", back)];
        let reply = browser.post("/integrations/time-zone", &fields).await;
        assert_eq!(reply.header("location"), Some("/integrations"), "{back}");
    }
    let broken = [("zone", "utc"), ("back", "/integrations/a\r\nSet-Cookie: x=y")];
    let reply = browser.post("/integrations/time-zone", &broken).await;
    assert_eq!(reply.headers.get_all("set-cookie").iter().count(), 1);
}

#[tokio::test]
async fn an_expired_link_tells_the_cure() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let link = desk.api.post("/v1/console-links", &json!({})).await.ok(201);
    let url = text(&link, "url");
    let path = &url[url.find("/integrations/").expect("a page")..];
    database
        .run("update console_links set expires_at = now() - interval '1 second'")
        .await;
    let nobody = Browser::new(desk.api.address);
    let call = nobody
        .call(Method::GET, path)
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .header("sec-fetch-site", "none");
    let reply = call.send().await;
    assert_eq!((reply.status, reply.header("set-cookie")), (410, None));
    check("410", &Page::parse(reply.text()));
    assert!(reply.text().contains("gateway console-link"));
}

#[tokio::test]
async fn file_names_and_answers_with_markup_are_text() {
    let desk = Desk::open().await;
    let name = "a\"b'\r\nSet-Cookie: x=y<script>alert(1)</script>.csv";
    let query = format!("object=contact&{}", encode(&[("filename", name)]));
    let job = desk
        .api
        .import(&query, b"email,<script>alert(2)</script>\nnobody,x\n")
        .await
        .ok(201);
    let mut browser = Browser::at(&desk).await;
    let detail = format!("/integrations/imports/{}", text(&job, "id"));
    for path in [
        "/integrations".to_owned(),
        "/integrations/imports".to_owned(),
        "/integrations/audit".to_owned(),
        detail.clone(),
        format!("{detail}/undo"),
        format!("{detail}/discard"),
    ] {
        let reply = browser.get(&path).await.expect(200);
        assert!(!reply.text().contains("<script>alert"), "{path}");
        assert!(reply.text().contains("&#60;script&#62;alert(1)"), "{path}");
        check(&path, &Page::parse(reply.text()));
    }
    let errors = browser
        .get(&format!("{detail}/errors.csv?original=true"))
        .await
        .expect(200);
    assert_eq!(errors.headers.get_all("set-cookie").iter().count(), 0);
    assert_eq!(errors.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(
        errors.header("content-disposition"),
        Some("attachment; filename=\"errors.csv\"")
    );
}

#[tokio::test]
async fn ten_thousand_sessions_of_one_key() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let made = desk
        .make_key(&json!({"name": "shared", "scopes": ["keys:read", "keys:write"]}))
        .await;
    let (id, uuid) = (text(&made, "id"), text(&made, "id").replace("key_", ""));
    let mut own = Browser::with_key(desk.api.address, &text(&made, "key")).await;
    database
        .run(&format!(
            "insert into console_sessions (id, workspace_id, key_id, key_digest, digest, scopes, ip, expires_at)
             select gen_random_uuid(), k.workspace_id, k.id, k.digest, sha256(convert_to(lpad(n::text, 64, '0'), 'UTF8')),
                 k.scopes, '127.0.0.1', now() + interval '1 hour'
             from api_keys k, generate_series(1, 9999) n where k.id = '{uuid}'"
        ))
        .await;
    let name = format!("gw_{}", desk.api.address.port());
    let as_number = |number: u32| {
        let mut browser = Browser::new(desk.api.address);
        browser.cookies.insert(name.clone(), format!("{number:064}"));
        async move { browser.get("/integrations/api-keys/new").await.status }
    };
    // More than an instance remembers.
    let statuses = futures_util::stream::iter(1..=2_100)
        .map(as_number)
        .buffer_unordered(16);
    let statuses: Vec<u16> = statuses.collect().await;
    assert_eq!(statuses.iter().find(|status| **status != 200), None);
    assert_eq!(as_number(9_999).await, 200);

    let detail = format!("/integrations/api-keys/{id}");
    let reply = own.get(&detail).await.expect(200);
    assert!(reply.text().len() < 60_000, "{} bytes", reply.text().len());
    let listed = desk.api.get(&format!("/v1/api-keys/{id}/sessions")).await.ok(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(50));
    assert!(listed["next_cursor"].is_string());

    let path = format!("{detail}/sessions");
    let form_id = own.page(&path).await.value("form_id").expect("an id");
    own.post(&path, &[("form_id", &form_id)]).await.expect(303);
    assert_eq!(database.count("select count(*) from console_sessions").await, 0);
    for number in [1, 2_100, 9_999] {
        assert_eq!(as_number(number).await, 303, "{number}");
    }
}
