//! Why a request failed.

use std::fmt::Display;

const MAX_DETAIL_CHARS: usize = 200;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendFault {
    DnsFailed,
    AddressForbidden,
    ConnectFailed,
    TlsFailed,
    Closed,
    BadAnswer,
}

/// What went wrong and, where more is known, how: in words for the owner of the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendError {
    pub fault: SendFault,
    /// At most 200 characters.
    pub detail: Option<Box<str>>,
}

impl SendError {
    /// A fault as text, of which the first 200 characters count.
    pub(super) fn new(fault: SendFault, detail: impl Display) -> Self {
        let detail: String = detail.to_string().chars().take(MAX_DETAIL_CHARS).collect();
        Self {
            fault,
            detail: Some(detail.into()),
        }
    }
}

impl From<SendFault> for SendError {
    fn from(fault: SendFault) -> Self {
        Self { fault, detail: None }
    }
}
