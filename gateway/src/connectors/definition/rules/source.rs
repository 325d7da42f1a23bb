//! Rules of `[source]`.

use std::collections::BTreeMap;

use super::Faults;
use crate::connectors::definition::{HandshakeToken, Reply, Scheme, SecretField, SignedPart, Source, Verify};
use crate::connectors::template::Text;

/// What templates of a source see.
const ROOTS: &[&str] = &["body", "query", "headers", "text", "item", "options"];

pub(super) fn check(name: &str, source: &Source, faults: &mut Faults) {
    if !source.event_type.begins_with(&format!("{name}.")) {
        faults.add(
            "source.type",
            format!("begins with {name}. and so with the connector's name"),
        );
    }
    let texts = [
        ("source.type", Some(&source.event_type)),
        ("source.at", source.at.as_ref()),
    ];
    for (key, text) in texts {
        text_of_source(key, text, faults);
    }
    text_of_source("source.items", source.items.as_ref(), faults);
    for (at, part) in source.dedupe.iter().enumerate() {
        text_of_source(&format!("source.dedupe[{at}]"), Some(part), faults);
    }
    reply("source.reply", &source.reply, &source.secrets, faults);
    verify("source.verify", &source.verify, &source.secrets, faults);
    for (name, scheme) in &source.schemes {
        verify(&format!("source.schemes.{name}"), scheme, &source.secrets, faults);
    }
    let rules = source.verify.jwt.as_ref();
    let named = [
        ("source.dedupe_option", source.dedupe_option.as_ref()),
        (
            "source.verify.jwt.email_option",
            rules.and_then(|rules| rules.email_option.as_ref()),
        ),
    ];
    for (key, option) in named {
        if let Some(option) = option.filter(|option| !source.options.contains_key(*option)) {
            faults.add(key, format!("{option} is no option of the source"));
        }
    }
    for (at, handshake) in source.handshake.iter().enumerate() {
        let key = format!("source.handshake[{at}]");
        for (part, token) in [("token", &handshake.token), ("captures", &handshake.captures)] {
            if let Some(token) = token {
                handshake_token(&format!("{key}.{part}"), token, &source.secrets, faults);
            }
        }
        reply(&format!("{key}.reply"), &handshake.reply, &source.secrets, faults);
    }
    for (at, skip) in source.skip.iter().enumerate() {
        if let Some(option) = skip
            .option
            .as_ref()
            .filter(|option| !source.options.contains_key(*option))
        {
            faults.add(
                &format!("source.skip[{at}].option"),
                format!("{option} is no option of the source"),
            );
        }
    }
}

fn text_of_source(key: &str, text: Option<&Text>, faults: &mut Faults) {
    let Some(text) = text else { return };
    faults.roots(key, text, ROOTS);
    if text.secrets().next().is_some() {
        faults.add(key, "hmac_sha256_hex stands in replies of handshakes alone");
    }
}

fn secret(key: &str, name: &str, secrets: &BTreeMap<String, SecretField>, faults: &mut Faults) {
    if !secrets.contains_key(name) {
        faults.add(key, format!("{name} is no secret of the source"));
    }
}

fn handshake_token(
    key: &str,
    token: &HandshakeToken,
    secrets: &BTreeMap<String, SecretField>,
    faults: &mut Faults,
) {
    secret(&format!("{key}.secret"), &token.secret, secrets, faults);
    text_of_source(&format!("{key}.value"), Some(&token.value), faults);
}

fn reply(key: &str, reply: &Reply, secrets: &BTreeMap<String, SecretField>, faults: &mut Faults) {
    if !(200..300).contains(&reply.status) {
        faults.add(&format!("{key}.status"), "is no 2xx");
    }
    if reply.text.is_some() && reply.json.is_some() {
        faults.add(key, "has text or json, not both");
    }
    if let Some(text) = &reply.text {
        faults.roots(&format!("{key}.text"), text, ROOTS);
        for name in text.secrets() {
            secret(&format!("{key}.text"), name, secrets, faults);
        }
    }
    if let Some(json) = &reply.json {
        faults.roots_of_tree(&format!("{key}.json"), json, ROOTS);
        for name in json.secrets() {
            secret(&format!("{key}.json"), name, secrets, faults);
        }
    }
    for (name, value) in &reply.headers {
        text_of_source(&format!("{key}.headers.{name}"), Some(value), faults);
    }
}

fn verify(key: &str, verify: &Verify, secrets: &BTreeMap<String, SecretField>, faults: &mut Faults) {
    if let Some(name) = &verify.key {
        secret(&format!("{key}.key"), name, secrets, faults);
    }
    let needs_key = !matches!(verify.scheme, Scheme::Jwt | Scheme::UrlSecret);
    let needs_signature = needs_key && verify.scheme != Scheme::Basic;
    if needs_key && verify.key.is_none() {
        faults.add(key, "this scheme needs key, the name of a secret");
    }
    match &verify.signature {
        None if needs_signature => faults.add(key, "this scheme needs signature"),
        Some(signature) if signature.header.is_some() == signature.body.is_some() => {
            faults.add(&format!("{key}.signature"), "has header or body, one of them");
        }
        _ => {}
    }
    if (verify.scheme == Scheme::Jwt) != verify.jwt.is_some() {
        faults.add(key, "jwt = {…} and the scheme jwt go together");
    }
    let signs = |part: &SignedPart| verify.signed.0.contains(part);
    if signs(&SignedPart::Timestamp) && verify.timestamp.is_none() {
        faults.add(&format!("{key}.signed"), "{timestamp} needs timestamp = {…}");
    }
    if signs(&SignedPart::Id) && verify.id.is_none() {
        faults.add(&format!("{key}.signed"), "{id} needs id = {…}");
    }
    // Without it anybody could make the digest.
    if (verify.scheme == Scheme::Sha256) != signs(&SignedPart::Secret) {
        faults.add(
            &format!("{key}.signed"),
            "{secret} and the scheme sha256 go together",
        );
    }
    for (at, other) in verify.also.iter().enumerate() {
        self::verify(&format!("{key}.also[{at}]"), other, secrets, faults);
    }
}
