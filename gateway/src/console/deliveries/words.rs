//! What came of an attempt, in words, and what helps.

use crate::delivery::log::ErrorCode;

/// An answer or an error, short.
pub fn answer(status_code: Option<u16>, error: Option<ErrorCode>) -> String {
    match (status_code, error) {
        (Some(code), _) => format!("HTTP {code}"),
        (None, Some(error)) => what(error).to_owned(),
        (None, None) => "no answer yet".to_owned(),
    }
}

/// So many deliveries.
pub fn deliveries(count: usize) -> String {
    match count {
        1 => "1 delivery".to_owned(),
        some => format!("{some} deliveries"),
    }
}

/// An error in words.
pub const fn what(error: ErrorCode) -> &'static str {
    match error {
        ErrorCode::DnsFailed => "name not found",
        ErrorCode::AddressForbidden => "address not allowed",
        ErrorCode::ConnectFailed => "no connection",
        ErrorCode::TlsFailed => "TLS failed",
        ErrorCode::Timeout => "timed out",
        ErrorCode::Closed => "connection closed",
        ErrorCode::BadAnswer => "answer not understood",
        ErrorCode::HttpStatus | ErrorCode::Refused => "refused",
        ErrorCode::TemplateFailed => "template failed",
        ErrorCode::VendorError => "refused by the vendor",
        ErrorCode::RateLimited => "asked to wait",
        ErrorCode::ConnectionNotReady => "connection not ready",
        ErrorCode::Loop => "chain too long",
    }
}

/// What to do about a failed attempt.
pub const fn advice(status_code: Option<u16>, error: ErrorCode) -> &'static str {
    match (error, status_code) {
        (ErrorCode::DnsFailed, _) => "Check the host name in the endpoint's URL and its DNS records.",
        (ErrorCode::AddressForbidden, _) => {
            "The host leads to an address that is not public. Use a public one, or have the operator allow it."
        }
        (ErrorCode::ConnectFailed, _) => {
            "Nothing accepts connections there. Check that the server runs and its firewall."
        }
        (ErrorCode::TlsFailed, _) => "Check the endpoint's certificate: its chain, host name and expiry.",
        (ErrorCode::Timeout, _) => {
            "Answer at once and do the work afterwards, or raise the endpoint's timeout."
        }
        (ErrorCode::Closed, _) => "The server closed the connection before it answered. See its log.",
        (ErrorCode::BadAnswer, _) => {
            "The server's answer is no HTTP. Check the port and the scheme in the URL."
        }
        (ErrorCode::HttpStatus, Some(401 | 403)) => {
            "The endpoint refuses the request: check its credentials and how it verifies the signature."
        }
        (ErrorCode::HttpStatus, Some(404 | 405)) => {
            "Nothing takes POST at that path. Check the endpoint's URL."
        }
        (ErrorCode::HttpStatus, Some(410)) => {
            "The endpoint says it is gone, so it was disabled. Enable it when it is back."
        }
        (ErrorCode::HttpStatus, Some(429)) => {
            "The endpoint gets too much at once: set its requests per second."
        }
        (ErrorCode::HttpStatus, Some(300..=399)) => {
            "Redirects are not followed. Use the URL that it redirects to."
        }
        (ErrorCode::HttpStatus, Some(500..=599)) => {
            "The endpoint failed on its own. See its log at that time."
        }
        (ErrorCode::TemplateFailed, _) => {
            "The event lacks a value that the rule's templates need, or has one that cannot stand there."
        }
        (ErrorCode::Refused | ErrorCode::VendorError, _) => {
            "The receiver says no. The attempt has what was sent, and what came back."
        }
        (ErrorCode::RateLimited, _) => "The receiver asked to wait. The delivery goes on by itself.",
        (ErrorCode::ConnectionNotReady, _) => "The rule's connection is not ready. Connect it again.",
        (ErrorCode::Loop, _) => {
            "Eight rules acted on each other's events before this one. Change one of them."
        }
        (ErrorCode::HttpStatus, _) => "The endpoint refuses the request. Its answer may say why.",
    }
}
