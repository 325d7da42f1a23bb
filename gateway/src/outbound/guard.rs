//! Which addresses the gateway may connect to (SSRF guard).
//!
//! Everything that is not public is refused: the union of IANA's special-purpose registries, the metadata addresses of
//! clouds, and the transition mechanisms that could carry a private IPv4 address inside an IPv6 one. The address that
//! was checked is the one that is dialled, so a name that changes its answer in between gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;

/// The guard, with the networks that the operator allows.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allowed: Arc<[IpNet]>,
}

impl Guard {
    /// A guard that lets `allowed` pass beside public addresses.
    pub fn new(allowed: &[IpNet]) -> Self {
        Self {
            allowed: allowed.into(),
        }
    }

    /// Whether `address` may be dialled.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|net| net.contains(&address)) || is_public(address)
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let octets = address.octets();
    let is_special = address.is_unspecified()
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        // 0.0.0.0/8 "this network", 240.0.0.0/4 reserved.
        || octets[0] == 0
        || octets[0] >= 240
        // 100.64.0.0/10 carrier-grade NAT.
        || (octets[0] == 100 && octets[1] & 0xc0 == 64)
        // 192.0.0.0/24 protocol assignments, 192.88.99.0/24 6to4 relays, 198.18.0.0/15 benchmarks.
        || octets[..3] == [192, 0, 0]
        || octets[..3] == [192, 88, 99]
        || (octets[0] == 198 && octets[1] & 0xfe == 18)
        // Azure's host endpoint, which looks public.
        || octets == [168, 63, 129, 16];
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Only 2000::/3 is global unicast, and not all of it: what lies outside is loopback, link-local, unique local,
    // multicast, NAT64 (64:ff9b::/96 and /48), SRv6 or unassigned.
    let is_global_unicast = segments[0] & 0xe000 == 0x2000;
    let is_special = match segments {
        // Teredo and the other protocol assignments of 2001::/23, documentation 2001:db8::/32.
        [0x2001, second, ..] => second < 0x200 || second == 0xdb8,
        // 6to4.
        [0x2002, ..] => true,
        // Documentation 3fff::/20.
        [0x3fff, second, ..] => second < 0x1000,
        _ => false,
    };
    is_global_unicast && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(text: &str) -> bool {
        Guard::default().permits(text.parse().expect(text))
    }

    #[test]
    fn what_is_not_public_is_refused() {
        let refused = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:53aa::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in refused {
            assert!(!permits(text), "{text}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "2001:4860::8888",
        ] {
            assert!(permits(text), "{text}");
        }
    }

    #[test]
    fn the_operator_can_allow_networks() {
        let nets = ["127.0.0.0/8", "::1/128"].map(|net| net.parse().expect("a net"));
        let guard = Guard::new(&nets);
        for text in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(guard.permits(text.parse().expect("an address")), "{text}");
        }
        assert!(!guard.permits("10.0.0.1".parse().expect("an address")));
    }
}
