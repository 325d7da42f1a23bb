//! The bytes that a signature covers.

use super::Received;
use super::refusal::Refusal;
use crate::base::secret::Secret;
use crate::connectors::definition::{SignedBytes, SignedPart};

/// What of a request a signature may cover beside its fixed text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Covered<'a> {
    pub(super) request: &'a Received<'a>,
    pub(super) timestamp: &'a [u8],
    pub(super) id: &'a [u8],
}

/// Hands each part to `take`, in order and as received, without a copy of the body.
pub(super) fn feed(
    signed: &SignedBytes,
    covered: &Covered<'_>,
    secret: Option<&Secret<String>>,
    mut take: impl FnMut(&[u8]),
) {
    for part in &signed.0 {
        match part {
            SignedPart::Fixed(text) => take(text.as_bytes()),
            SignedPart::Timestamp => take(covered.timestamp),
            SignedPart::Id => take(covered.id),
            SignedPart::Body => take(covered.request.body),
            SignedPart::Method => take(covered.request.method.as_bytes()),
            SignedPart::Url => take(covered.request.url.as_bytes()),
            SignedPart::Secret => take(secret.map_or(b"", |secret| secret.expose().as_bytes())),
        }
    }
}

/// Refuses an id that holds the text that separates it from the next part: `a.1` and `2` would be signed like `a` and `1.2`.
pub(super) fn check_id(signed: &SignedBytes, id: &[u8]) -> Result<(), Refusal> {
    for pair in signed.0.windows(2) {
        if let [SignedPart::Id, SignedPart::Fixed(separator)] = pair {
            let separator = separator.as_bytes();
            if id
                .windows(separator.len().max(1))
                .any(|window| window == separator)
            {
                return Err(Refusal::Invalid);
            }
        }
    }
    Ok(())
}
