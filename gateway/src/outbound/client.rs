//! Sends one request to one target: resolve, guard, dial, TLS, send, read a capped answer, keep the connection.
//!
//! Over https the target says whether it speaks HTTP/2 (ALPN, RFC 7301); over http it is HTTP/1.1. The caller sets the
//! time limit around the whole. What was reached by then stands in [`Progress`], which outlives a future that is
//! dropped at the limit.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use http::Request;
use http_body_util::Full;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::connections::{Connections, Leave, Line, Opening};
use super::exchange::{Break, Progress, SendFault, begin_http1, begin_http2, exchange};
use super::guard::Guard;
use super::target::{Destination, Target};
use crate::config;
use crate::http::tls::provider;

const RESOLVE_AT_SAVE: Duration = Duration::from_secs(2);

/// What every outgoing request shares.
#[derive(Clone)]
pub struct Client {
    resolver: Arc<TokioResolver>,
    guard: Guard,
    /// Offers HTTP/2 and HTTP/1.1.
    tls: TlsConnector,
    /// Offers HTTP/1.1 alone.
    tls_http1: TlsConnector,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the resolver's settings cannot be used: {0}")]
    Resolver(String),
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("webhooks.extra_ca_file: {path}: {source}")]
    Roots {
        path: PathBuf,
        source: rustls_pki_types::pem::Error,
    },
    #[error("webhooks.extra_ca_file: {0} holds no certificate that can be trusted")]
    NoRoots(PathBuf),
}

impl Client {
    /// A client as `settings` has it, which dials public addresses and those that are allowed.
    pub fn new(settings: &config::Webhooks) -> Result<Self, ClientError> {
        let mut tls = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots(settings)?)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls_http1 = TlsConnector::from(Arc::new(tls.clone()));
        tls.alpn_protocols.insert(0, b"h2".to_vec());
        Ok(Self {
            resolver: Arc::new(resolver(settings.resolver)?),
            guard: Guard::new(&settings.allow_cidrs),
            tls: TlsConnector::from(Arc::new(tls)),
            tls_http1,
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
    /// another one.
    pub async fn send(
        &self,
        target: &Target,
        connections: &Connections,
        make: impl Fn() -> Request<Full<Bytes>>,
        progress: &mut Progress,
    ) -> Result<(), SendFault> {
        let first = match connections.take() {
            Some(line) => line,
            // Apart on the heap, so that what an open connection needs stays small.
            None => Box::pin(self.open(target, connections, progress)).await?,
        };
        let is_new = progress.connect.is_some();
        match exchange(first, target, connections, make(), progress).await {
            Ok(()) => return Ok(()),
            Err(Break::Fault(fault)) => return Err(fault),
            Err(Break::Lost) if is_new => return Err(SendFault::Closed),
            Err(Break::Lost | Break::Refused) => {}
            Err(Break::Http1Wanted) => connections.refuse_http2(),
        }
        let second = Box::pin(self.open(target, connections, progress)).await?;
        let again = Box::pin(exchange(second, target, connections, make(), progress)).await;
        again.map_err(|broken| match broken {
            Break::Fault(fault) => fault,
            Break::Lost | Break::Refused | Break::Http1Wanted => SendFault::Closed,
        })
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

    /// A new connection, or one that another request has opened meanwhile and shares.
    async fn open(
        &self,
        target: &Target,
        connections: &Connections,
        progress: &mut Progress,
    ) -> Result<Line, SendFault> {
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
    ) -> Result<Line, SendFault> {
        let started = Instant::now();
        let addresses = self.addresses(&target.destination).await?;
        progress.dns = Some(started.elapsed());
        let started = Instant::now();
        let stream = dial(&addresses, target.port).await?;
        progress.connect = Some(started.elapsed());
        if !target.is_tls {
            return Ok(opening.opened_http1(begin_http1(stream).await?));
        }
        let started = Instant::now();
        let name = server_name(&target.destination)?;
        let connector = match connections.refuses_http2() {
            true => &self.tls_http1,
            false => &self.tls,
        };
        let stream = connector.connect(name, stream).await.map_err(|fault| {
            tracing::debug!(%fault, "TLS handshake with an endpoint failed");
            SendFault::TlsFailed
        })?;
        progress.tls = Some(started.elapsed());
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Ok(opening.opened_http1(begin_http1(stream).await?));
        }
        let sender = begin_http2(stream).await?;
        opening.opened_http2(sender).ok_or(SendFault::Closed)
    }
}

/// The public authorities, and those of the operator's.
fn roots(settings: &config::Webhooks) -> Result<rustls::RootCertStore, ClientError> {
    let mut roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = &settings.extra_ca_file {
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|source| ClientError::Roots {
                path: path.clone(),
                source,
            })?;
        let (taken_count, _) = roots.add_parsable_certificates(certificates);
        if taken_count == 0 {
            return Err(ClientError::NoRoots(path.clone()));
        }
    }
    Ok(roots)
}

fn resolver(server: Option<SocketAddr>) -> Result<TokioResolver, ClientError> {
    let builder = match server {
        None => TokioResolver::builder_tokio(),
        Some(server) => {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            let server = NameServerConfig::new(server.ip(), true, connections.into());
            let config = ResolverConfig::from_name_servers(vec![server]);
            Ok(TokioResolver::builder_with_config(
                config,
                TokioRuntimeProvider::default(),
            ))
        }
    };
    builder
        .and_then(|builder| builder.build())
        .map_err(|fault| ClientError::Resolver(fault.to_string()))
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
