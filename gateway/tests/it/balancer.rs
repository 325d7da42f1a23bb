//! The load balancer's configuration that we ship: what it repeats, and what it waits for.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use stage::{Api, SOON, eventually, warden};

const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/haproxy/haproxy.cfg");

/// What a pretended gateway does with a request that it has read: nothing after which the connection ends, or a reply
/// after a while.
#[derive(Clone, Copy)]
enum Does {
    HangsUp,
    AnswersAfter(Duration),
}

/// A pretended gateway that is ready, and counts what else it is asked.
async fn pretended(does: Does, count: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, does, count.clone()));
        }
    });
    address
}

async fn answer(mut stream: TcpStream, does: Does, count: Arc<AtomicUsize>) {
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let mut head = Vec::new();
    while !head.windows(4).any(|part| part == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    if !head.starts_with(b"GET /readyz") {
        count.fetch_add(1, Ordering::SeqCst);
        match does {
            Does::HangsUp => return,
            Does::AnswersAfter(wait) => tokio::time::sleep(wait).await,
        }
    }
    let _ = stream.write_all(OK).await;
}

struct Balancer {
    process: Child,
    api: Api,
    count: Arc<AtomicUsize>,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// HAProxy in front of two pretended gateways; `edit` changes what would take too long in a test.
async fn balancer(does: Does, edit: impl Fn(&str) -> String) -> Balancer {
    let count = Arc::new(AtomicUsize::new(0));
    let (one, two) = (
        pretended(does, count.clone()).await,
        pretended(does, count.clone()).await,
    );
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let text = std::fs::read_to_string(CONFIGURATION).expect("the configuration");
    let file = warden::folder().join(format!("haproxy-{}.cfg", address.port()));
    std::fs::write(&file, edit(&text)).expect("written");
    let process = Command::new("haproxy")
        .arg("-f")
        .arg(&file)
        .env("LISTEN", address.to_string())
        .env("ONE", one.to_string())
        .env("ONE_OPERATIONS", one.port().to_string())
        .env("TWO", two.to_string())
        .env("TWO_OPERATIONS", two.port().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("HAProxy runs; scripts/need haproxy installs it");
    eventually("HAProxy listens", SOON, || async {
        TcpStream::connect(address).await.is_ok()
    })
    .await;
    Balancer {
        process,
        api: Api::new(address, None),
        count,
    }
}

async fn tries(balancer: &Balancer, call: stage::api::Call) -> usize {
    balancer.count.store(0, Ordering::SeqCst);
    let reply = call.send().await;
    assert!(reply.status >= 500, "{}", reply.status);
    balancer.count.load(Ordering::SeqCst)
}

#[tokio::test]
async fn it_repeats_no_post_without_an_idempotency_key() {
    let balancer = balancer(Does::HangsUp, str::to_owned).await;
    let event = json!({"type": "deal.won", "data": {}});
    let post = |path: &str| balancer.api.post_call(path, &event);
    assert_eq!(tries(&balancer, post("/v1/events")).await, 1);
    let keyed = post("/v1/events").header("idempotency-key", "one");
    assert!(tries(&balancer, keyed).await > 1);
    assert!(tries(&balancer, balancer.api.get_call("/v1/events")).await > 1);
    let import = balancer.api.call(Method::POST, "/v1/imports?object=CONTACT");
    let import = import
        .body("text/csv", "email\na@example.com\n")
        .header("idempotency-key", "one");
    assert_eq!(tries(&balancer, import).await, 1, "imports know no such key");
}

#[tokio::test]
async fn it_waits_for_imports_and_undos_alone() {
    let short = |text: &str| {
        let edited = text.replace("timeout server 75s", "timeout server 1s");
        assert_ne!(edited, text);
        edited
    };
    let balancer = balancer(Does::AnswersAfter(Duration::from_secs(4)), short).await;
    let (undo, import, other) = tokio::join!(
        balancer
            .api
            .post_nothing("/v1/imports/imp_0198c0de-0000-7000-8000-000000000001/undo"),
        balancer.api.post_nothing("/v1/imports?object=CONTACT"),
        balancer.api.get("/v1/events"),
    );
    assert_eq!((undo.status, import.status, other.status), (200, 200, 504));
}
