//! What stands between a gateway and its brokers: TLS, logins, and topics that are set up wrongly.

use serde_json::json;

use crate::admin::make_topic;
use crate::fleet::Fleet;
use stage::broker::{Door, USER};
use stage::{Broker, Cluster, Receiver, Settings, cli};

#[tokio::test]
async fn tls_and_every_kind_of_login() {
    let broker = tokio::task::spawn_blocking(|| Broker::start(Door::Locked))
        .await
        .expect("a broker");
    let root = broker.root_certificate();
    let root = root.to_str().expect("UTF-8");
    let locked = |mechanism: &str| {
        Settings::new(broker.address())
            .with("SECURITY", "sasl_tls")
            .with("ROOT_CERTIFICATE_FILE", root)
            .with("SASL_MECHANISM", mechanism)
            .with("SASL_USERNAME", USER.0)
            .with("SASL_PASSWORD", USER.1)
    };
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let fleet = Fleet::at(locked(mechanism), 1).await;
        let receiver = Receiver::start().await;
        fleet.desk.hook(&receiver, &["deal.won"]).await;
        let id = fleet.desk.send("deal.won", json!({})).await;
        fleet.desk.delivery_that(&id, "succeeded").await;
        assert!(
            !fleet.gateways[0].log().contains(USER.1),
            "the password is in no log"
        );
    }
    // A wrong password, and a certificate that nobody vouches for: it waits, unready, and says why.
    let wrong = locked("SCRAM-SHA-512").with("SASL_PASSWORD", "wrong horse");
    stays_unready(wrong).await;
    let unknown = Settings::new(broker.address())
        .with("SECURITY", "sasl_tls")
        .with("SASL_USERNAME", USER.0)
        .with("SASL_PASSWORD", USER.1);
    stays_unready(unknown).await;
}

async fn stays_unready(settings: Settings) {
    let database = Cluster::shared().database().await;
    let gateway = stage::Gateway::launch(&database.url(), &settings.environment());
    let detail = stage::until("it says what is wrong", stage::SOON, || async {
        let reply = gateway.try_operations("/readyz").await?;
        let detail = reply.json()["checks"]["bus"]["detail"].as_str()?.to_owned();
        (detail != "not known yet").then_some(detail)
    })
    .await;
    assert!(!detail.contains("horse"), "{detail}");
}

#[tokio::test]
async fn a_topic_that_could_lose_events_is_refused_in_words() {
    let database = Cluster::shared().database().await;
    for (name, value, word) in [
        ("cleanup.policy", "compact", "compact"),
        ("min.insync.replicas", "2", "min.insync.replicas"),
        ("max.message.bytes", "10000", "max.message.bytes"),
        ("retention.ms", "3599999", "bus.allow_short_retention"),
        ("retention.bytes", "1073741824", "retention.bytes"),
    ] {
        let settings = Settings::shared().await;
        make_topic(&settings, &[(name, value)]).await;
        let words = cli::refused(&database.url(), &["serve"], &settings.environment());
        assert!(
            words.contains(word) && words.contains(settings.topic()),
            "{words}"
        );
    }
}
