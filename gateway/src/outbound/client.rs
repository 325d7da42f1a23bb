//! Sends one request to one target: resolve, guard, dial, TLS, send, read a capped answer, keep the connection.
//!
//! The caller sets the time limit around the whole. What was reached by then stands in [`Progress`], which outlives a
//! future that is dropped at the limit.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use hickory_resolver::TokioResolver;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::guard::Guard;
use super::target::{Destination, Target};
use crate::http::tls::provider;

/// How much of an answer is kept.
pub const KEPT_BYTES: usize = 16 * 1024;
/// An answer that goes on beyond this is cut, and its connection with it.
const READ_BYTES: usize = 64 * 1024;
/// Connections that have been idle for longer are not used again: most servers close theirs after 60 s.
const IDLE: Duration = Duration::from_secs(30);
const MAX_IDLE: usize = 64;
const MAX_HEAD_BYTES: usize = 64 * 1024;
const RESOLVE_AT_SAVE: Duration = Duration::from_secs(2);

/// Why no complete answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendFault {
    DnsFailed,
    AddressForbidden,
    ConnectFailed,
    TlsFailed,
    Closed,
    BadAnswer,
}

/// How far a request came, and how long each part took.
#[derive(Debug, Default)]
pub struct Progress {
    /// Absent, like the next two, where an open connection was used.
    pub dns: Option<Duration>,
    pub connect: Option<Duration>,
    pub tls: Option<Duration>,
    pub first_byte: Option<Duration>,
    pub head: Option<(StatusCode, HeaderMap)>,
    /// The first 16 KiB of the answer's body.
    pub body: BytesMut,
}

/// Open connections to one target that wait for the next request.
#[derive(Debug, Default)]
pub struct Connections {
    idle: Mutex<Vec<(SendRequest<Full<Bytes>>, Instant)>>,
}

impl Connections {
    fn take(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock();
        while let Some((sender, since)) = idle.pop() {
            if since.elapsed() < IDLE && sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    fn put(&self, sender: SendRequest<Full<Bytes>>) {
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE && !sender.is_closed() {
            idle.push((sender, Instant::now()));
        }
    }

    /// Closes what has been idle for too long.
    pub fn close_idle(&self) {
        let closed: Vec<_> = {
            let mut idle = self.idle.lock();
            let is_old = |since: &Instant| since.elapsed() >= IDLE;
            idle.extract_if(.., |(sender, since)| is_old(since) || sender.is_closed())
                .collect()
        };
        drop(closed);
    }
}

/// What every outgoing request shares.
#[derive(Clone)]
pub struct Client {
    resolver: Arc<TokioResolver>,
    guard: Guard,
    tls: TlsConnector,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the system's resolver settings cannot be used: {0}")]
    Resolver(String),
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Client {
    /// A client that dials what `guard` permits.
    pub fn new(guard: Guard) -> Result<Self, ClientError> {
        let resolver = TokioResolver::builder_tokio()
            .and_then(|builder| builder.build())
            .map_err(|fault| ClientError::Resolver(fault.to_string()))?;
        let roots = rustls::RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        let tls = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            resolver: Arc::new(resolver),
            guard,
            tls: TlsConnector::from(Arc::new(tls)),
        })
    }

    /// Whether a target may be saved. A name that does not resolve may: it is looked at again at every connect.
    pub async fn may_be_saved(&self, target: &Target) -> bool {
        let resolving = self.addresses(&target.destination);
        !matches!(
            tokio::time::timeout(RESOLVE_AT_SAVE, resolving).await,
            Ok(Err(SendFault::AddressForbidden))
        )
    }

    /// Sends the request that `make` makes and reads the answer into `progress`.
    ///
    /// An open connection may turn out to have been closed by the other side; then the request is sent once more, over
    /// a new one.
    pub async fn send(
        &self,
        target: &Target,
        connections: &Connections,
        make: impl Fn() -> Request<Full<Bytes>>,
        progress: &mut Progress,
    ) -> Result<(), SendFault> {
        if let Some(mut sender) = connections.take() {
            match exchange(&mut sender, make(), progress).await {
                Err(SendFault::Closed) if progress.head.is_none() => {}
                ended => {
                    let is_whole = ended?;
                    if is_whole {
                        connections.put(sender);
                    }
                    return Ok(());
                }
            }
        }
        let mut sender = self.connect(target, progress).await?;
        if exchange(&mut sender, make(), progress).await? {
            connections.put(sender);
        }
        Ok(())
    }

    async fn addresses(&self, destination: &Destination) -> Result<Vec<IpAddr>, SendFault> {
        let addresses = match destination {
            Destination::Address(address) => vec![*address],
            Destination::Name(name) => {
                let found = self.resolver.lookup_ip(name.as_str()).await;
                let found = found.map_err(|_| SendFault::DnsFailed)?;
                found.iter().collect()
            }
        };
        if addresses.is_empty() {
            return Err(SendFault::DnsFailed);
        }
        // One forbidden address among public ones is no accident.
        match addresses.iter().all(|address| self.guard.permits(*address)) {
            true => Ok(addresses),
            false => Err(SendFault::AddressForbidden),
        }
    }

    async fn connect(
        &self,
        target: &Target,
        progress: &mut Progress,
    ) -> Result<SendRequest<Full<Bytes>>, SendFault> {
        let started = Instant::now();
        let addresses = self.addresses(&target.destination).await?;
        progress.dns = Some(started.elapsed());
        let started = Instant::now();
        let stream = dial(&addresses, target.port).await?;
        progress.connect = Some(started.elapsed());
        if !target.is_tls {
            return handshake(stream).await;
        }
        let started = Instant::now();
        let name = server_name(&target.destination)?;
        let stream = self.tls.connect(name, stream).await.map_err(|fault| {
            tracing::debug!(%fault, "TLS handshake with an endpoint failed");
            SendFault::TlsFailed
        })?;
        progress.tls = Some(started.elapsed());
        handshake(stream).await
    }
}

fn server_name(destination: &Destination) -> Result<ServerName<'static>, SendFault> {
    match destination {
        Destination::Address(address) => Ok(ServerName::from(*address)),
        Destination::Name(name) => ServerName::try_from(name.clone()).map_err(|_| SendFault::TlsFailed),
    }
}

