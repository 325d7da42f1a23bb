//! The two signatures that every request carries.
//!
//! `X-Sentinel-Signature: sha256=<hex>` is HMAC-SHA256 of the body under the 64 characters of the secret, as in GitHub's
//! `X-Hub-Signature-256`. `webhook-signature: v1,<base64>` is that of Standard Webhooks: HMAC-SHA256 of
//! `id.timestamp.body` under the 32 bytes of the secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{Context, HMAC_SHA256, Key, sign};

use crate::base::hex;
use crate::vault::SecretBytes;

/// One secret with its key states prepared, so that an attempt hashes only what it sends.
#[derive(Debug, Clone)]
pub struct Signer {
    hex_key: Key,
    raw_key: Key,
}

impl Signer {
    /// Prepares `secret`.
    pub fn new(secret: &SecretBytes) -> Self {
        Self {
            hex_key: Key::new(HMAC_SHA256, hex::encode(secret.expose()).as_bytes()),
            raw_key: Key::new(HMAC_SHA256, secret.expose()),
        }
    }
}

/// `sha256=<hex>` for each signer, newest first, joined by commas.
pub fn hub_signature(signers: &[Signer], body: &[u8]) -> String {
    let mut text = String::with_capacity(72 * signers.len());
    for signer in signers {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str("sha256=");
        hex::push(&mut text, sign(&signer.hex_key, body).as_ref());
    }
    text
}

/// `v1,<base64>` for each signer, newest first, joined by blanks.
pub fn standard_signature(signers: &[Signer], id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut text = String::with_capacity(48 * signers.len());
    for signer in signers {
        let mut context = Context::with_key(&signer.raw_key);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            context.update(part);
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str("v1,");
        STANDARD.encode_string(context.sign().as_ref(), &mut text);
    }
    text
}

/// The secret as it is shown: 64 hexadecimal characters.
pub fn shown_secret(secret: &SecretBytes) -> String {
    hex::encode(secret.expose())
}

/// The same 32 bytes in the form of Standard Webhooks.
pub fn shown_standard_secret(secret: &SecretBytes) -> String {
    format!("whsec_{}", STANDARD.encode(secret.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    #[test]
    fn signatures_are_those_that_openssl_makes() {
        let secret = Secret::new([0x2a; 32]);
        let signers = [Signer::new(&secret)];
        let body = br#"{"id":"evt_1","n":1}"#;
        // printf '%s' '{"id":"evt_1","n":1}' | openssl dgst -sha256 -hmac 2a2a…
        assert_eq!(
            hub_signature(&signers, body),
            "sha256=53bda81f14c01ce4d5c3df8e25f46355223618be202226744308fc18c86af0e8"
        );
        // printf 'evt_1.1700000000.{…}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:2a2a… -binary | base64
        assert_eq!(
            standard_signature(&signers, "evt_1", "1700000000", body),
            "v1,V4nVUmpn71FSguodv0vZ5TBrvRsmAvwAXI9EmRAhBd0="
        );
        let two = [signers[0].clone(), Signer::new(&Secret::new([1; 32]))];
        assert!(
            hub_signature(&two, body).starts_with(
                "sha256=53bda81f14c01ce4d5c3df8e25f46355223618be202226744308fc18c86af0e8,sha256="
            )
        );
        assert_eq!(standard_signature(&two, "a", "1", body).matches("v1,").count(), 2);
        assert_eq!(shown_secret(&secret), "2a".repeat(32));
        assert!(shown_standard_secret(&secret).starts_with("whsec_KioqKio"));
    }
}
