//! Two instances on one database.

use serde_json::json;
use stage::desk::text;
use stage::{Pair, SOON, eventually};

use super::signed::{SECRET, standard, stripe};
use super::{Source, events_of, path_of};

#[tokio::test]
async fn a_source_of_one_instance_is_one_of_the_other() {
    let pair = Pair::start(&[]).await;
    let source = Source::make(&pair.desk, "standard_webhooks", json!({"secret": SECRET})).await;
    let mut there = Source {
        id: source.id.clone(),
        path: source.path.clone(),
        api: pair.two.anonymous(),
    };
    eventually("the other takes it", SOON, || async {
        standard(&there, "msg_1", r#"{"type":"a.b"}"#).send().await.status == 204
    })
    .await;
    // The same message at the first instance is a repeat.
    let again = standard(&source, "msg_1", r#"{"type":"a.b"}"#).send().await;
    assert_eq!(again.status, 204);
    assert_eq!(events_of(&pair.desk, "standard_webhooks.a.b").await.len(), 1);
    eventually("both are counted", SOON, || async {
        source.shown(&pair.desk).await["accepted_24h"] == 2
    })
    .await;
    let rotated = pair
        .desk
        .api
        .post(&source.at("/rotate-url"), &json!({"overlap_seconds": 0}))
        .await;
    let fresh = path_of(&text(&rotated.ok(200), "url"));
    eventually("the old URL is unknown there", SOON, || async {
        standard(&there, "msg_2", "{}").send().await.status == 404
    })
    .await;
    there.path = fresh;
    assert_eq!(standard(&there, "msg_3", "{}").send().await.status, 204);
    pair.desk
        .api
        .patch(&source.at(""), &json!({"enabled": false}))
        .await
        .ok(200);
    eventually("it is disabled there", SOON, || async {
        standard(&there, "msg_4", "{}").send().await.status == 410
    })
    .await;
    pair.desk.api.delete(&source.at("")).await.no_content();
    eventually("it is gone there", SOON, || async {
        standard(&there, "msg_5", "{}").send().await.status == 404
    })
    .await;
}

#[tokio::test]
async fn a_message_that_comes_at_both_at_once_is_one_event() {
    let pair = Pair::start(&[]).await;
    let source = Source::make(&pair.desk, "standard_webhooks", json!({"secret": SECRET})).await;
    let there = Source {
        id: source.id.clone(),
        path: source.path.clone(),
        api: pair.two.anonymous(),
    };
    eventually("the other knows it", SOON, || async {
        standard(&there, "msg_0", "{}").send().await.status == 204
    })
    .await;
    let calls = (0..40).map(|n| {
        let at = if n % 2 == 0 { &source } else { &there };
        standard(at, "msg_1", r#"{"type":"once"}"#).send()
    });
    for reply in futures_util::future::join_all(calls).await {
        assert_eq!(reply.status, 204, "{reply:?}");
    }
    assert_eq!(events_of(&pair.desk, "standard_webhooks.once").await.len(), 1);
}

#[tokio::test]
async fn types_beyond_a_thousand_are_other() {
    let pair = Pair::start(&[]).await;
    let source = Source::make(&pair.desk, "stripe", json!({"signing_secret": SECRET})).await;
    let send = async |n: u32| {
        let body = format!(r#"{{"id":"evt_{n}","type":"t.x{n}"}}"#);
        assert_eq!(stripe(&source, SECRET, &body).send().await.status, 200);
    };
    for group in 0..20 {
        let all = (0..60).map(|n| send(group * 60 + n));
        futures_util::future::join_all(all).await;
        // Below the source's rate.
        stage::desk::a_moment().await;
    }
    let types = pair.database.rows("select name from source_types").await;
    assert_eq!(types.len(), 1_001, "and that of the others");
    let others = "select 1 from events where type = 'stripe.other'";
    assert_eq!(pair.database.rows(others).await.len(), 200);
}
