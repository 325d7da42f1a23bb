//! A webhook's receiver: records every request to the byte, counts connections, and answers by its script.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::script::Act;
use crate::wait::{SOON, until};

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub line: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub at: Instant,
}

impl Received {
    /// A header that must be there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// Decides on an answer from the request and its place among all.
type Decide = dyn Fn(usize, &Received) -> Act + Send + Sync;

struct Shared {
    received: Mutex<Vec<Received>>,
    decide: Box<Decide>,
    connection_count: AtomicUsize,
    open_count: AtomicUsize,
}

/// A receiver; dropped, it is gone with all its connections.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Receiver {
    /// A receiver that takes everything.
    pub async fn start() -> Self {
        Self::deciding(|_, _| Act::Status(200)).await
    }

    /// A receiver that gives these answers in turn, and the last again and again.
    pub async fn scripted(acts: Vec<Act>) -> Self {
        let script = super::script::in_turn(acts);
        Self::deciding(move |nth, _| script(nth)).await
    }

    /// A receiver that decides on each request.
    pub async fn deciding(decide: impl Fn(usize, &Received) -> Act + Send + Sync + 'static) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::at(any, decide).await
    }

    /// The same at an address of one's choice.
    pub async fn at(
        address: SocketAddr,
        decide: impl Fn(usize, &Received) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = until("a free address", SOON, || async {
            TcpListener::bind(address).await.ok()
        })
        .await;
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            decide: Box::new(decide),
            connection_count: AtomicUsize::new(0),
            open_count: AtomicUsize::new(0),
        });
        let address = listener.local_addr().expect("an address");
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, shared.clone()));
        Self {
            address,
            shared,
            tasks,
        }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a webhook that leads here.
    pub fn url(&self) -> String {
        format!("http://{}/hook?from=test", self.address)
    }

    /// Closes the door and every connection.
    pub async fn stop(self) -> SocketAddr {
        self.stop_and_tell().await.0
    }

    /// The same, with everything that arrived until then.
    pub async fn stop_and_tell(mut self) -> (SocketAddr, Vec<Received>) {
        self.tasks.shutdown().await;
        (self.address, self.received())
    }

    /// Everything that arrived so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("unpoisoned").clone()
    }

    /// How many requests arrived so far.
    pub fn count(&self) -> usize {
        self.shared.received.lock().expect("unpoisoned").len()
    }

    /// Connections that were made so far.
    pub fn connection_count(&self) -> usize {
        self.shared.connection_count.load(Ordering::SeqCst)
    }

    /// Requests that wait for their answer now.
    pub fn open_count(&self) -> usize {
        self.shared.open_count.load(Ordering::SeqCst)
    }

    /// Waits for so many requests.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        self.wait_long_for(count, SOON).await
    }

    /// The same with a limit of one's choice.
    pub async fn wait_long_for(&self, count: usize, limit: Duration) -> Vec<Received> {
        let what = format!("{count} requests arrive");
        until(&what, limit, || async {
            (self.count() >= count).then(|| self.received())
        })
        .await
    }

    /// Waits for the only request, and a moment longer to see that no other comes.
    pub async fn only(&self) -> Received {
        let mut received = self.wait_for(1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(self.count(), 1, "one request and no more");
        received.remove(0)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.connection_count.fetch_add(1, Ordering::SeqCst);
        connections.spawn(serve(stream, shared.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some(received) = read_request(&mut stream, &mut buffer).await {
        let nth = {
            let mut all = shared.received.lock().expect("unpoisoned");
            all.push(received.clone());
            all.len() - 1
        };
        shared.open_count.fetch_add(1, Ordering::SeqCst);
        let act = (shared.decide)(nth, &received);
        let goes_on = perform(&mut stream, act).await;
        shared.open_count.fetch_sub(1, Ordering::SeqCst);
        if !goes_on {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|part| part == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..head_end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = match headers.get("content-length") {
        Some(text) => text.parse().ok()?,
        None => 0,
    };
    while buffer.len() < head_end + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[head_end..head_end + length].to_vec();
    buffer.drain(..head_end + length);
    Some(Received {
        line,
        headers,
        body,
        at: Instant::now(),
    })
}

/// Does it; whether the connection can carry another request.
async fn perform(stream: &mut TcpStream, act: Act) -> bool {
    let head = |status: u16, length: usize| format!("HTTP/1.1 {status} Told\r\ncontent-length: {length}\r\n");
    match act {
        Act::Status(status) => write(stream, format!("{}\r\n", head(status, 0)).as_bytes()).await,
        Act::Full(status, headers, body) => {
            let mut answer = head(status, body.len());
            for (name, value) in headers {
                answer.push_str(&format!("{name}: {value}\r\n"));
            }
            let mut answer = format!("{answer}\r\n").into_bytes();
            answer.extend_from_slice(&body);
            write(stream, &answer).await
        }
        Act::After(wait, act) => {
            tokio::time::sleep(wait).await;
            Box::pin(perform(stream, *act)).await
        }
        Act::Hang => {
            // Until the other side gives up.
            let mut rest = [0; 1024];
            while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
            false
        }
        Act::Close => false,
        Act::Raw(bytes) => write(stream, &bytes).await,
        Act::Garbage => {
            write(stream, b"good morning\r\nhow are you\r\n\r\n").await;
            false
        }
        Act::Drip(status, pause) => {
            write(stream, format!("{}\r\n", head(status, 100_000)).as_bytes()).await;
            while write(stream, b".").await {
                tokio::time::sleep(pause).await;
            }
            false
        }
        Act::DripHead(pause) => {
            write(stream, b"HTTP/1.1 200 Told\r\nx-drip: ").await;
            while write(stream, b".").await {
                tokio::time::sleep(pause).await;
            }
            false
        }
        Act::Cut(status) => {
            write(stream, format!("{}\r\nhalf", head(status, 1000)).as_bytes()).await;
            false
        }
        Act::Big(status, length) => {
            let piece = vec![b'x'; length.min(64 * 1024)];
            let mut is_open = write(stream, format!("{}\r\n", head(status, length)).as_bytes()).await;
            let mut left = length;
            while is_open && left > 0 {
                let count = left.min(piece.len());
                is_open = write(stream, &piece[..count]).await;
                left -= count;
            }
            is_open
        }
    }
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    stream.write_all(bytes).await.is_ok()
}
