//! A receiver that speaks TLS, and HTTP/2 where its certificate's server offers it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::wait::{SOON, until};

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The how manieth connection it came over.
    pub connection: usize,
    pub version: Version,
    pub authority: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    /// The `number` in the event's data.
    pub fn number(&self) -> u64 {
        let body: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        body["data"]["number"].as_u64().expect("a number")
    }
}

/// What is done with a request.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    Status(u16),
    After(Duration),
    Hang,
    /// 200 and a body of so many bytes.
    Big(usize),
    /// 200, and then the connection takes nothing more (GOAWAY).
    Leave,
    /// The connection is cut.
    Cut,
    /// The request alone is refused, for this reason.
    Reset(h2::Reason),
}

type Decide = dyn Fn(usize, &Seen) -> Answer + Send + Sync;

struct Shared {
    tls: TlsAcceptor,
    decide: Box<Decide>,
    seen: Mutex<Vec<Seen>>,
    connection_count: AtomicUsize,
    open_count: AtomicUsize,
    most_open: AtomicUsize,
}

/// A receiver; dropped, it is gone with all its connections.
pub struct SecureReceiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl SecureReceiver {
    /// Starts it.
    pub async fn start(
        server: Arc<ServerConfig>,
        decide: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            tls: TlsAcceptor::from(server),
            decide: Box::new(decide),
            seen: Mutex::default(),
            connection_count: AtomicUsize::new(0),
            open_count: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, shared.clone()));
        Self {
            address,
            shared,
            _tasks: tasks,
        }
    }

    /// The URL of a webhook that leads here under this name.
    pub fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/hook?from=test", self.address.port())
    }

    /// Everything that arrived so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("unpoisoned").clone()
    }

    /// Connections that were made so far.
    pub fn connection_count(&self) -> usize {
        self.shared.connection_count.load(Ordering::SeqCst)
    }

    /// Requests that wait for their answer now, and the most that ever did.
    pub fn open_count(&self) -> (usize, usize) {
        let now = self.shared.open_count.load(Ordering::SeqCst);
        (now, self.shared.most_open.load(Ordering::SeqCst))
    }

    /// Waits for so many requests.
    pub async fn wait_for(&self, count: usize) -> Vec<Seen> {
        until(&format!("{count} requests arrive"), SOON, || async {
            let seen = self.seen();
            (seen.len() >= count).then_some(seen)
        })
        .await
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, shared.clone()));
        while connections.try_join_next().is_some() {}
    }
}

#[derive(Default)]
struct Ending {
    leave: Notify,
    cut: Notify,
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let nth = shared.connection_count.fetch_add(1, Ordering::SeqCst);
    let Ok(stream) = shared.tls.accept(stream).await else {
        return;
    };
    let Ok(lingering) = second_handle(stream.get_ref().0) else {
        return;
    };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let ending = Arc::new(Ending::default());
    let service = service_fn({
        let ending = ending.clone();
        move |request| answer(nth, request, shared.clone(), ending.clone())
    });
    let io = TokioIo::new(stream);
    if !is_http2 {
        let mut serving = pin!(http1::Builder::new().serve_connection(io, service));
        tokio::select! {
            _ = serving.as_mut() => {}
            () = ending.cut.notified() => {}
        }
        return;
    }
    let mut serving = pin!(http2::Builder::new(TokioExecutor::new()).serve_connection(io, service));
    loop {
        tokio::select! {
            _ = serving.as_mut() => return drain(lingering).await,
            () = ending.leave.notified() => serving.as_mut().graceful_shutdown(),
            () = ending.cut.notified() => return,
        }
    }
}

/// The same socket again, which stays open when the first handle is dropped.
fn second_handle(stream: &TcpStream) -> std::io::Result<TcpStream> {
    let handle = stream.as_fd().try_clone_to_owned()?;
    TcpStream::from_std(handle.into())
}

/// Reads what the client sent before it heard that the connection ends. A socket that is closed with something unread
/// resets the connection, and takes the last answers from the client.
async fn drain(mut stream: TcpStream) {
    let mut ignored = [0; 4096];
    while let Ok(1..) = stream.read(&mut ignored).await {}
}

struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open_count.fetch_sub(1, Ordering::SeqCst);
    }
}

type Body = Either<Full<Bytes>, BigBody>;
type BigBody =
    StreamBody<futures_util::stream::Iter<Box<dyn Iterator<Item = Result<Frame<Bytes>, Infallible>> + Send>>>;

async fn answer(
    connection: usize,
    request: Request<Incoming>,
    shared: Arc<Shared>,
    ending: Arc<Ending>,
) -> Result<Response<Body>, h2::Error> {
    let open_count = shared.open_count.fetch_add(1, Ordering::SeqCst) + 1;
    shared.most_open.fetch_max(open_count, Ordering::SeqCst);
    let _open = Open(shared.clone());
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Err(h2::Reason::INTERNAL_ERROR.into());
    };
    let seen = Seen {
        connection,
        version: head.version,
        authority: head.uri.authority().map(ToString::to_string),
        headers: head.headers,
        body: body.to_bytes(),
    };
    let nth = {
        let mut all = shared.seen.lock().expect("unpoisoned");
        all.push(seen.clone());
        all.len() - 1
    };
    let mut response = Response::new(Either::Left(Full::default()));
    match (shared.decide)(nth, &seen) {
        Answer::Status(status) => *response.status_mut() = status.try_into().expect("a status"),
        Answer::After(wait) => tokio::time::sleep(wait).await,
        Answer::Hang => std::future::pending().await,
        Answer::Big(length) => {
            let piece = Bytes::from(vec![b'x'; 16 * 1024]);
            let pieces: Box<dyn Iterator<Item = _> + Send> =
                Box::new((0..length.div_ceil(piece.len())).map(move |_| Ok(Frame::data(piece.clone()))));
            *response.body_mut() = Either::Right(StreamBody::new(futures_util::stream::iter(pieces)));
        }
        Answer::Leave => ending.leave.notify_one(),
        Answer::Cut => {
            ending.cut.notify_one();
            std::future::pending().await
        }
        Answer::Reset(reason) => return Err(reason.into()),
    }
    Ok(response)
}
