//! Requests that set a connection up: answered by the connector's rules, they make no event.

use subtle::ConstantTimeEq;

use super::reply;
use super::seen::Seen;
use crate::base::clock::Millis;
use crate::base::secret::Secret;
use crate::connectors::definition::HandshakeToken;
use crate::connectors::template::Scope;
use crate::connectors::verify::{Held, Keyring, Received};
use crate::filter::Data;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::sources::connector::Handshake;
use crate::sources::live::Live;

/// A handshake that was answered.
pub struct Shaken {
    pub reply: Reply,
    /// The secret that it handed out, by name.
    pub captured: Option<(String, Secret<String>)>,
}

/// Answers the first handshake that the request is, if it is one. `body` is the body's JSON, where it may be read.
pub fn answer<'a>(
    live: &Live,
    handshakes: impl Iterator<Item = &'a Handshake>,
    seen: &Seen,
    body: Option<&str>,
    received: &Received<'_>,
    now: Millis,
) -> Result<Option<Shaken>, Problem> {
    let judged = seen.judged(body);
    let data = Data::of(judged.as_bytes());
    let mut handshakes = handshakes.filter(|handshake| handshake.when.holds(&data));
    let Some(handshake) = handshakes.next() else {
        return Ok(None);
    };
    let scope = with_secrets(seen.scope(), live, now);
    if let Some(token) = &handshake.token {
        check_token(live, token, &scope, now)?;
    }
    let captured = match &handshake.captures {
        Some(captures) => Some(capture(live, captures, &scope, received, now)?),
        None => None,
    };
    let reply = reply::reply(&handshake.reply, &scope)?;
    Ok(Some(Shaken { reply, captured }))
}

/// Lets digests use the newest value of each secret.
fn with_secrets<'a>(scope: Scope<'a>, live: &'a Live, now: Millis) -> Scope<'a> {
    let names = live.connector.source.secrets.keys();
    names.fold(scope, |scope, name| match live.values(name, now).next() {
        Some(value) => scope.with_secret(name, value.expose().as_bytes()),
        None => scope,
    })
}

/// Refuses a handshake that does not carry the secret that it must.
fn check_token(live: &Live, token: &HandshakeToken, scope: &Scope<'_>, now: Millis) -> Result<(), Problem> {
    let sent = token.value.text(scope).map_err(|_| reply::refused())?;
    let is_same = |value: &Secret<String>| {
        let value = value.expose().as_bytes();
        !value.is_empty() && bool::from(value.ct_eq(sent.as_bytes()))
    };
    match live.values(&token.secret, now).any(is_same) {
        true => Ok(()),
        false => Err(reply::refused()),
    }
}

/// The secret that a handshake hands out: the request is signed with it, and the source has none yet.
fn capture(
    live: &Live,
    captures: &HandshakeToken,
    scope: &Scope<'_>,
    received: &Received<'_>,
    now: Millis,
) -> Result<(String, Secret<String>), Problem> {
    let invalid = || {
        let detail =
            "A handshake was taken already, or this one is not signed with the secret that it hands out.";
        Problem::new(Code::SignatureInvalid, detail)
    };
    if live.waits_for_confirmation || live.holds(&captures.secret) {
        return Err(invalid());
    }
    let sent = captures.value.text(scope).map_err(|_| reply::refused())?;
    if sent.is_empty() || sent.len() > MAX_CAPTURED_BYTES || sent.chars().any(char::is_control) {
        return Err(reply::refused());
    }
    let value = Secret::new(sent);
    let mut keyring = Keyring::default();
    let held = Held {
        value: value.clone(),
        until_unix_ms: None,
    };
    keyring.push(&captures.secret, held);
    let verified = live.verifier.verify(received, &keyring, now.0);
    verified.map_err(|_| invalid())?;
    Ok((captures.secret.clone(), value))
}

/// The longest secret that a handshake may hand out.
const MAX_CAPTURED_BYTES: usize = 1_024;
