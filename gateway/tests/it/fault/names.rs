//! Names that change their answer: the guard looks at what is dialled, and what was refused comes through when the name
//! leads to an allowed address again.

use std::net::Ipv4Addr;

use serde_json::json;

use super::receipts::all_end;
use stage::name_server::{NameServer, Says};
use stage::{Act, Database, Desk, Gateway, Receiver, desk::text};

const ALLOWED: Ipv4Addr = Ipv4Addr::LOCALHOST;
const PRIVATE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

struct Scene {
    _gateway: Gateway,
    database: Database,
    desk: Desk,
    names: NameServer,
    receiver: Receiver,
}

/// A webhook by name, whose receiver closes every connection, so that each attempt asks for the address.
async fn scene() -> Scene {
    let names = NameServer::start(Says::Addresses(vec![ALLOWED])).await;
    let resolver = names.address.to_string();
    let (gateway, database, desk) = Desk::own(&[
        ("GATEWAY_WEBHOOKS__RESOLVER", &resolver),
        ("GATEWAY_WEBHOOKS__ALLOW_CIDRS", "127.0.0.1/32"),
    ])
    .await;
    let receiver = Receiver::scripted(vec![Act::with(200, "connection", "close")]).await;
    let url = format!("http://receiver.example:{}/", receiver.address().port());
    let body = json!({"name": "named", "url": url, "events": ["deal.won"], "max_attempts": 12, "timeout_seconds": 1});
    desk.api.post("/v1/webhooks", &body).await.ok(201);
    Scene {
        _gateway: gateway,
        database,
        desk,
        names,
        receiver,
    }
}

impl Scene {
    /// Sends an event while the name says something bad, and expects this error until it says something good.
    async fn survives(&self, bad: Says, errors: &[&str]) {
        self.names.say(bad);
        let before = self.receiver.connection_count();
        let id = self.desk.send("deal.won", json!({})).await;
        let failing = self
            .desk
            .delivery_when(&id, |delivery| delivery["attempt_count"].as_u64() >= Some(2))
            .await;
        for attempt in failing["attempts"].as_array().expect("attempts") {
            let code = text(attempt, "error_code");
            assert!(errors.contains(&code.as_str()), "{attempt}");
            assert_eq!(attempt["connect_ms"], json!(null), "nothing was dialled");
        }
        assert_eq!(self.receiver.connection_count(), before);
        self.names.say(Says::Addresses(vec![ALLOWED]));
        self.desk.delivery_that(&id, "succeeded").await;
    }
}

#[tokio::test]
async fn from_allowed_to_private_and_back() {
    let scene = scene().await;
    let first = scene.desk.send("deal.won", json!({})).await;
    scene.desk.delivery_that(&first, "succeeded").await;
    let asked = scene.names.asked_count();
    assert!(asked > 0, "the name server is the one that is asked");
    let refused = &["address_forbidden"];
    scene.survives(Says::Addresses(vec![PRIVATE]), refused).await;
    let mixed = Says::Addresses(vec![ALLOWED, PRIVATE]);
    scene.survives(mixed, refused).await;
    let metadata = Says::Addresses(vec![Ipv4Addr::new(169, 254, 169, 254)]);
    scene.survives(metadata, refused).await;
    assert_eq!(all_end(&scene.database, 1).await, 0);
    assert_eq!(scene.receiver.count(), 4, "each once");
}

#[tokio::test]
async fn a_name_server_that_fails_delays_and_loses_nothing() {
    let scene = scene().await;
    scene.survives(Says::Nothing, &["dns_failed"]).await;
    scene.survives(Says::Silence, &["timeout", "dns_failed"]).await;
    scene.survives(Says::Addresses(vec![]), &["dns_failed"]).await;
    assert_eq!(all_end(&scene.database, 1).await, 0);
    assert_eq!(scene.receiver.count(), 3, "each once");
}

#[tokio::test]
async fn a_name_that_is_private_when_it_is_saved_is_refused() {
    let scene = scene().await;
    scene.names.say(Says::Addresses(vec![PRIVATE]));
    let body = json!({"name": "x", "url": "http://other.example/", "events": ["*"]});
    let reply = scene.desk.api.post("/v1/webhooks", &body).await;
    assert_eq!(reply.faults("url_forbidden_address"), ["body.url"]);
}
