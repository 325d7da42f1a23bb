//! Why a request, or a row of the table, was not taken.

/// Why a request was refused; a later one came further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// A header that the scheme needs is absent or empty.
    #[error("signature_missing")]
    Missing,
    /// Nothing that was sent matches, or a header comes twice, or it makes no sense.
    #[error("signature_invalid")]
    Invalid,
    /// The signature holds, and its timestamp is too far from now.
    #[error("signature_stale")]
    Stale,
}

/// A row that cannot be judged from a request's bytes and a secret alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    #[error("this scheme needs the name of a secret in key")]
    NoKey,
    #[error("this scheme needs signature.header")]
    NoHeader,
    #[error("a header with a name that HTTP does not have")]
    HeaderName,
    #[error("{{timestamp}} is signed, and there is no timestamp")]
    NoTimestamp,
    #[error("{{id}} is signed, and there is no id")]
    NoId,
    #[error("{{secret}} is signed, and the scheme is not sha256")]
    SecretInMessage,
    #[error("sha256 without {{secret}} among its bytes can be made by anybody")]
    NoSecretInMessage,
    #[error("basic needs a user name")]
    NoUsername,
    #[error("jwt needs rules: jwt = {{…}}")]
    NoRules,
    #[error("a signature cannot stand in the body that it signs")]
    SignatureInBody,
}
