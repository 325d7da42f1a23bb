//! Secrets at rest change their key without a pause.

use serde_json::json;

use stage::{Cluster, Gateway, Receiver, cli, signature};

use super::first_key;

const OLD: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
const PRESENT: &str = "GATEWAY_WEBHOOKS__SECRET_KEY";
const PREVIOUS: &str = "GATEWAY_WEBHOOKS__PREVIOUS_SECRET_KEY";

#[tokio::test]
async fn a_new_key_seals_everything_again_and_the_old_one_can_go() {
    let database = Cluster::shared().database().await;
    let first = first_key(&database);
    let receiver = Receiver::start().await;

    // It begins without a key of the operator's.
    let gateway = Gateway::start(&database.url(), &[]).await;
    let body = json!({"name": "w", "url": receiver.url(), "events": ["*"], "headers": {"x-canary": "brought along"}});
    let made = gateway
        .with_key(&first)
        .post("/v1/webhooks", &body)
        .await
        .expect(201)
        .json();
    let secret = made["secret"].as_str().unwrap().to_owned();
    let path = format!("/v1/webhooks/{}/test", made["id"].as_str().unwrap());
    let check = async |gateway: &Gateway| {
        let count = receiver.received().len();
        gateway.with_key(&first).post(&path, &json!({})).await.expect(202);
        let received = &receiver.wait_for(count + 1).await[count];
        assert!(signature::hub_verifies(received, &secret));
        assert_eq!(received.header("x-canary"), "brought along");
    };
    check(&gateway).await;
    gateway.terminate().await;

    let rotate =
        |settings: &[(&str, &str)]| cli::run(&database.url(), &["secrets", "rotate", "--json"], settings);
    assert!(
        !cli::run(&database.url(), &["secrets", "rotate"], &[])
            .status
            .success(),
        "there is no key to seal with"
    );
    let key_ids = async || {
        database
            .ask("select distinct encode(substr(secret, 2, 4), 'hex') from webhooks")
            .await
    };

    // From the database's key to the operator's first, then to the next, with instances running on both.
    for settings in [vec![(PRESENT, OLD)], vec![(PRESENT, NEW), (PREVIOUS, OLD)]] {
        let before = key_ids().await;
        let gateway = Gateway::start(&database.url(), &settings).await;
        check(&gateway).await;
        let output = rotate(&settings);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["resealed"], 1, "{told}");
        assert_ne!(key_ids().await, before);
        check(&gateway).await;
        let again: serde_json::Value = serde_json::from_slice(&rotate(&settings).stdout).unwrap();
        assert_eq!((&again["resealed"], &again["unchanged"]), (&json!(0), &json!(1)));
        gateway.terminate().await;
    }
    let gateway = Gateway::start(&database.url(), &[(PRESENT, NEW)]).await;
    check(&gateway).await;
    gateway.terminate().await;

    // A key that opens nothing says so, and leaves everything as it is.
    let before = database.ask("select secret, headers from webhooks").await;
    let output = rotate(&[(PRESENT, "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("wh_"));
    assert_eq!(database.ask("select secret, headers from webhooks").await, before);
}
