//! The key itself: made once, shown once, hashed.

use ring::digest::{SHA256, digest};

use crate::base::hex;
use crate::base::seal::{SealError, random};
use crate::base::secret::Secret;

/// `sk_` and 64 characters.
pub const TOKEN_LEN: usize = 67;
const PREFIX: &str = "sk_";

/// The SHA-256 of a whole key.
pub type Digest = [u8; 32];

/// A new key.
pub struct Token(Secret<String>);

impl Token {
    /// Makes a key of 256 random bits.
    pub fn generate() -> Result<Self, SealError> {
        let body: [u8; 32] = random()?;
        Ok(Self(Secret::new(format!("{PREFIX}{}", hex::encode(&body)))))
    }

    /// The text that is shown once.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What the database keeps of it.
    pub fn digest(&self) -> Digest {
        digest_of(self.0.expose().as_bytes())
    }

    /// What people recognise it by: `sk_1a2b••••9f0e`.
    pub fn hint(&self) -> String {
        let text = self.0.expose();
        format!("{}••••{}", &text[..7], &text[TOKEN_LEN - 4..])
    }
}

/// Whether `text` has the form of a key. Others are refused before any hashing.
pub fn is_well_formed(text: &[u8]) -> bool {
    text.len() == TOKEN_LEN && text.starts_with(PREFIX.as_bytes()) && hex::is_lower_hex(&text[PREFIX.len()..])
}

/// The SHA-256 of a key.
pub fn digest_of(token: &[u8]) -> Digest {
    let sum = digest(&SHA256, token);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(sum.as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_well_formed_and_its_hint_tells_eight_characters() {
        let token = Token::generate().expect("random");
        assert!(is_well_formed(token.expose().as_bytes()));
        let hint = token.hint();
        assert_eq!(hint.chars().count(), 15);
        assert!(token.expose().starts_with(&hint[..7]));
        let text = token.expose().to_owned();
        for bad in [
            &text[1..],
            &text.to_uppercase(),
            &text.replace("sk_", "pk_"),
            "sk_",
            "",
        ] {
            assert!(!is_well_formed(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn the_digest_is_sha256_of_the_whole_key() {
        let zeros = format!("sk_{}", "0".repeat(64));
        assert_eq!(
            hex::encode(&digest_of(zeros.as_bytes())),
            // printf 'sk_%064d' 0 | sha256sum
            "0d7f11803834307e0a89dbf3e61485c9aa4e1564ad5c0ff0b4807d4bdc333824"
        );
    }
}
