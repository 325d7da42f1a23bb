//! Verifies a Standard Webhooks signature: HMAC-SHA256 of `id.timestamp.body` in base64, after `v1,`.
//!
//! Needs the crates `ring` 0.17 and `base64` 0.21 or later. The secret is the webhook's `standard_secret`, `whsec_…`,
//! from WEBHOOK_SECRET.
//!
//!     WEBHOOK_SECRET=… cargo run -- "$WEBHOOK_ID" "$WEBHOOK_TIMESTAMP" "$WEBHOOK_SIGNATURE" < body.json

use std::io::Read;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// Older and newer messages are refused, so that nobody can send a recorded one again for ever.
const TOLERANCE_SECONDS: u64 = 300;

/// Whether `signature` signs `body`, which must be the raw bytes and not JSON that was read and written again.
pub fn verify(body: &[u8], id: &str, timestamp: &str, signature: &str, secret: &str) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if !timestamp.parse::<u64>().is_ok_and(|at| at.abs_diff(now) <= TOLERANCE_SECONDS) {
        return false;
    }
    let encoded = secret.strip_prefix("whsec_");
    let Some(key) = encoded.and_then(|encoded| STANDARD.decode(encoded).ok()) else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let mut signed = format!("{id}.{timestamp}.").into_bytes();
    signed.extend_from_slice(body);
    // While a secret is being replaced there are two signatures, joined by a blank.
    signature.split(' ').any(|one| {
        let encoded = one.strip_prefix("v1,");
        let tag = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
        // In constant time.
        tag.is_some_and(|tag| hmac::verify(&key, &signed, &tag).is_ok())
    })
}

fn main() -> ExitCode {
    let secret = std::env::var("WEBHOOK_SECRET").unwrap_or_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ([id, timestamp, signature], true) = (&arguments[..], secret.starts_with("whsec_")) else {
        eprintln!("usage: WEBHOOK_SECRET=… verify ID TIMESTAMP SIGNATURE < BODY");
        return ExitCode::from(2);
    };
    let mut body = Vec::new();
    let is_read = std::io::stdin().read_to_end(&mut body).is_ok();
    if is_read && verify(&body, id, timestamp, signature, &secret) {
        println!("valid");
        ExitCode::SUCCESS
    } else {
        println!("invalid");
        ExitCode::FAILURE
    }
}
