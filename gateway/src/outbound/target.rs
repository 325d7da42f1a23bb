//! Where a request goes: a URL taken apart once, when it is saved or loaded.

use std::net::IpAddr;

use http::HeaderValue;
use http::uri::PathAndQuery;
use url::{Host, ParseError, Url};

const MAX_URL_CHARS: usize = 2_048;

const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

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
    #[error("has a bad port: it is a number from 1 to 65535")]
    Port,
    #[error("has no host")]
    NoHost,
    #[error("has a bad host: it ends in a number but is not an IPv4 address")]
    HostNumber,
    #[error("has a bad host: the text in brackets is not an IPv6 address")]
    HostBrackets,
    #[error("has a bad host: it holds a character that no host name has")]
    HostCharacter,
    #[error(
        "has a bad host: a name has at most {MAX_NAME_BYTES} bytes, and 1 to {MAX_LABEL_BYTES} between its dots"
    )]
    HostLength,
}

impl From<ParseError> for UrlFault {
    fn from(fault: ParseError) -> Self {
        match fault {
            ParseError::InvalidPort => Self::Port,
            ParseError::EmptyHost => Self::NoHost,
            ParseError::InvalidIpv4Address => Self::HostNumber,
            ParseError::InvalidIpv6Address => Self::HostBrackets,
            ParseError::InvalidDomainCharacter | ParseError::IdnaError => Self::HostCharacter,
            _ => Self::NotAbsolute,
        }
    }
}

/// Whom to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    Address(IpAddr),
    /// With the trailing dot, if it has one.
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
    /// The URL as it is sent, without its fragment.
    pub url: String,
    /// The operator chose where it is dialled, so that address needs no leave.
    pub is_operators: bool,
}

impl Target {
    /// Takes a URL apart. Numeric spellings of IPv4 addresses (`0x7f.1`, `2130706433`) come out as addresses, as the
    /// WHATWG URL standard has it, so none of them passes as a name.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        if text.chars().count() > MAX_URL_CHARS {
            return Err(UrlFault::TooLong);
        }
        let mut url = Url::parse(text)?;
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
            return Err(UrlFault::Port);
        }
        let (destination, host) = match url.host().ok_or(UrlFault::NoHost)? {
            Host::Ipv4(address) => (Destination::Address(address.into()), address.to_string()),
            Host::Ipv6(address) => (Destination::Address(address.into()), format!("[{address}]")),
            Host::Domain(name) => {
                let plain = name.strip_suffix('.').unwrap_or(name);
                let is_label = |label: &str| (1..=MAX_LABEL_BYTES).contains(&label.len());
                if plain.len() > MAX_NAME_BYTES || !plain.split('.').all(is_label) {
                    return Err(UrlFault::HostLength);
                }
                // The name in requests and certificates has no trailing dot.
                (Destination::Name(name.to_owned()), plain.to_owned())
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
        url.set_fragment(None);
        Ok(Self {
            destination,
            port,
            is_tls,
            authority: HeaderValue::try_from(authority).map_err(|_| UrlFault::HostCharacter)?,
            path: PathAndQuery::try_from(path).map_err(|_| UrlFault::NotAbsolute)?,
            url: shown(text, url),
            is_operators: false,
        })
    }
}

/// The URL as it is sent. A path that was left out is not shown, which means the same (RFC 3986, 6.2.3).
fn shown(text: &str, url: Url) -> String {
    let is_bare = url.path() == "/" && url.query().is_none();
    let mut shown = String::from(url);
    if is_bare
        && !text
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .trim_end()
            .ends_with('/')
    {
        shown.pop();
    }
    shown
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
        assert_eq!(fault("http://example.com:0/"), UrlFault::Port);
        assert_eq!(fault("http://example.com:65536/"), UrlFault::Port);
        assert_eq!(fault("http://example.com:8o/"), UrlFault::Port);
        assert_eq!(fault("http://"), UrlFault::NoHost);
        assert_eq!(fault("http://1.2.3.256/"), UrlFault::HostNumber);
        assert_eq!(fault("http://[::1/"), UrlFault::HostBrackets);
        assert_eq!(fault("http://a b/"), UrlFault::HostCharacter);
        assert_eq!(fault("http://a..b/"), UrlFault::HostLength);
        assert_eq!(fault("http://a../"), UrlFault::HostLength);
        assert_eq!(
            fault(&format!("http://{}.com/", "a".repeat(64))),
            UrlFault::HostLength
        );
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
    fn the_url_is_shown_as_it_is_sent() {
        for (text, shown) in [
            ("http://example.com", "http://example.com"),
            ("http://example.com#x", "http://example.com"),
            ("http://example.com/#x", "http://example.com/"),
            (
                "HTTPS://Example.COM:443/a b?c=ü#d",
                "https://example.com/a%20b?c=%C3%BC",
            ),
            ("http://example.com?", "http://example.com/?"),
            ("http://127.1:8080/a/../b", "http://127.0.0.1:8080/b"),
            ("http://my_host.example./", "http://my_host.example./"),
        ] {
            assert_eq!(Target::parse(text).expect(text).url, shown);
        }
    }

    #[test]
    fn a_trailing_dot_is_for_the_look_up_alone() {
        let target = Target::parse("https://hooks.:8443/").expect("valid");
        assert_eq!(target.destination, Destination::Name("hooks.".to_owned()));
        assert_eq!(target.authority, "hooks:8443");
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
