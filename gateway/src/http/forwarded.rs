//! The client's address behind trusted proxies.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// The last address that no trusted proxy vouches for (RFC 7239 speaks of the same chain).
pub fn client_address(headers: &HeaderMap, peer: SocketAddr, trusted: &[IpNet]) -> IpAddr {
    let mut address = peer.ip().to_canonical();
    if trusted.is_empty() {
        return address;
    }
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let chain: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        // A list may have empty elements, which mean nothing (RFC 9110, 5.6.1).
        .filter(|hop| !hop.is_empty())
        .collect();
    for hop in chain.iter().rev() {
        if !is_trusted(address) {
            break;
        }
        match read_hop(hop) {
            Some(before) => address = before.to_canonical(),
            None => break,
        }
    }
    address
}

/// Whether a trusted proxy says that the client used https.
pub fn came_over_https(headers: &HeaderMap, peer: SocketAddr, trusted: &[IpNet]) -> bool {
    let peer = peer.ip().to_canonical();
    if !trusted.iter().any(|net| net.contains(&peer)) {
        return false;
    }
    // Each proxy appends; the last one is the one that we trust.
    let last = headers.get_all("x-forwarded-proto").iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    last.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

/// Some proxies write the port too, and then IPv6 addresses in brackets.
fn read_hop(text: &str) -> Option<IpAddr> {
    let bare = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|peer| peer.ip());
    let bracketed = || {
        let address = text.strip_prefix('[')?.strip_suffix(']')?;
        Some(IpAddr::V6(address.parse().ok()?))
    };
    bare().or_else(with_port).or_else(bracketed)
}
