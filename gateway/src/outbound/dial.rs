//! Dials one of several addresses (RFC 8305): tries the next when one fails or does not answer for a moment.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// How long one address is waited for before the next is dialled beside it (RFC 8305, 8).
const NEXT_AFTER: Duration = Duration::from_millis(250);
/// A name may have thousands of addresses; at most this many are dialled.
const MAX_ADDRESSES: usize = 16;

/// Why none could be reached.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialFault {
    #[error("there is no address to dial")]
    NoAddress,
    /// The result of the last dial that ended.
    #[error("{address}: {}", .fault.kind())]
    Failed { address: SocketAddr, fault: io::Error },
}

/// The first connection that stands. The caller has had every address checked.
pub(super) async fn dial(addresses: &[IpAddr], port: u16) -> Result<TcpStream, DialFault> {
    let mut left = addresses.iter().take(MAX_ADDRESSES);
    let mut dialling = FuturesUnordered::new();
    let mut last = DialFault::NoAddress;
    loop {
        match left.next() {
            Some(address) => dialling.push(connect(SocketAddr::new(*address, port))),
            None if dialling.is_empty() => return Err(last),
            None => {}
        }
        tokio::select! {
            Some(ended) = dialling.next() => match ended {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(fault) => last = fault,
            },
            () = sleep(NEXT_AFTER), if left.len() > 0 => {}
        }
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, DialFault> {
    let connected = TcpStream::connect(address).await;
    connected.map_err(|fault| DialFault::Failed { address, fault })
}
