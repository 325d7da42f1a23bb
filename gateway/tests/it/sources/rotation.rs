//! Secrets and URLs that change while requests come in.

use serde_json::{Value, json};
use stage::desk::text;
use stage::{Desk, SOON, eventually};

use super::signed::{SECRET, stripe};
use super::{Source, path_of};

#[tokio::test]
async fn the_newest_two_secrets_verify_during_the_overlap() {
    let desk = Desk::open().await;
    let source = Source::make(&desk, "stripe", json!({"signing_secret": "first-secret"})).await;
    let rotate = |value: &str, overlap: u32| {
        let body = json!({"name": "signing_secret", "value": value, "overlap_seconds": overlap});
        let (api, path) = (desk.api.clone(), source.at("/secrets"));
        async move { api.post(&path, &body).await.ok(200) }
    };
    let status = async |secret: &str, body: &str| stripe(&source, secret, body).send().await.status;
    rotate("second-secret", 3600).await;
    assert_eq!(status("first-secret", r#"{"id":"1"}"#).await, 200);
    assert_eq!(status("second-secret", r#"{"id":"2"}"#).await, 200);
    let shown = source.shown(&desk).await;
    assert!(
        shown["secrets"]["signing_secret"]["previous_until"].is_string(),
        "{shown}"
    );
    rotate("third-secret", 3600).await;
    assert_eq!(
        status("first-secret", r#"{"id":"3"}"#).await,
        401,
        "the third newest"
    );
    assert_eq!(status("second-secret", r#"{"id":"4"}"#).await, 200);
    rotate("fourth-secret", 0).await;
    assert_eq!(status("third-secret", r#"{"id":"5"}"#).await, 401, "no overlap");
    assert_eq!(status("fourth-secret", r#"{"id":"6"}"#).await, 200);
    let shown = source.shown(&desk).await;
    assert_eq!(shown["secrets"]["signing_secret"]["previous_until"], Value::Null);
    for body in [
        json!({"name": "signing_secret"}),
        json!({"name": "signing_secret", "value": ""}),
        json!({"name": "signing_secret", "value": " x"}),
    ] {
        desk.api
            .post(&source.at("/secrets"), &body)
            .await
            .refused_at(&["body.value"]);
    }
    let body = json!({"name": "nobody", "value": "x", "overlap_seconds": 604_801});
    let refused = desk.api.post(&source.at("/secrets"), &body).await;
    refused.refused_at(&["body.name", "body.overlap_seconds"]);
}

#[tokio::test]
async fn the_old_url_works_until_its_overlap_ends() {
    let desk = Desk::open().await;
    let mut source = Source::make(&desk, "stripe", json!({"signing_secret": SECRET})).await;
    let rotated = desk
        .api
        .post(&source.at("/rotate-url"), &json!({"overlap_seconds": 1}))
        .await;
    let fresh = path_of(&text(&rotated.ok(200), "url"));
    assert_ne!(fresh, source.path);
    assert_eq!(stripe(&source, SECRET, r#"{"id":"1"}"#).send().await.status, 200);
    eventually("the old URL is unknown", SOON, || async {
        stripe(&source, SECRET, r#"{"id":"2"}"#).send().await.status == 404
    })
    .await;
    source.path = fresh;
    assert_eq!(stripe(&source, SECRET, r#"{"id":"3"}"#).send().await.status, 200);
    desk.api.post_nothing(&source.at("/rotate-url")).await.ok(200);
    desk.api
        .post(&source.at("/rotate-url"), &json!({"overlap_seconds": 0}))
        .await
        .ok(200);
    assert_eq!(stripe(&source, SECRET, r#"{"id":"4"}"#).send().await.status, 404);
}

#[tokio::test]
async fn a_repeated_creation_shows_no_secret() {
    let desk = Desk::open().await;
    let body = json!({"name": "in", "connector": "stripe", "secrets": {"signing_secret": SECRET}});
    let call = || {
        desk.api
            .post_call("/v1/sources", &body)
            .header("idempotency-key", "source-1")
    };
    let (first, again) = (call().send().await, call().send().await);
    assert_eq!(first.header("cache-control"), Some("no-store"));
    assert_eq!(first.ok(201)["id"], again.ok(201)["id"]);
    assert_eq!(again.json()["secrets"], Value::Null);
}
