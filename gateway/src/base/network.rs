//! Networks as people write them in settings and allow-lists.

use std::net::IpAddr;

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

#[cfg(test)]
mod tests {
    use super::*;

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
