//! `X-Request-Id`: the client's if it is sane, else one of ours.

use http::{HeaderMap, HeaderValue};

/// The header's name.
pub const HEADER: &str = "x-request-id";
const MAX_LEN: usize = 128;

/// The id that stands in the reply, in every log line and in every problem of one request.
#[derive(Debug, Clone)]
pub struct RequestId(Origin);

#[derive(Debug, Clone)]
enum Origin {
    Client(HeaderValue),
    /// Nobody asks for most of ours, so they are kept as the bytes they are.
    Ours([u8; OUR_LEN]),
}

const PREFIX: &[u8; 4] = b"req_";
const OUR_LEN: usize = PREFIX.len() + 16;

impl RequestId {
    /// Takes the client's id if it is 1 to 128 visible ASCII characters, else makes one.
    pub fn of(headers: &HeaderMap) -> Self {
        match headers.get(HEADER) {
            Some(given) if is_sane(given.as_bytes()) => Self(Origin::Client(given.clone())),
            _ => Self::generate(),
        }
    }

    fn generate() -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut bits = fastrand::u64(..);
        let mut text = [0; OUR_LEN];
        text[..PREFIX.len()].copy_from_slice(PREFIX);
        for place in &mut text[PREFIX.len()..] {
            *place = DIGITS[(bits & 15) as usize];
            bits >>= 4;
        }
        Self(Origin::Ours(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Only visible ASCII is taken or made.
        match &self.0 {
            Origin::Client(value) => value.to_str().unwrap_or_default(),
            Origin::Ours(text) => std::str::from_utf8(text).unwrap_or_default(),
        }
    }

    /// The id as the reply's header.
    pub fn header_value(&self) -> HeaderValue {
        match &self.0 {
            Origin::Client(value) => value.clone(),
            // Hexadecimal is always a valid header value.
            Origin::Ours(text) => HeaderValue::from_bytes(text).unwrap_or(HeaderValue::from_static("req_0")),
        }
    }
}

fn is_sane(bytes: &[u8]) -> bool {
    (1..=MAX_LEN).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}
