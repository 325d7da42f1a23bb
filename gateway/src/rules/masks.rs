//! Masks what may be a credential in a request that people see.

use crate::connectors::credential::Credential;
use crate::connectors::definition::{Connection, Definition};
use crate::delivery::log::SentRequest;

/// What is shown in a secret's place.
const MASK: &str = "••••";
/// How much of a body is shown.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// Shorter secrets are no secrets, and would mask what only looks like them.
const MIN_SECRET_BYTES: usize = 6;
/// Headers that hold a credential, and words in the names of others that do.
const SECRET_NAMES: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];
const SECRET_WORDS: [&str; 5] = ["token", "secret", "password", "api-key", "apikey"];

/// Masks the values of headers that look like credentials, and cuts the body.
pub fn masked(mut request: SentRequest) -> SentRequest {
    for (name, value) in &mut request.headers {
        let name = name.to_ascii_lowercase();
        if SECRET_NAMES.contains(&name.as_str()) || SECRET_WORDS.iter().any(|word| name.contains(word)) {
            MASK.clone_into(value);
        }
    }
    if let Some(body) = &mut request.body {
        body.truncate(body.floor_char_boundary(MAX_BODY_BYTES));
        // PostgreSQL's text holds no NUL.
        if body.contains('\0') {
            *body = body.replace('\0', "\u{fffd}");
        }
    }
    request
}

/// A text in which the secrets of a credential are masked: vendors may say them back.
pub fn without_secrets(text: String, credential: &Credential, definition: &Definition) -> String {
    let known = definition
        .find_connection(credential.kind)
        .map(Connection::all_fields);
    let is_secret = |name: &str| {
        let field = known.as_ref().and_then(|fields| fields.get(name));
        field.is_none_or(|field| field.secret)
    };
    let secrets = credential.fields.iter().filter(|(name, _)| is_secret(name));
    secrets.fold(text, |text, (_, secret)| match secret.expose().as_str() {
        secret if secret.len() >= MIN_SECRET_BYTES && text.contains(secret) => text.replace(secret, MASK),
        _ => text,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn credentials_are_masked_and_bodies_cut() {
        let names = [
            "Authorization",
            "x-api-key",
            "X-Auth-Token",
            "content-type",
            "cookie",
        ];
        let headers = names.map(|name| (name.to_owned(), "canary".to_owned()));
        let request = SentRequest {
            method: "POST".into(),
            url: "https://example.com/".into(),
            headers: BTreeMap::from(headers),
            body: Some(format!("a\0{}", "ü".repeat(MAX_BODY_BYTES))),
        };
        let masked = masked(request);
        let open: Vec<&str> = masked
            .headers
            .iter()
            .filter(|(_, value)| *value == "canary")
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(open, ["content-type"]);
        let body = masked.body.expect("a body");
        assert!(body.len() <= MAX_BODY_BYTES + 2 && body.starts_with("a\u{fffd}ü"));
    }
}
