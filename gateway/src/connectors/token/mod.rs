//! Token calls: what is asked of a vendor's token endpoint, and what its answer means.
//!
//! OAuth 2.0 (RFC 6749) with PKCE (RFC 7636) and assertions of service accounts (RFC 7523). All is pure: no clock, no I/O;
//! `connections` sends the calls and keeps what they bring.

mod answer;
mod assertion;
mod call;
mod members;
mod vectors;

pub use answer::{Granted, Judged, judge};
pub use assertion::{AssertionFault, sign_assertion};
pub use call::{Client, Grant, TokenCall, TokenCallFault, authorize_url, token_call};
pub use vectors::token_vector_faults;

#[cfg(test)]
mod tests;
