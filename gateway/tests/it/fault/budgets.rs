//! Many endpoints that fail or hang at once: what they have in memory, and how many files they hold open, is bounded for all
//! of them together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use stage::wire::Wire;
use stage::{Act, Cluster, Desk, Gateway, Receiver, SOON, eventually, steady};

/// A receiver that keeps nothing of what it gets.
struct Sink {
    address: SocketAddr,
    is_well: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
}

impl Sink {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (is_well, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (well, counted) = (is_well.clone(), count.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, well.clone(), counted.clone()));
            }
        });
        Self {
            address,
            is_well,
            count,
        }
    }
}

async fn answer(mut stream: TcpStream, is_well: Arc<AtomicBool>, count: Arc<AtomicUsize>) -> Option<()> {
    let mut buffer = vec![0; 64 << 10];
    let mut held = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = held.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            let got = stream.read(&mut buffer).await.ok().filter(|got| *got > 0)?;
            held.extend_from_slice(&buffer[..got]);
        };
        let head = String::from_utf8_lossy(&held[..end]).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1)?.lines().next()?.trim();
        let mut left = length.parse::<usize>().ok()?.saturating_sub(held.len() - end);
        held.clear();
        while left > 0 {
            let got = stream.read(&mut buffer).await.ok().filter(|got| *got > 0)?;
            left = left.saturating_sub(got);
        }
        count.fetch_add(1, Ordering::SeqCst);
        let status = if is_well.load(Ordering::SeqCst) {
            "200 OK"
        } else {
            "500 Broken"
        };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

#[tokio::test]
async fn many_failing_endpoints_with_large_events_take_little_memory() {
    const ENDPOINTS: usize = 500;
    const EVENTS: usize = 6;
    let settings = [
        ("GATEWAY_WEBHOOKS__RETRY_BASE_SECONDS", "1"),
        ("GATEWAY_WEBHOOKS__MAX_ATTEMPTS", "50"),
    ];
    let (gateway, database, desk) = Desk::own(&settings).await;
    let sink = Sink::start().await;
    let url = format!("http://{}/", sink.address);
    let body = json!({"name": "one of many", "url": url, "events": ["deal.won"]});
    for _ in 0..ENDPOINTS {
        desk.api.post("/v1/webhooks", &body).await.ok(201);
    }
    let text = "x".repeat(200 << 10);
    for nth in 0..EVENTS {
        desk.send("deal.won", json!({"n": nth, "text": text})).await;
    }
    // Each retry has its event from the table again: that is 600 MB, if all come at once.
    eventually("all were tried twice", SOON * 6, || async {
        sink.count.load(Ordering::SeqCst) >= ENDPOINTS * EVENTS * 2
    })
    .await;
    sink.is_well.store(true, Ordering::SeqCst);
    eventually("all have arrived", SOON * 6, || async {
        let delivered = database
            .count("select count(*) from deliveries where status = 1")
            .await;
        delivered == (ENDPOINTS * EVENTS) as i64
    })
    .await;
    let peak = gateway.peak_kib();
    assert!(peak < 256_000_000 / 1_024, "{peak} KiB");
}

#[tokio::test]
async fn many_hanging_endpoints_leave_files_for_clients() {
    const ENDPOINTS: usize = 200;
    let database = Cluster::shared().database().await;
    let gateway = Gateway::start_with_few_open_files(&database.url(), 2_048).await;
    let desk = Desk::at(&gateway, &database).await;
    let hanging = Receiver::scripted(vec![Act::Hang]).await;
    for _ in 0..ENDPOINTS {
        desk.hook_with(&hanging, &["deal.won"], json!({"timeout_seconds": 60}))
            .await;
    }
    for nth in 0..50 {
        desk.send("deal.won", json!({"n": nth})).await;
    }
    eventually("many hang", SOON, || async { hanging.open_count() >= ENDPOINTS }).await;
    // As many hang as ever will.
    steady("attempts under way", SOON, || hanging.open_count()).await;
    let mut clients = Vec::new();
    for _ in 0..300 {
        clients.push(Wire::open(gateway.api).await);
    }
    let key = desk.api.key.as_deref().expect("a key");
    let request = format!("GET /v1/whoami HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n");
    for client in &mut clients {
        client.write(&request).await;
        assert_eq!(client.answer().await.map(|answer| answer.status), Some(200));
    }
    let refused = "select count(*) from deliveries where attempts like '%connect_failed%'";
    assert_eq!(database.count(refused).await, 0, "no attempt is without a file");
    let good = Receiver::start().await;
    desk.hook(&good, &["deal.lost"]).await;
    desk.send("deal.lost", json!({})).await;
    good.wait_for(1).await;
}

#[tokio::test]
async fn of_too_many_idle_connections_the_oldest_are_closed() {
    let most = [("GATEWAY_WEBHOOKS__MAX_IDLE_CONNECTIONS", "2")];
    let (gateway, _database, desk) = Desk::own(&most).await;
    let mut receivers = Vec::new();
    for label in [
        "deal.won",
        "deal.lost",
        "invoice.paid",
        "ticket.created",
        "ticket.assigned",
    ] {
        let receiver = Receiver::start().await;
        desk.hook(&receiver, &[label]).await;
        desk.send(label, json!({})).await;
        receiver.wait_for(1).await;
        receivers.push((receiver, label));
    }
    eventually("three were closed", SOON, || async {
        let metrics = gateway.operations("/metrics").await;
        metrics.text().contains("gateway_idle_connections_closed_total 3")
    })
    .await;
    // The youngest first: a new connection would have one of them closed.
    for (receiver, label) in receivers.iter().rev() {
        desk.send(label, json!({})).await;
        receiver.wait_for(2).await;
    }
    let opened: Vec<usize> = receivers
        .iter()
        .map(|(receiver, _)| receiver.connection_count())
        .collect();
    assert_eq!(opened, [2, 2, 2, 1, 1]);
}
