//! Requests as vendors sign them, from their words and not from the gateway's code.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use ring::hmac::{HMAC_SHA256, Key, sign};
use stage::api::Call;

use super::Source;

/// The secret of the sources that tests make.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The present Unix time in seconds.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), message.as_bytes())
        .as_ref()
        .to_vec()
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The value of `Stripe-Signature`.
pub fn stripe_signature(secret: &str, at: u64, body: &str) -> String {
    let signature = hex(&hmac(secret.as_bytes(), &format!("{at}.{body}")));
    format!("t={at},v1={signature}")
}

/// A POST of JSON as Stripe signs it.
pub fn stripe(source: &Source, secret: &str, body: &str) -> Call {
    source
        .call(Method::POST)
        .body("application/json", body.to_owned())
        .header("stripe-signature", stripe_signature(secret, now(), body))
}

/// A POST of JSON as Standard Webhooks has it.
pub fn standard(source: &Source, id: &str, body: &str) -> Call {
    let at = now();
    let key = STANDARD.decode(&SECRET["whsec_".len()..]).expect("base64");
    let signature = STANDARD.encode(hmac(&key, &format!("{id}.{at}.{body}")));
    source
        .call(Method::POST)
        .body("application/json", body.to_owned())
        .header("webhook-id", id)
        .header("webhook-timestamp", at.to_string())
        .header("webhook-signature", format!("v1,{signature}"))
}

/// A POST of a body as Slack signs it.
pub fn slack(source: &Source, media_type: &str, body: &str) -> Call {
    let at = now();
    let signature = hex(&hmac(SECRET.as_bytes(), &format!("v0:{at}:{body}")));
    source
        .call(Method::POST)
        .body(media_type, body.to_owned())
        .header("x-slack-request-timestamp", at.to_string())
        .header("x-slack-signature", format!("v0={signature}"))
}

/// A POST of JSON as Zoom signs it.
pub fn zoom(source: &Source, body: &str) -> Call {
    let at = now();
    let signature = hex(&hmac(SECRET.as_bytes(), &format!("v0:{at}:{body}")));
    source
        .call(Method::POST)
        .body("application/json", body.to_owned())
        .header("x-zm-request-timestamp", at.to_string())
        .header("x-zm-signature", format!("v0={signature}"))
}

/// The HMAC of a text under [`SECRET`], in hexadecimal digits.
pub fn hmac_hex(message: &str) -> String {
    hex(&hmac(SECRET.as_bytes(), message))
}
