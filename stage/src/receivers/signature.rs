//! Verifies signatures as a receiver would, from the contract's words and not from the gateway's code.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::receiver::Received;

/// Whether one of the signatures in `X-Sentinel-Signature` was made with `secret`, as GitHub's are.
pub fn hub_verifies(received: &Received, secret: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    received
        .header("x-sentinel-signature")
        .split(',')
        .any(|signature| {
            let hex = signature.strip_prefix("sha256=").expect("the scheme's name");
            hmac::verify(&key, &received.body, &bytes_of_hex(hex)).is_ok()
        })
}

/// Whether one of the signatures of Standard Webhooks was made with `whsec_…`.
pub fn standard_verifies(received: &Received, standard_secret: &str) -> bool {
    let encoded = standard_secret.strip_prefix("whsec_").expect("the prefix");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(encoded).expect("base64"));
    let mut signed = format!(
        "{}.{}.",
        received.header("webhook-id"),
        received.header("webhook-timestamp")
    )
    .into_bytes();
    signed.extend_from_slice(&received.body);
    received.header("webhook-signature").split(' ').any(|signature| {
        let encoded = signature.strip_prefix("v1,").expect("the version");
        let tag = STANDARD.decode(encoded).expect("base64");
        hmac::verify(&key, &signed, &tag).is_ok()
    })
}

/// How many signatures of either kind a request carries.
pub fn count(received: &Received) -> (usize, usize) {
    let hub = received.header("x-sentinel-signature").split(',').count();
    (hub, received.header("webhook-signature").split(' ').count())
}

/// The bytes that hexadecimal digits stand for.
pub fn bytes_of_hex(text: &str) -> Vec<u8> {
    assert!(
        text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{text}"
    );
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}
