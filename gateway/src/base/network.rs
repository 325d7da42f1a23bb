//! Networks as people write them in settings and allow-lists, and the one that a client is in.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

/// The bits of an IPv6 address before the IPv4 address that is mapped into it (RFC 4291, 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// Reads an address or a CIDR. What is written as IPv4-mapped IPv6 is the IPv4 network that it stands for: clients'
/// addresses are compared in that form.
pub fn parse_network(text: &str) -> Option<IpNet> {
    let network = text
        .parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(match network {
        IpNet::V6(mapped) if mapped.prefix_len() >= MAPPED_BITS => {
            let length = mapped.prefix_len() - MAPPED_BITS;
            let plain = mapped.addr().to_ipv4_mapped();
            match plain.and_then(|plain| Ipv4Net::new(plain, length).ok()) {
                Some(plain) => IpNet::V4(plain),
                None => network,
            }
        }
        _ => network,
    })
}

/// The network that is counted for a client, which can easily switch addresses within it: IPv4 /24, IPv6 /48.
pub fn network_of(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_a_24_or_an_ipv6_site() {
        let network = |text: &str| network_of(text.parse().expect("an address")).to_string();
        assert_eq!(network("192.0.2.1"), network("192.0.2.200"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(network("2001:db8:1::1"), network("2001:db8:1:ffff::2"));
        assert_ne!(network("2001:db8:1::1"), network("2001:db8:2::1"));
    }

    #[test]
    fn a_mapped_network_is_the_one_it_stands_for() {
        let cases = [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("10.0.0.1", Some("10.0.0.1/32")),
            ("::ffff:10.0.0.1", Some("10.0.0.1/32")),
            ("::ffff:10.0.0.0/104", Some("10.0.0.0/8")),
            ("::ffff:0:0/96", Some("0.0.0.0/0")),
            ("::ffff:0:0/95", Some("::ffff:0:0/95")),
            ("::10.0.0.1", Some("::10.0.0.1/128")),
            ("::/0", Some("::/0")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("10.0.0.1:80", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|text| text.parse::<IpNet>().expect("a network"));
            assert_eq!(parse_network(text), expected, "{text}");
        }
    }
}
