//! `POST /v1/webhooks/{id}/rotate-secret`.

use serde_json::{Value, json};

use stage::{Desk, Receiver, SOON, desk::text, signature, until};

async fn rotate(desk: &Desk, path: &str, body: Value) -> Value {
    let reply = desk.api.post(path, &body).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.ok(200)
}

#[tokio::test]
async fn during_the_overlap_both_secrets_sign_the_newer_first() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let reply = desk.api.post_nothing(&hook.at("rotate-secret")).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let rotated = reply.ok(200);
    assert_eq!(rotated["id"], hook.id.as_str());
    let secret = text(&rotated, "secret");
    assert_ne!(secret, hook.secret);
    assert!(reply.text().contains(&hook.secret), "with both secrets");
    desk.send("deal.won", json!({})).await;
    let received = receiver.only().await;
    assert_eq!(signature::count(&received), (2, 2));
    for (old_or_new, standard) in [
        (&secret, text(&rotated, "standard_secret")),
        (&hook.secret, hook.standard_secret.clone()),
    ] {
        assert!(signature::hub_verifies(&received, old_or_new));
        assert!(signature::standard_verifies(&received, &standard));
    }
    let mut newest = received.clone();
    let first = received
        .header("x-sentinel-signature")
        .split(',')
        .next()
        .expect("one")
        .to_owned();
    newest.headers.insert("x-sentinel-signature".into(), first);
    assert!(signature::hub_verifies(&newest, &secret));
}

#[tokio::test]
async fn only_the_newest_two_sign() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let second = rotate(&desk, &hook.at("rotate-secret"), json!({"overlap_seconds": 600})).await;
    let third = rotate(&desk, &hook.at("rotate-secret"), json!({"overlap_seconds": 600})).await;
    desk.send("deal.won", json!({})).await;
    let received = receiver.only().await;
    assert_eq!(signature::count(&received), (2, 2));
    assert!(signature::hub_verifies(&received, &text(&third, "secret")));
    assert!(signature::hub_verifies(&received, &text(&second, "secret")));
    assert!(!signature::hub_verifies(&received, &hook.secret));
}

#[tokio::test]
async fn the_overlap_ends() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let rotated = rotate(&desk, &hook.at("rotate-secret"), json!({"overlap_seconds": 0})).await;
    desk.send("deal.won", json!({})).await;
    let received = receiver.only().await;
    assert_eq!(
        signature::count(&received),
        (1, 1),
        "without an overlap the new one alone"
    );
    assert!(signature::hub_verifies(&received, &text(&rotated, "secret")));
    rotate(&desk, &hook.at("rotate-secret"), json!({"overlap_seconds": 1})).await;
    let received = until("the old one is out of use", SOON, || async {
        let count = receiver.count();
        desk.send("deal.won", json!({})).await;
        let last = receiver.wait_for(count + 1).await.pop()?;
        (signature::count(&last) == (1, 1)).then_some(last)
    })
    .await;
    assert!(!signature::hub_verifies(&received, &text(&rotated, "secret")));
    for wrong in [json!(-1), json!(604801), json!("1")] {
        let reply = desk
            .api
            .post(&hook.at("rotate-secret"), &json!({"overlap_seconds": wrong}))
            .await;
        reply.refused_at(&["body.overlap_seconds"]);
    }
    rotate(
        &desk,
        &hook.at("rotate-secret"),
        json!({"overlap_seconds": 604800}),
    )
    .await;
}
