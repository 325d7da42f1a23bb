//! Receipts in memory and as the API shows them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::base::clock::Millis;
use crate::base::id::ReceiptId;
use crate::http::problem::Code;

/// Receipts that are kept of a source, of those that were taken and of those that were refused.
pub const KEPT: usize = 50;
/// Bodies that are kept of a source's refused requests, the newest ones.
pub const KEPT_BODIES: usize = 20;
/// The largest body that is kept.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    Repeat,
    Handshake,
    Filtered,
    Refused(Code),
}

impl Outcome {
    const TAKEN: [Self; 4] = [Self::Accepted, Self::Repeat, Self::Handshake, Self::Filtered];

    /// The public name: a word, or the code of the refusal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Repeat => "repeat",
            Self::Handshake => "handshake",
            Self::Filtered => "filtered",
            Self::Refused(code) => code.name(),
        }
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let refused = REFUSALS.iter().map(|code| Self::Refused(*code));
        Self::TAKEN.into_iter().chain(refused)
    }

    /// The outcome of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|outcome| outcome.name() == name)
    }

    /// Whether the request was turned away.
    pub const fn is_refused(self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// Why requests to a source are refused.
pub const REFUSALS: &[Code] = &[
    Code::SignatureMissing,
    Code::SignatureInvalid,
    Code::SignatureStale,
    Code::HandshakeRefused,
    Code::IpNotAllowed,
    Code::MethodNotAllowed,
    Code::BodyTimeout,
    Code::SourceDisabled,
    Code::TooLarge,
    Code::BadRequest,
    Code::MalformedBody,
    Code::MediaTypeUnsupported,
    Code::RateLimited,
    Code::Unavailable,
    Code::Internal,
];

/// What a retry needs of a refused request beside its body. It is sealed, for signatures and tokens stand in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    pub method: String,
    pub path_and_query: String,
    pub url_secret: Option<String>,
    /// Names and values; the bytes of a value as characters, each its own.
    pub headers: Vec<(String, String)>,
}

/// A receipt as it is written.
#[derive(Debug, Clone)]
pub struct Receipt {
    pub id: ReceiptId,
    pub at: Millis,
    pub method: String,
    pub outcome: Outcome,
    pub event_ids: Vec<String>,
    pub byte_count: u64,
    pub remote_ip: IpAddr,
    /// Names and values, credentials masked, as JSON.
    pub headers: String,
    pub body: Option<Bytes>,
    pub sealed: Option<Vec<u8>>,
}

/// A receipt as the API shows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Receipt)]
pub struct ShownReceipt {
    #[schema(value_type = String, example = "rcp_0198c0de-0000-7000-8000-000000000001")]
    pub id: ReceiptId,
    #[schema(value_type = String, format = DateTime)]
    pub at: Millis,
    pub method: String,
    /// `accepted`, `repeat`, `handshake`, `filtered`, or the code of the refusal.
    pub outcome: String,
    pub event_ids: Vec<String>,
    /// The size of the body.
    pub bytes: u64,
    pub remote_ip: String,
    /// Credentials are masked.
    pub headers: BTreeMap<String, String>,
    /// Of refused requests alone, the newest 20 of up to 16 KiB; what is not UTF-8 in it is replaced.
    pub body: Option<String>,
}
