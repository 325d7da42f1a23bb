//! Two instances: what changes on one holds on the other, and a new sealing key changes nothing for either.

use serde_json::json;

use stage::{Act, Pair, Receiver, SOON, cli, eventually};

use super::{bearer, create, hosts};

const OLD: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

/// A vendor that knows one token by its end.
async fn vendor() -> Receiver {
    Receiver::deciding(|_, received| {
        let token = received.header("authorization").to_owned();
        let body = json!({"ok": true, "team": token.rsplit('-').next(), "user": "bot"});
        Act::Full(200, Vec::new(), body.to_string().into_bytes())
    })
    .await
}

#[tokio::test]
async fn a_change_holds_on_both_and_outlives_the_sealing_key() {
    let vendor = vendor().await;
    let hosts = hosts(&vendor);
    let settings = |key: &'static str, previous: Option<&'static str>| {
        let mut settings = vec![
            ("GATEWAY_CONNECTORS__HOSTS", hosts.clone()),
            ("GATEWAY_WEBHOOKS__SECRET_KEY", key.to_owned()),
        ];
        settings.extend(previous.map(|key| ("GATEWAY_WEBHOOKS__PREVIOUS_SECRET_KEY", key.to_owned())));
        settings
    };
    fn lent<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
        settings
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect()
    }
    let pair = Pair::start(&lent(&settings(OLD, None))).await;
    let path = create(&pair.desk, &bearer("xoxb-1-first")).await;
    let test = format!("{path}/test");
    let account = async || {
        let tested = pair.other.post_nothing(&test).await.ok(200);
        tested["account"].as_str().map(str::to_owned)
    };
    assert_eq!(account().await.as_deref(), Some("first / bot"));
    let patch = json!({"fields": {"token": "xoxb-1-second"}});
    pair.desk.api.patch(&path, &patch).await.ok(200);
    eventually("the other instance uses the new token", SOON, || async {
        account().await.as_deref() == Some("second / bot")
    })
    .await;

    let url = pair.database.url();
    for gateway in [&pair.one, &pair.two] {
        gateway.terminate().await;
    }
    let both = settings(NEW, Some(OLD));
    let rotated = cli::run(&url, &["secrets", "rotate", "--json"], &lent(&both));
    assert!(
        rotated.status.success(),
        "{}",
        String::from_utf8_lossy(&rotated.stderr)
    );
    let told: serde_json::Value = serde_json::from_slice(&rotated.stdout).expect("JSON");
    assert_eq!(told["connections"]["resealed"], 1, "{told}");
    let gateway = stage::Gateway::start(&url, &lent(&settings(NEW, None))).await;
    let api = pair.desk.seen_from(&gateway);
    api.wait_for_key().await;
    assert_eq!(api.post_nothing(&test).await.ok(200)["account"], "second / bot");
    gateway
        .wait_for_metric("gateway_connections{status=\"ready\"}", 1.0)
        .await;
}
