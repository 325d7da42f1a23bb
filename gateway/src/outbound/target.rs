//! Where a request goes: a URL taken apart once, when it is saved or loaded.

use std::net::IpAddr;

use http::HeaderValue;
use http::uri::PathAndQuery;
use url::{Host, Url};

const MAX_URL_CHARS: usize = 2_048;

/// Why a URL cannot be a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    #[error("is no absolute URL")]
    NotAbsolute,
    #[error("is longer than {MAX_URL_CHARS} characters")]
    TooLong,
    #[error("must use http or https")]
    Scheme,
    #[error("must not hold a user name or password")]
    UserInfo,
    #[error("has no port 0")]
    PortZero,
    #[error("has no usable host")]
    Host,
}

/// Whom to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    Address(IpAddr),
    Name(String),
}

/// A URL that requests can be sent to.
#[derive(Debug, Clone)]
pub struct Target {
    pub destination: Destination,
    pub port: u16,
    pub is_tls: bool,
    /// The `Host` header.
    pub authority: HeaderValue,
    pub path: PathAndQuery,
}

impl Target {
    /// Takes a URL apart. Numeric spellings of IPv4 addresses (`0x7f.1`, `2130706433`) come out as addresses, as the
    /// WHATWG URL standard has it, so none of them passes as a name.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        if text.chars().count() > MAX_URL_CHARS {
            return Err(UrlFault::TooLong);
        }
        let url = Url::parse(text).map_err(|_| UrlFault::NotAbsolute)?;
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(UrlFault::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlFault::UserInfo);
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if port == 0 {
            return Err(UrlFault::PortZero);
        }
        let (destination, host) = match url.host().ok_or(UrlFault::Host)? {
            Host::Ipv4(address) => (Destination::Address(address.into()), address.to_string()),
            Host::Ipv6(address) => (Destination::Address(address.into()), format!("[{address}]")),
            Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                if name.is_empty() || name.len() > 253 {
                    return Err(UrlFault::Host);
                }
                (Destination::Name(name.to_owned()), name.to_owned())
            }
        };
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host,
        };
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Ok(Self {
            destination,
            port,
            is_tls,
            authority: HeaderValue::try_from(authority).map_err(|_| UrlFault::Host)?,
            path: PathAndQuery::try_from(path).map_err(|_| UrlFault::NotAbsolute)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_apart() {
        let fault = |text: &str| Target::parse(text).expect_err(text);
        assert_eq!(fault("example.com/x"), UrlFault::NotAbsolute);
        assert_eq!(fault("ftp://example.com"), UrlFault::Scheme);
        assert_eq!(fault("http://user@example.com"), UrlFault::UserInfo);
        assert_eq!(fault("http://:pw@example.com"), UrlFault::UserInfo);
        assert_eq!(fault("http://example.com:0/"), UrlFault::PortZero);
        assert_eq!(fault("http://"), UrlFault::NotAbsolute);
        assert_eq!(
            fault(&format!("http://a/{}", "x".repeat(3000))),
            UrlFault::TooLong
        );
    }

    #[test]
    fn numbers_that_spell_an_address_are_addresses() {
        for text in [
            "http://127.1/",
            "http://0x7f.0.0.1/",
            "http://2130706433/",
            "http://0177.0.0.1",
        ] {
            let target = Target::parse(text).expect(text);
            let loopback = Destination::Address([127, 0, 0, 1].into());
            assert_eq!(target.destination, loopback, "{text}");
        }
    }

    #[test]
    fn parts_are_what_a_request_needs() {
        let target = Target::parse("https://Example.com:8443/a/b?c=d#e").expect("valid");
        assert_eq!(target.authority, "example.com:8443");
        assert_eq!((target.port, target.is_tls), (8443, true));
        assert_eq!(target.path, "/a/b?c=d");
        assert_eq!(Target::parse("http://example.com").expect("valid").port, 80);
    }
}