async fn dial(addresses: &[IpAddr], port: u16) -> Result<TcpStream, SendFault> {
    for &address in addresses {
        if let Ok(stream) = TcpStream::connect(SocketAddr::new(address, port)).await {
            let _ = stream.set_nodelay(true);
            return Ok(stream);
        }
    }
    Err(SendFault::ConnectFailed)
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, SendFault>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| SendFault::Closed)?;
    tokio::spawn(async move {
        // How it ends is told to whoever waits for an answer on it.
        let _ = connection.await;
    });
    Ok(sender)
}

/// One request and its answer; whether the connection can carry another.
async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    progress: &mut Progress,
) -> Result<bool, SendFault> {
    let started = Instant::now();
    let answer = sender
        .send_request(request)
        .await
        .map_err(|fault| fault_of(&fault))?;
    progress.first_byte = Some(started.elapsed());
    let (head, body) = answer.into_parts();
    progress.head = Some((head.status, head.headers));
    Ok(read_capped(body, &mut progress.body).await && sender.ready().await.is_ok())
}

/// Reads what is kept of a body and, up to a bound, the rest; whether that was all.
async fn read_capped(mut body: Incoming, kept: &mut BytesMut) -> bool {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        // A body that breaks off changes nothing: the status has decided.
        let Ok(frame) = frame else { return false };
        if let Some(piece) = frame.data_ref() {
            let room = KEPT_BYTES - kept.len();
            kept.extend_from_slice(&piece[..piece.len().min(room)]);
            read += piece.len();
        }
        if read > READ_BYTES {
            return false;
        }
    }
    true
}

fn fault_of(fault: &hyper::Error) -> SendFault {
    if fault.is_parse() || fault.is_parse_too_large() || fault.is_parse_status() {
        SendFault::BadAnswer
    } else {
        SendFault::Closed
    }
}
