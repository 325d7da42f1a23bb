//! Checks that a request's head names its host and the end of its body exactly once. Proxies and servers that read an
//! ambiguous head differently allow request smuggling.

use std::net::Ipv6Addr;

use http::header::{HOST, TRANSFER_ENCODING};
use http::{Request, Version};

use super::problem::{Code, Problem};
use super::transport::timed_io::Watch;

/// 400 for a head that is ambiguous. Nothing that follows on its connection is read.
pub fn check<B>(request: &Request<B>, watch: &Watch) -> Result<(), Problem> {
    let fault = if watch.has_ambiguous_framing() {
        Some("Content-Length and Transfer-Encoding contradict each other.")
    } else if !is_chunked_alone(request) {
        Some("The only Transfer-Encoding is chunked, and alone.")
    } else if !names_one_host(request) {
        Some("Send one Host header, a name or an address and perhaps a port.")
    } else {
        None
    };
    match fault {
        None => Ok(()),
        Some(detail) => Err(Problem::new(Code::BadRequest, detail).closing()),
    }
}

/// hyper takes any list that ends in `chunked`, and leaves its other codings in the body (RFC 9112, 6.1).
fn is_chunked_alone<B>(request: &Request<B>) -> bool {
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(only), None) => only.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

/// RFC 9112, 3.2, and RFC 9113, 8.3.1: HTTP/2 has `:authority`, with which a Host must agree.
fn names_one_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let authority = match request.version() {
        Version::HTTP_2 => request.uri().authority(),
        _ => None,
    };
    match (hosts.next(), hosts.next()) {
        (None, _) => authority.is_some() || request.version() < Version::HTTP_11,
        (Some(host), None) => {
            let host = host.as_bytes();
            is_host(host)
                && authority.is_none_or(|named| named.as_str().as_bytes().eq_ignore_ascii_case(host))
        }
        (Some(_), Some(_)) => false,
    }
}

/// A registered name or an address, and perhaps a port (RFC 3986, 3.2). A comma, which names may have, is refused: it
/// is what two Host headers become when they are joined.
fn is_host(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    let (is_named, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) => (address.parse::<Ipv6Addr>().is_ok(), port),
            None => return false,
        },
        None => {
            let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&byte);
            (!name.is_empty() && name.bytes().all(is_part), port)
        }
    };
    let is_port =
        |digits: &str| digits.is_empty() || digits.parse::<u16>().is_ok() && !digits.starts_with('+');
    is_named && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}
