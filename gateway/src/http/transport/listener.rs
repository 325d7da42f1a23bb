//! The accept loop: takes connections up to a cap, speaks TLS where it is set, and drains on the stop signal.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use metrics::{counter, gauge};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Answer, Ends, Protocol};
use super::proxied;
use super::timed_io::Waits;
use super::tls::Certificate;
use crate::telemetry::names;

/// The wait after `accept` failed, for want of file descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const BACKLOG: i32 = 4096;
/// Load balancers look at `/readyz` about twice a second.
const LAST_CALL: Duration = Duration::from_secs(1);

/// A bound socket and what is spoken on it.
pub struct Listener {
    socket: TcpListener,
    protocol: Protocol,
    waits: Waits,
    certificate: Option<Certificate>,
    places: Arc<Semaphore>,
    max_connections: usize,
    /// From these peers every connection begins with a PROXY header.
    balancers: Vec<IpNet>,
}

impl Listener {
    /// Binds `address`.
    pub fn bind(
        address: SocketAddr,
        waits: Waits,
        max_connections: usize,
        certificate: Option<Certificate>,
    ) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Self {
            socket: TcpListener::from_std(socket.into())?,
            protocol: Protocol::new(waits),
            waits,
            certificate,
            places: Arc::new(Semaphore::new(max_connections)),
            max_connections,
            balancers: Vec::new(),
        })
    }

    /// Expects a PROXY header from peers in these networks, and from no others.
    pub fn behind(mut self, balancers: Vec<IpNet>) -> Self {
        self.balancers = balancers;
        self
    }

    /// The address that was bound, with the port that the system chose where port 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `stop`, then lets connections finish for at most `drain`.
    pub async fn serve<A: Answer>(self, answer: A, stop: CancellationToken, drain: Duration) {
        let connections = TaskTracker::new();
        let draining = CancellationToken::new();
        let last_call = LAST_CALL.min(drain / 4);
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = stop.cancelled() => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.take(stream, peer, &answer, &connections, &draining, last_call);
                }
                Err(fault) => {
                    tracing::warn!(%fault, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.socket);
        draining.cancel();
        connections.close();
        if tokio::time::timeout(drain, connections.wait()).await.is_err() {
            tracing::warn!(
                open = connections.len(),
                "connections cut at the end of the drain time"
            );
        }
    }

    fn take<A: Answer>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        answer: &A,
        connections: &TaskTracker,
        draining: &CancellationToken,
        last_call: Duration,
    ) {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            counter!(names::HTTP_REFUSED).increment(1);
            tracing::debug!(%peer, max_connections = self.max_connections, "connection refused");
            return;
        };
        let _ = stream.set_nodelay(true);
        let protocol = self.protocol.clone();
        let certificate = self.certificate.clone();
        let handshake_time = self.waits.head;
        let ends = Ends {
            client: peer,
            local: stream.local_addr().ok(),
            is_tls: certificate.is_some(),
        };
        let answer = answer.clone();
        let draining = draining.clone();
        let address = peer.ip().to_canonical();
        let is_balancer = self.balancers.iter().any(|net| net.contains(&address));
        connections.spawn(async move {
            let open = gauge!(names::HTTP_CONNECTIONS);
            open.increment(1.0);
            let welcoming = welcome(stream, peer, is_balancer, certificate);
            match tokio::time::timeout(handshake_time, welcoming).await {
                Ok(Ok((Welcomed::Plain(stream), client))) => {
                    let ends = Ends { client, ..ends };
                    protocol.serve(stream, ends, answer, draining, last_call).await;
                }
                Ok(Ok((Welcomed::Secure(stream), client))) => {
                    let ends = Ends { client, ..ends };
                    protocol.serve(stream, ends, answer, draining, last_call).await;
                }
                Ok(Err(fault)) => tracing::debug!(%peer, %fault, "a connection did not begin well"),
                Err(_) => tracing::debug!(%peer, "a connection did not begin in time"),
            }
            open.decrement(1.0);
            drop(place);
        });
    }
}

/// A connection on which HTTP can begin.
enum Welcomed {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

/// What comes before HTTP: the PROXY header of a load balancer, then TLS. Gives the client's address too.
async fn welcome(
    mut stream: TcpStream,
    peer: SocketAddr,
    is_balancer: bool,
    certificate: Option<Certificate>,
) -> io::Result<(Welcomed, SocketAddr)> {
    let client = match is_balancer {
        true => proxied::read_client(&mut stream).await?.unwrap_or(peer),
        false => peer,
    };
    let welcomed = match certificate {
        None => Welcomed::Plain(stream),
        Some(certificate) => Welcomed::Secure(Box::new(certificate.accept(stream).await?)),
    };
    Ok((welcomed, client))
}
