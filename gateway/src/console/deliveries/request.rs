//! The requests of a delivery's attempts as its page shows them, and one as a command.

use http::header::{CONTENT_TYPE, HOST, HeaderName, USER_AGENT};

use crate::base::clock::Millis;
use crate::delivery::log::Delivery;
use crate::webhooks::endpoint::Endpoint;
use crate::webhooks::model::MASK;
use crate::webhooks::request::{AGENT, SIGNATURE, told};

/// A body up to this is in the command twice, to be sent and to be signed.
const MAX_SIGNED_BYTES: usize = 16 << 10;

/// The headers of an attempt, without signatures: these are of the secret, which is not shown. What the endpoint adds is
/// known by its present settings, and its values are masked.
pub fn headers(
    delivery: &Delivery,
    endpoint: Option<&Endpoint>,
    number: u16,
    at: Millis,
) -> Vec<(HeaderName, String)> {
    let mut headers = Vec::with_capacity(16);
    let host = endpoint.and_then(|endpoint| endpoint.target.authority.to_str().ok());
    headers.extend(host.map(|host| (HOST, host.to_owned())));
    let usual = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (USER_AGENT, AGENT.to_str().unwrap_or_default().to_owned()),
    ];
    let own = || endpoint.into_iter().flat_map(|endpoint| endpoint.headers.keys());
    headers.extend(usual.into_iter().filter(|(name, _)| own().all(|own| own != name)));
    headers.extend(own().map(|name| (name.clone(), MASK.to_owned())));
    headers.extend(told(
        &delivery.r#type,
        delivery.id,
        &delivery.event_id,
        number,
        at,
    ));
    headers
}

/// A header's name as it is written in documents.
pub fn written(name: &HeaderName) -> String {
    let name = name.as_str();
    if name.starts_with("webhook-") {
        return name.to_owned();
    }
    let parts = name.split('-').map(|part| {
        let (first, rest) = part.split_at(part.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    parts.collect::<Vec<_>>().join("-")
}

/// A command that sends the same bytes with the same headers, signed with `$WEBHOOK_SECRET`. What the endpoint adds is a
/// secret too, and comes from variables.
pub fn curl(url: &str, headers: &[(HeaderName, String)], body: &str) -> String {
    let mut command = format!("curl -X POST {}", quoted(url));
    let mut add = |part: String| command.push_str(&format!(" \\\n  {part}"));
    let body = quoted(body);
    for (name, value) in headers.iter().filter(|(name, _)| *name != HOST) {
        let written = written(name);
        add(match value == MASK {
            false => format!("-H {}", quoted(&format!("{written}: {value}"))),
            true => format!("-H {}\"${}\"", quoted(&format!("{written}: ")), variable(name)),
        });
    }
    if body.len() <= MAX_SIGNED_BYTES {
        let name = written(&SIGNATURE);
        add(format!(
            "-H \"{name}: sha256=$(printf %s {body} | openssl dgst -sha256 -hmac \"$WEBHOOK_SECRET\" -r | cut -c 1-64)\""
        ));
    }
    add(format!("--data-binary {body}"));
    command
}

/// The variable of a header whose value is not shown.
pub fn variable(name: &HeaderName) -> String {
    let letters = name.as_str().chars().map(|letter| match letter {
        letter if letter.is_ascii_alphanumeric() => letter.to_ascii_uppercase(),
        _ => '_',
    });
    std::iter::once("HEADER_".to_owned())
        .chain(letters.map(String::from))
        .collect()
}

/// One word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// The arguments that a shell makes of a command, each with what stands before the next one.
    fn arguments(command: &str) -> Vec<String> {
        let script = format!("curl() {{ printf '%s\\0' \"$@\"; }}\n{command}");
        let output = Command::new("sh")
            .args(["-c", &script])
            .env("WEBHOOK_SECRET", "key")
            .env("HEADER_X_TOKEN", "a $b")
            .output()
            .expect("a shell");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    #[test]
    fn a_shell_reads_a_command_as_it_is_meant() {
        let body = "{\"a\":\"it's $HOME `x` \\\\n \\\" %s\"}";
        let headers = [
            (HOST, "example.com".to_owned()),
            (CONTENT_TYPE, "application/json".to_owned()),
            (HeaderName::from_static("webhook-id"), "evt_'1".to_owned()),
            (HeaderName::from_static("x-token"), MASK.to_owned()),
            (HeaderName::from_static("x-$id`id`"), "1".to_owned()),
        ];
        let found = arguments(&curl("https://example.com/?a=1&b='", &headers, body));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key");
        let sum = crate::base::hex::encode(ring::hmac::sign(&key, body.as_bytes()).as_ref());
        let signature = format!("X-Sentinel-Signature: sha256={sum}");
        let expected = [
            "-X",
            "POST",
            "https://example.com/?a=1&b='",
            "-H",
            "Content-Type: application/json",
            "-H",
            "webhook-id: evt_'1",
            "-H",
            "X-Token: a $b",
            "-H",
            "X-$id`id`: 1",
            "-H",
            &signature,
            "--data-binary",
            body,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_large_body_is_not_there_twice() {
        let command = curl("https://example.com/", &[], &"x".repeat(MAX_SIGNED_BYTES));
        assert!(!command.contains("openssl") && command.len() < MAX_SIGNED_BYTES + 100);
    }
}
