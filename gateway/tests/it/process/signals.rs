//! Signals that end nothing, at any time.

use std::time::Duration;

use stage::certificate::Authority;
use stage::{Cluster, Gateway};

const HARMLESS: [&str; 3] = ["USR1", "USR2", "HUP"];

async fn survives_all(gateway: &Gateway) {
    for name in HARMLESS {
        gateway.signal(name);
        gateway.signal(name);
    }
    // It does not end a moment later either.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(gateway.is_running(), "{}", gateway.log());
}

#[tokio::test]
async fn without_tls_they_end_nothing() {
    let database = Cluster::shared().database().await;
    let gateway = Gateway::start(&database.url(), &[]).await;
    survives_all(&gateway).await;
    assert_eq!(gateway.operations("/readyz").await.status, 200);
    assert_eq!(gateway.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn with_tls_they_end_nothing() {
    let shown = Authority::new("signals").certify("first", "DNS:gateway.example");
    let (chain, key) = (shown.chain.display().to_string(), shown.key.display().to_string());
    let settings = [
        ("GATEWAY_SERVER__TLS_CERTIFICATE_FILE", chain.as_str()),
        ("GATEWAY_SERVER__TLS_KEY_FILE", key.as_str()),
    ];
    let database = Cluster::shared().database().await;
    let gateway = Gateway::start(&database.url(), &settings).await;
    survives_all(&gateway).await;
    assert!(gateway.log().contains("certificate read again"));
    assert_eq!(gateway.operations("/readyz").await.status, 200);
    assert_eq!(gateway.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn while_it_waits_for_the_database_they_end_nothing() {
    let gateway = Gateway::launch("postgres://postgres@127.0.0.1:1/x", &[]);
    survives_all(&gateway).await;
    assert_eq!(gateway.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn dev_hears_them_as_serve_does() {
    let database = Cluster::shared().database().await;
    let gateway = Gateway::launch_dev(&database.url());
    survives_all(&gateway).await;
    gateway.wait_until_ready().await;
    survives_all(&gateway).await;
    gateway.signal("INT");
    assert_eq!(
        gateway.wait_for_exit(Duration::from_secs(60)).await.code(),
        Some(0)
    );
}
