//! Verifies X-Sentinel-Signature: `sha256=` and the HMAC-SHA256 of the raw body in hexadecimal, as GitHub signs.
//!
//! Needs the crate `ring` 0.17. The secret is the webhook's `secret`, 64 characters, from WEBHOOK_SECRET.
//!
//!     WEBHOOK_SECRET=… cargo run -- "$X_SENTINEL_SIGNATURE" < body.json

use std::io::Read;
use std::process::ExitCode;

use ring::hmac;

/// Whether `header` signs `body`, which must be the raw bytes and not JSON that was read and written again.
pub fn verify(body: &[u8], header: &str, secret: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    // While a secret is being replaced there are two signatures, joined by a comma.
    header.split(',').any(|one| {
        let hex = one.trim().strip_prefix("sha256=");
        let tag = hex.and_then(bytes_of_hex);
        // In constant time.
        tag.is_some_and(|tag| hmac::verify(&key, body, &tag).is_ok())
    })
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let bytes = digits?.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    }).collect();
    bytes
}

fn main() -> ExitCode {
    let secret = std::env::var("WEBHOOK_SECRET").unwrap_or_default();
    let (Some(header), 64) = (std::env::args().nth(1), secret.len()) else {
        eprintln!("usage: WEBHOOK_SECRET=… verify SIGNATURE < BODY");
        return ExitCode::from(2);
    };
    let mut body = Vec::new();
    let is_read = std::io::stdin().read_to_end(&mut body).is_ok();
    if is_read && verify(&body, &header, &secret) {
        println!("valid");
        ExitCode::SUCCESS
    } else {
        println!("invalid");
        ExitCode::FAILURE
    }
}
