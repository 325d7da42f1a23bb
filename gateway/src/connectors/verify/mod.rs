//! Whether a request comes from who it says: a table of schemes, each a row of a definition's `[source.verify]`.
//!
//! A [`Verifier`] is compiled from such a row when the definition is loaded; it then judges requests from their bytes as
//! received, the source's secrets and the receiver's clock. All is pure: no clock, no I/O, and nothing of a body is parsed.
//!
//! The order within one row is that of the contract: a header that comes twice, what is missing, what cannot be read, the
//! signature, and the timestamp last, so that `signature_stale` is told to the holder of a secret alone. Every comparison
//! with what a secret yields is in constant time.

mod encoding;
mod header;
mod jwt;
mod key;
mod keyring;
mod message;
mod refusal;
mod scheme;
mod timestamp;

pub use jwt::KeySet;
pub use keyring::{Held, Keyring};
pub use refusal::{Refusal, Unsupported};

use http::HeaderMap;

use super::definition::{JwtRules, Verify};
use scheme::Row;

/// A request as it was received.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    pub method: &'a str,
    /// The whole URL as the sender knows it, for schemes that sign it.
    pub url: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    /// The segment after the token of the source's URL, for `url_secret`.
    pub url_secret: Option<&'a str>,
}

/// A definition's `[source.verify]`, compiled.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// The row itself and its `also`; never empty.
    rows: Vec<Row>,
}

impl Verifier {
    /// Compiles a row and its `also`. `username` is that of `basic`.
    pub fn compile(verify: &Verify, username: Option<&str>) -> Result<Self, Unsupported> {
        let mut rows = vec![Row::compile(verify, username)?];
        for also in &verify.also {
            rows.extend(Self::compile(also, username)?.rows);
        }
        Ok(Self { rows })
    }

    /// The rules of tokens that a vendor signs, where there are such; `keys` in them is where its key set stands.
    pub fn jwt(&self) -> Option<&JwtRules> {
        self.rows.iter().find_map(Row::key_set)
    }

    /// The id of the key that a request's token names, of a vendor that signs tokens.
    pub fn key_id(&self, request: &Received<'_>) -> Option<String> {
        self.jwt().and_then(|_| jwt::key_id(request))
    }

    /// Whether one row holds. Else the refusal of the row that came furthest.
    pub fn verify(&self, request: &Received<'_>, secrets: &Keyring, now_unix_ms: i64) -> Result<(), Refusal> {
        let mut furthest = Refusal::Missing;
        for row in &self.rows {
            match row.verify(request, secrets, now_unix_ms) {
                Ok(()) => return Ok(()),
                Err(refusal) => furthest = furthest.max(refusal),
            }
        }
        Err(furthest)
    }
}

#[cfg(test)]
mod published_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vector_tests;
