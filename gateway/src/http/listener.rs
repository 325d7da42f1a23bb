//! The accept loop: takes connections up to a cap, speaks TLS where it is set, and drains on the stop signal.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Answer, Protocol};
use super::timed_io::Waits;
use super::tls::Certificate;
use crate::telemetry::names;

/// The wait after `accept` failed, for want of file descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const BACKLOG: i32 = 4096;

/// A bound socket and what is spoken on it.
pub struct Listener {
    socket: TcpListener,
    protocol: Protocol,
    waits: Waits,
    certificate: Option<Certificate>,
    places: Arc<Semaphore>,
    max_connections: usize,
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
        })
    }

    /// The address that was bound, with the port that the system chose where port 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `stop`, then lets connections finish for at most `drain`.
    pub async fn serve<A: Answer>(self, answer: A, stop: CancellationToken, drain: Duration) {
        let connections = TaskTracker::new();
        let draining = CancellationToken::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = stop.cancelled() => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.take(stream, peer, &answer, &connections, &draining);
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
        let answer = answer.clone();
        let draining = draining.clone();
        connections.spawn(async move {
            let open = gauge!(names::HTTP_CONNECTIONS);
            open.increment(1.0);
            match certificate {
                None => protocol.serve(stream, peer, answer, draining).await,
                Some(certificate) => {
                    let handshake = certificate.accept(stream);
                    match tokio::time::timeout(handshake_time, handshake).await {
                        Ok(Ok(stream)) => protocol.serve(stream, peer, answer, draining).await,
                        Ok(Err(fault)) => tracing::debug!(%peer, %fault, "TLS handshake failed"),
                        Err(_) => tracing::debug!(%peer, "TLS handshake timed out"),
                    }
                }
            }
            open.decrement(1.0);
            drop(place);
        });
    }
}
