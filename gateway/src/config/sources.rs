//! Limits of sources, and where they are served.

use std::net::SocketAddr;

use super::Reader;
use super::values::{address, between};

/// The public addresses that outside systems send to.
#[derive(Debug, Clone)]
pub struct Sources {
    /// A listener that serves what needs no key alone.
    pub listen: Option<SocketAddr>,
    /// The largest body of a request to a source.
    pub max_body_bytes: usize,
    /// Signatures that one network (IPv4 /24, IPv6 /48) may get wrong, on each instance.
    pub failures_per_second: u32,
}

impl Sources {
    pub(super) fn read(reader: &mut Reader) -> Self {
        const MEBIBYTE: usize = 1 << 20;
        Self {
            listen: reader.get("sources", "listen", None, |text| address(text).map(Some)),
            max_body_bytes: reader.get("sources", "max_body_bytes", MEBIBYTE, between(1_024, MEBIBYTE)),
            failures_per_second: reader.get("sources", "failures_per_second", 10, between(1, 1_000_000)),
        }
    }
}
