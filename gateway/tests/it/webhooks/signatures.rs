//! Both signatures, verified independently of the gateway's code.

use serde_json::json;

use stage::{Act, Desk, Receiver, signature};

#[tokio::test]
async fn both_verify_at_every_attempt() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(500), Act::Status(200)]).await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    desk.send("deal.won", json!({"ü": "😀", "n": 1})).await;
    let received = receiver.wait_for(2).await;
    for (nth, one) in received.iter().enumerate() {
        assert!(signature::hub_verifies(one, &hook.secret), "attempt {nth}");
        assert!(
            signature::standard_verifies(one, &hook.standard_secret),
            "attempt {nth}"
        );
        assert_eq!(signature::count(one), (1, 1));
        assert_eq!(one.header("x-sentinel-attempt"), (nth + 1).to_string());
    }
    assert_eq!(
        received[0].header("x-sentinel-signature"),
        received[1].header("x-sentinel-signature")
    );
    assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
}

#[tokio::test]
async fn a_changed_byte_does_not_verify() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    let other = desk.hook(&receiver, &["deal.lost"]).await;
    desk.send("deal.won", json!({"n": 1})).await;
    let mut received = receiver.only().await;
    assert!(signature::hub_verifies(&received, &hook.secret));
    assert!(
        !signature::hub_verifies(&received, &other.secret),
        "another endpoint's secret"
    );
    assert!(!signature::standard_verifies(&received, &other.standard_secret));
    *received.body.last_mut().expect("a body") ^= 1;
    assert!(!signature::hub_verifies(&received, &hook.secret));
    assert!(!signature::standard_verifies(&received, &hook.standard_secret));
}
