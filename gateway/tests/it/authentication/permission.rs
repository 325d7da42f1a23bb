//! 403 and 429: what a key may do, from where, and how often.

use serde_json::json;

use stage::{Desk, desk::text};

#[tokio::test]
async fn a_missing_scope_is_named() {
    let desk = Desk::open().await;
    let narrow = desk.with_scopes(&["crm:read"]).await;
    let reply = narrow.post("/v1/events", &json!({})).await;
    let problem = reply.problem(403, "scope_missing");
    assert!(text(&problem, "detail").contains("events:write"), "{problem}");
    let challenge = "Bearer realm=\"gateway\", error=\"insufficient_scope\", scope=\"events:write\"";
    assert_eq!(reply.header("www-authenticate"), Some(challenge));
    // A read scope is not in a write scope.
    let writer = desk.with_scopes(&["events:write"]).await;
    writer.get("/v1/events").await.problem(403, "scope_missing");
}

#[tokio::test]
async fn any_key_may_ask_who_it_is() {
    let desk = Desk::open().await;
    let narrow = desk.with_scopes(&["crm:read"]).await;
    let who = narrow.get("/v1/whoami").await.ok(200);
    assert_eq!(who["name"], "narrow");
    assert_eq!(who["workspace"], desk.workspace.as_str());
    assert_eq!(who["scopes"], json!(["crm:read"]));
    assert_eq!(who["expires_at"], json!(null));
    assert!(text(&who, "key_id").starts_with("key_"));
    let fields: Vec<&String> = who.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["expires_at", "key_id", "name", "scopes", "workspace"]);
    let scopes = narrow.get("/v1/scopes").await.ok(200);
    assert_eq!(scopes["data"].as_array().map(Vec::len), Some(15));
}

#[tokio::test]
async fn an_allow_list_holds_and_is_given_back_as_sent() {
    let desk = Desk::open().await;
    let elsewhere = desk
        .make_key(
            &json!({"name": "far", "scopes": ["keys:read"], "ip_allowlist": ["192.0.2.7", "2001:db8::/32"]}),
        )
        .await;
    assert_eq!(elsewhere["ip_allowlist"], json!(["192.0.2.7", "2001:db8::/32"]));
    let far = desk.api.with_key(&text(&elsewhere, "key"));
    far.get("/v1/whoami").await.problem(403, "ip_not_allowed");
    // Nobody vouches for this address, so it is not believed.
    let call = far.get_call("/v1/whoami").header("x-forwarded-for", "192.0.2.7");
    call.send().await.problem(403, "ip_not_allowed");
    let here = desk
        .make_key(&json!({"name": "near", "scopes": ["keys:read"], "ip_allowlist": ["127.0.0.0/8"]}))
        .await;
    desk.whoami(&here).await.ok(200);
}

#[tokio::test]
async fn a_trusted_proxy_vouches_for_its_clients() {
    let (gateway, _database, desk) =
        Desk::own(&[("GATEWAY_SERVER__TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8")]).await;
    let made = desk
        .make_key(&json!({"name": "far", "scopes": ["keys:read"], "ip_allowlist": ["192.0.2.7"]}))
        .await;
    let far = gateway.with_key(&text(&made, "key"));
    let from = |chain: &'static str| far.get_call("/v1/whoami").header("x-forwarded-for", chain).send();
    from("192.0.2.7").await.ok(200);
    from("192.0.2.7, 10.1.2.3").await.ok(200);
    // What stands before an address that is not trusted may be forged.
    from("192.0.2.7, 198.51.100.1")
        .await
        .problem(403, "ip_not_allowed");
    far.get("/v1/whoami").await.problem(403, "ip_not_allowed");
}

#[tokio::test]
async fn a_429_says_how_long_to_wait() {
    let desk = Desk::open().await;
    let made = desk
        .make_key(&json!({"name": "slow", "scopes": ["keys:read"], "rate_limit_per_second": 2}))
        .await;
    let slow = desk.api.with_key(&text(&made, "key"));
    let mut limited = None;
    for _ in 0..20 {
        let reply = slow.get("/v1/whoami").await;
        if reply.status == 429 {
            limited = Some(reply);
            break;
        }
        reply.ok(200);
        assert!(reply.header("ratelimit").is_none() && reply.header("ratelimit-policy").is_none());
    }
    let limited = limited.expect("20 requests in a row are more than 2 a second");
    limited.problem(429, "rate_limited");
    let wait: u64 = limited
        .header("retry-after")
        .expect("a wait")
        .parse()
        .expect("seconds");
    assert!(wait >= 1);
    let policy = limited.header("ratelimit-policy").expect("a policy");
    assert!(policy.contains("q=2") && policy.contains("w=1"), "{policy}");
    let state = limited.header("ratelimit").expect("a state");
    assert!(state.contains("r=0") && state.contains("t="), "{state}");
    // As long as the reply says, and not longer.
    tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
    slow.get("/v1/whoami").await.ok(200);
}
