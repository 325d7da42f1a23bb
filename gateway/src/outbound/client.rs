//! Sends one request to one target: resolve, guard, dial, TLS, send, read a capped answer, keep the connection.
//!
//! Over https, ALPN (RFC 7301) decides between HTTP/2 and HTTP/1.1; over http it is HTTP/1.1. The caller sets the time
//! limit around the whole. [`Progress`] holds how far a request got, also when its future is dropped at the limit.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rustls_pki_types::ServerName;

use super::connections::{Connections, Leave, Line, Opening};
use super::dial::dial;
use super::exchange::{Break, Progress, begin_http1, begin_http2, exchange};
use super::fault::{SendError, SendFault};
use super::guard::Guard;
use super::names::{Names, NamesError};
use super::target::{Destination, Target};
use super::tls::{self, Connectors, TlsError};
use crate::config;

const RESOLVE_AT_SAVE: Duration = Duration::from_secs(2);

/// What every outgoing request shares.
#[derive(Clone)]
pub struct Client {
    names: Arc<Names>,
    guard: Guard,
    tls: Connectors,
}

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the resolver's settings cannot be used: {0}")]
    Names(#[from] NamesError),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Client {
    /// A client as `settings` has it, which dials public addresses and those that are allowed.
    pub fn new(settings: &config::Webhooks) -> Result<Self, ClientError> {
        Ok(Self {
            names: Arc::new(Names::new(settings.resolver)?),
            guard: Guard::new(&settings.allow_cidrs),
            tls: Connectors::new(settings.extra_ca_file.as_deref())?,
        })
    }

    /// Whether a target may be saved. A name that does not resolve may: it is looked at again at every connect.
    pub async fn may_be_saved(&self, target: &Target) -> bool {
        let resolving = self.addresses(target);
        match tokio::time::timeout(RESOLVE_AT_SAVE, resolving).await {
            Ok(Err(error)) => error.fault != SendFault::AddressForbidden,
            Ok(Ok(_)) | Err(_) => true,
        }
    }

    /// Sends the request that `make` makes and reads the answer into `progress`.
    ///
    /// An open connection may turn out to have been closed by the other side, or to hold what was said before the request
    /// came; then the request is sent once more, over another one.
    pub async fn send(
        &self,
        target: &Target,
        connections: &Connections,
        make: impl Fn() -> Request<Full<Bytes>>,
        progress: &mut Progress,
    ) -> Result<(), SendError> {
        let first = match connections.take() {
            Some(line) => line,
            // Apart on the heap, so that what an open connection needs stays small.
            None => Box::pin(self.open(target, connections, progress)).await?,
        };
        let is_new = progress.connect.is_some();
        match exchange(first, target, connections, make(), progress).await {
            Ok(()) => return Ok(()),
            Err(Break::Fault(error)) => return Err(error),
            Err(broken @ (Break::Lost | Break::Stray(_))) if is_new => return Err(broken.into()),
            Err(Break::Lost | Break::Stray(_) | Break::Refused) => {}
            Err(Break::Crowded(_)) => connections.make_room(),
            Err(Break::Http1Wanted) => connections.refuse_http2(),
        }
        let second = Box::pin(self.open(target, connections, progress)).await?;
        let again = Box::pin(exchange(second, target, connections, make(), progress)).await;
        again.map_err(SendError::from)
    }

    /// Addresses that may all be dialled.
    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, SendError> {
        let addresses = match &target.destination {
            Destination::Address(address) => vec![*address],
            Destination::Name(name) => {
                let found = self.names.addresses(name).await;
                found.map_err(|fault| SendError::new(SendFault::DnsFailed, fault))?
            }
        };
        if target.is_operators {
            return Ok(addresses);
        }
        // One forbidden address among public ones is no accident.
        match addresses.iter().find(|address| !self.guard.permits(**address)) {
            None => Ok(addresses),
            Some(address) => {
                let detail = format_args!("{address} is not public, and the operator has not allowed it");
                Err(SendError::new(SendFault::AddressForbidden, detail))
            }
        }
    }

    /// A new connection, or one that another request has opened meanwhile and shares.
    async fn open(
        &self,
        target: &Target,
        connections: &Connections,
        progress: &mut Progress,
    ) -> Result<Line, SendError> {
        match connections.leave_to_open(target.is_tls).await {
            Leave::Opened(line) => Ok(line),
            Leave::Granted(opening) => self.connect(target, connections, opening, progress).await,
        }
    }

    async fn connect(
        &self,
        target: &Target,
        connections: &Connections,
        opening: Opening<'_>,
        progress: &mut Progress,
    ) -> Result<Line, SendError> {
        let started = Instant::now();
        let addresses = self.addresses(target).await?;
        progress.dns = Some(started.elapsed());
        let started = Instant::now();
        let stream = dial(&addresses, target.port).await;
        let stream = stream.map_err(|fault| SendError::new(SendFault::ConnectFailed, fault))?;
        progress.connect = Some(started.elapsed());
        if !target.is_tls {
            return open_http1(opening, stream).await;
        }
        let started = Instant::now();
        let name = server_name(&target.destination)?;
        let connector = match connections.refuses_http2() {
            true => &self.tls.http1,
            false => &self.tls.both,
        };
        let stream = connector.connect(name, stream).await;
        let stream = stream.map_err(|fault| SendError::new(SendFault::TlsFailed, tls::reason(&fault)))?;
        progress.tls = Some(started.elapsed());
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return open_http1(opening, stream).await;
        }
        let sender = begin_http2(stream).await?;
        opening.opened_http2(sender).ok_or(SendFault::Closed.into())
    }
}

async fn open_http1<S>(opening: Opening<'_>, stream: S) -> Result<Line, SendError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let is_roomy = opening.is_roomy();
    let sender = begin_http1(stream, is_roomy).await?;
    Ok(opening.opened_http1(sender, is_roomy))
}

fn server_name(destination: &Destination) -> Result<ServerName<'static>, SendError> {
    match destination {
        Destination::Address(address) => Ok(ServerName::from(*address)),
        Destination::Name(name) => {
            // A certificate's names have no trailing dot.
            let name = name.strip_suffix('.').unwrap_or(name);
            let name = ServerName::try_from(name.to_owned());
            name.map_err(|fault| SendError::new(SendFault::TlsFailed, fault))
        }
    }
}
