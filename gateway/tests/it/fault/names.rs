//! Names that change their answer: the guard looks at what is dialled, and what was refused comes through when the name
//! leads to an allowed address again.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};

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
        ("GATEWAY_WEBHOOKS__ALLOW_CIDRS", "127.0.0.0/8,::1/128"),
    ])
    .await;
    let receiver = Receiver::scripted(vec![Act::with(200, "connection", "close")]).await;
    // An underscore stands in no host name by the letter, and in many that are used.
    let url = format!("http://the_receiver.example:{}/", receiver.address().port());
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

/// An address at which nothing answers: its queue is full, so that whoever dials it hears nothing at all.
struct Silent {
    _listener: tokio::net::TcpListener,
    _queued: Vec<tokio::task::JoinHandle<std::io::Result<TcpStream>>>,
}

impl Silent {
    async fn at(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(address).expect("a free address");
        let listener = socket.listen(1).expect("it listens");
        let queued: Vec<_> = (0..4)
            .map(|_| tokio::spawn(TcpStream::connect(address)))
            .collect();
        stage::eventually("the queue is full", stage::SOON, || async {
            queued.iter().filter(|dialled| dialled.is_finished()).count() >= 2
        })
        .await;
        Self {
            _listener: listener,
            _queued: queued,
        }
    }
}

impl Scene {
    /// Sends an event; the first attempt of its delivery, which has a second for everything.
    async fn first_attempt(&self) -> Value {
        let id = self.desk.send("deal.won", json!({})).await;
        let delivery = self
            .desk
            .delivery_when(&id, |delivery| delivery["attempt_count"].as_u64() >= Some(1))
            .await;
        delivery["attempts"][0].clone()
    }
}

#[tokio::test]
async fn a_first_address_that_is_silent_costs_a_moment() {
    let scene = scene().await;
    let port = scene.receiver.address().port();
    let other = Ipv4Addr::new(127, 0, 0, 2);
    let _silent = Silent::at(SocketAddr::from((other, port))).await;
    scene.names.say(Says::Addresses(vec![other, ALLOWED]));
    let attempt = scene.first_attempt().await;
    assert_eq!(attempt["status_code"], 200, "{attempt}");
    // Refused at once, over IPv6 as over IPv4: the next is dialled without a pause.
    let refusing = Ipv4Addr::new(127, 0, 0, 3);
    scene
        .names
        .say(Says::Both(vec![refusing, ALLOWED], vec![Ipv6Addr::LOCALHOST]));
    let attempt = scene.first_attempt().await;
    assert_eq!(attempt["status_code"], 200, "{attempt}");
}

#[tokio::test]
async fn a_private_address_of_either_family_is_refused() {
    let scene = scene().await;
    let private = "fd00::1".parse().expect("an address");
    scene.names.say(Says::Both(vec![ALLOWED], vec![private]));
    let attempt = scene.first_attempt().await;
    assert_eq!(attempt["error_code"], "address_forbidden");
    assert!(text(&attempt, "error_detail").contains("fd00::1"), "{attempt}");
}

#[tokio::test]
async fn a_name_server_that_says_nothing_of_ipv6_costs_a_moment() {
    let scene = scene().await;
    scene.names.say(Says::V4Alone(vec![ALLOWED]));
    let attempt = scene.first_attempt().await;
    assert_eq!(attempt["status_code"], 200, "{attempt}");
}

#[tokio::test]
async fn a_name_that_was_missing_is_soon_asked_for_again() {
    let scene = scene().await;
    scene.names.say(Says::NothingFor(3600));
    let id = scene.desk.send("deal.won", json!({})).await;
    let is_failing = |delivery: &Value| delivery["attempt_count"].as_u64() >= Some(1);
    let delivery = scene.desk.delivery_when(&id, is_failing).await;
    let attempt = &delivery["attempts"][0];
    assert_eq!(attempt["error_code"], "dns_failed");
    assert!(
        text(attempt, "error_detail").contains("no such name"),
        "{attempt}"
    );
    scene.names.say(Says::Addresses(vec![ALLOWED]));
    scene.desk.delivery_that(&id, "succeeded").await;
}
