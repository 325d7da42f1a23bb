//! The hosts file (`hosts(5)`): an address and its names on each line.

use std::collections::HashMap;
use std::net::IpAddr;

/// Addresses by name.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    by_name: HashMap<String, Vec<IpAddr>>,
}

impl Hosts {
    /// Reads the file's text; what is no address is skipped.
    pub fn parse(text: &[u8]) -> Self {
        let mut hosts = Self::default();
        for line in String::from_utf8_lossy(text).lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(Ok(address)) = words.next().map(str::parse) else {
                continue;
            };
            for name in words {
                let addresses = hosts.by_name.entry(plain(name)).or_default();
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        hosts
    }

    /// The addresses that the file gives to a name.
    pub fn addresses(&self, name: &str) -> &[IpAddr] {
        self.by_name.get(&plain(name)).map_or(&[], Vec::as_slice)
    }
}

fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_all_their_addresses() {
        let hosts = Hosts::parse(
            b"# all\n127.0.0.1 localhost Other_Name # more\nnonsense x\n\n::1\tlocalhost\n127.0.0.1 localhost.\n",
        );
        let addresses = |name: &str| {
            hosts
                .addresses(name)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(addresses("LocalHost"), ["127.0.0.1", "::1"]);
        assert_eq!(addresses("other_name."), ["127.0.0.1"]);
        assert!(addresses("x").is_empty() && addresses("more").is_empty());
    }
}
