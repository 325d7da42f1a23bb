//! `X-Request-Id`: the client's if it is sane, else one of ours.

use http::{HeaderMap, HeaderValue};

/// The header's name.
pub const HEADER: &str = "x-request-id";
const MAX_LEN: usize = 128;

/// The id that stands in the reply, in every log line and in every problem of one request.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Takes the client's id if it is 1 to 128 visible ASCII characters, else makes one.
    pub fn of(headers: &HeaderMap) -> Self {
        match headers.get(HEADER) {
            Some(given) if is_sane(given.as_bytes()) => Self(given.clone()),
            _ => Self::generate(),
        }
    }

    fn generate() -> Self {
        let mut text = String::with_capacity(20);
        text.push_str("req_");
        crate::base::hex::push(&mut text, &fastrand::u64(..).to_be_bytes());
        // Hexadecimal is always a valid header value.
        Self(HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("req_0")))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Only visible ASCII is taken or made.
        self.0.to_str().unwrap_or_default()
    }

    /// The id as the reply's header.
    pub fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

fn is_sane(bytes: &[u8]) -> bool {
    (1..=MAX_LEN).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}
