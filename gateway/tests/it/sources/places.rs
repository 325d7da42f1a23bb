//! Where sources are reached: the listener of their own, and the URL that vendors know.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use ring::hmac::{HMAC_SHA256, Key, sign};
use serde_json::json;
use stage::desk::text;
use stage::{Api, Desk, port};

use super::Source;
use super::signed::{SECRET, now, stripe};

#[tokio::test]
async fn a_listener_of_their_own_serves_sources_and_nothing_else() {
    let address = format!("127.0.0.1:{}", port::unused_port());
    let environment = [("GATEWAY_SOURCES__LISTEN", address.as_str())];
    let (gateway, _database, desk) = Desk::own(&environment).await;
    let mut source = Source::make(&desk, "stripe", json!({"signing_secret": SECRET})).await;
    let only = Api::new(address.parse().expect("an address"), desk.api.key.as_deref());
    for path in ["/openapi.json", "/integrations", "/hoots/x", "/", "/inn/x"] {
        only.get(path).await.problem(404, "not_found");
    }
    // The description of the API, which replies are held against, knows of no such listener.
    let mut wire = only.begin("GET", "/v1/whoami", &[]).await;
    assert_eq!(wire.answer().await.expect("an answer").status, 404);
    source.api = only;
    assert_eq!(stripe(&source, SECRET, r#"{"id":"1"}"#).send().await.status, 200);
    source.api = gateway.anonymous();
    assert_eq!(stripe(&source, SECRET, r#"{"id":"2"}"#).send().await.status, 200);
}

#[tokio::test]
async fn a_signed_url_is_the_one_that_vendors_know() {
    let public = "https://hooks.example.com/gateway/";
    let environment = [("GATEWAY_SERVER__PUBLIC_URL", public)];
    let (_gateway, _database, desk) = Desk::own(&environment).await;
    let secrets = json!({"client_secret": SECRET});
    let body = json!({"name": "in", "connector": "hubspot", "secrets": secrets});
    let made = desk.api.post("/v1/sources", &body).await.ok(201);
    let url = text(&made, "url");
    assert!(url.starts_with("https://hooks.example.com/gateway/in/"), "{url}");
    let source = Source::of(&desk, &made);
    let body = r#"[{"subscriptionId":1,"eventId":2,"objectId":3,"occurredAt":4,"subscriptionType":"contact.creation"}]"#;
    let at = now() * 1000;
    let send = async |url: &str| {
        let signed = format!("POST{url}?a=%20b{body}{at}");
        let signature = sign(&Key::new(HMAC_SHA256, SECRET.as_bytes()), signed.as_bytes());
        let call = source.api.call(Method::POST, &format!("{}?a=%20b", source.path));
        call.body("application/json", body)
            .header("x-hubspot-request-timestamp", at.to_string())
            .header("x-hubspot-signature-v3", STANDARD.encode(signature))
            .send()
            .await
    };
    send(&url.replace("https", "http"))
        .await
        .problem(401, "signature_invalid");
    assert_eq!(send(&url).await.status, 204);
}
