//! The token in a source's URL.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use crate::base::seal::{SealError, random};
use crate::base::secret::Secret;

/// The path before the token.
pub const PREFIX: &str = "/in/";
const TOKEN_BYTES: usize = 32;
const TOKEN_CHARS: usize = 43;

/// By what a request finds its source.
pub type TokenDigest = [u8; 32];

/// A new token: 32 random bytes in base64url.
pub fn generate() -> Result<Secret<String>, SealError> {
    let bytes: [u8; TOKEN_BYTES] = random()?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// What is kept of a token, and looked up by.
pub fn digest_of(token: &str) -> TokenDigest {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    sum
}

/// Whether a text can be a token; others are not hashed.
pub fn is_well_formed(token: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    token.len() == TOKEN_CHARS && token.bytes().all(is_allowed)
}

/// Token, and the second segment where there is one, of a path under [`PREFIX`]; `None` if it is no such path.
pub fn split(path: &str) -> Option<(&str, Option<&str>)> {
    let rest = path.strip_prefix(PREFIX)?;
    match rest.split_once('/') {
        None => Some((rest, None)),
        Some((token, secret)) => Some((token, Some(secret).filter(|secret| !secret.is_empty()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_is_well_formed_and_found_in_its_path() {
        let token = generate().expect("random");
        let token = token.expose().as_str();
        assert!(is_well_formed(token), "{token}");
        assert_eq!(split(&format!("/in/{token}")), Some((token, None)));
        assert_eq!(split(&format!("/in/{token}/")), Some((token, None)));
        assert_eq!(split(&format!("/in/{token}/a/b")), Some((token, Some("a/b"))));
        assert_eq!(split("/inn/x"), None);
        for bad in ["", "x", &format!("{token}x"), &token.replace(&token[..1], "+")] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }
}
