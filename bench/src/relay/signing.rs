//! The two signatures of a delivery, with the HMAC key states prepared once.
//!
//! Sources: GitHub's `X-Hub-Signature-256` for the first, Standard Webhooks 1.0 for the second.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{Context, HMAC_SHA256, Key, sign};

pub struct Signer {
    sentinel: Key,
    standard: Key,
}

impl Signer {
    /// `sentinel` is the secret's hex text as ASCII, `standard` its raw bytes.
    pub fn new(sentinel: &[u8], standard: &[u8]) -> Self {
        Self {
            sentinel: Key::new(HMAC_SHA256, sentinel),
            standard: Key::new(HMAC_SHA256, standard),
        }
    }

    /// `sha256=<hex>` over the body.
    pub fn sentinel(&self, body: &[u8]) -> String {
        let tag = sign(&self.sentinel, body);
        let mut text = String::with_capacity(71);
        text.push_str("sha256=");
        for byte in tag.as_ref() {
            text.push(hex_digit(byte >> 4));
            text.push(hex_digit(byte & 15));
        }
        text
    }

    /// `v1,<base64>` over `id.timestamp.body`.
    pub fn standard(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mut context = Context::with_key(&self.standard);
        context.update(id.as_bytes());
        context.update(b".");
        context.update(timestamp.as_bytes());
        context.update(b".");
        context.update(body);
        let mut text = String::with_capacity(47);
        text.push_str("v1,");
        STANDARD.encode_string(context.sign().as_ref(), &mut text);
        text
    }
}

fn hex_digit(nibble: u8) -> char {
    char::from(b"0123456789abcdef"[usize::from(nibble & 15)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_match_the_published_examples() {
        let raw = STANDARD.decode("plJ3nmyCDGBKInavdOK15jsl").expect("base64");
        let signer = Signer::new(b"It's a Secret to Everybody", &raw);
        assert_eq!(
            signer.sentinel(b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
        let body = br#"{"event_type":"ping","data":{"success":true}}"#;
        assert_eq!(
            signer.standard("msg_loFOjxBNrRLzqYUf", "1731705121", body),
            "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
        );
    }
}
