//! One row of the table: a scheme with all that it needs, and how it judges a request.

use http::header::{AUTHORIZATION, HeaderName};
use ring::hmac::{self, Context, HMAC_SHA256, HMAC_SHA512};
use ring::{digest, signature};
use subtle::ConstantTimeEq;

use super::keyring::Keyring;
use super::message::{self, Covered};
use super::refusal::{Refusal, Unsupported};
use super::timestamp::Timestamp;
use super::{Received, encoding, header, jwt, key};
use crate::base::secret::Secret;
use crate::connectors::definition::{JwtRules, KeyForm, Scheme, Signature, SignedBytes, SignedPart, Verify};
use crate::connectors::template::{Scope, Text};
use crate::http::json::{self, Node};

/// Most values of one header that are compared; further ones are not looked at.
const MAX_CANDIDATES: usize = 16;

/// A row of the table, compiled.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The secret's name; empty where there is none.
    key: String,
    proof: Proof,
}

/// What a request brings to show that it knows the secret.
#[derive(Debug, Clone)]
enum Proof {
    Signed(Box<Signed>),
    Token {
        header: HeaderName,
        signature: Signature,
    },
    Basic {
        username: String,
    },
    UrlSecret,
    /// A token that each item of the body repeats.
    InBody {
        items: Option<Text>,
        token: Text,
    },
    Jwt(JwtRules),
}

/// A signature over bytes of the request.
#[derive(Debug, Clone)]
struct Signed {
    algorithm: Algorithm,
    key_form: KeyForm,
    header: HeaderName,
    signature: Signature,
    timestamp: Option<Timestamp>,
    id: Option<HeaderName>,
    bytes: SignedBytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    HmacSha256,
    HmacSha512,
    Sha256,
    Ed25519,
}

impl Row {
    pub(super) fn compile(verify: &Verify, username: Option<&str>) -> Result<Self, Unsupported> {
        let proof = match verify.scheme {
            Scheme::HmacSha256 => Signed::compile(Algorithm::HmacSha256, verify)?,
            Scheme::HmacSha512 => Signed::compile(Algorithm::HmacSha512, verify)?,
            Scheme::Sha256 => Signed::compile(Algorithm::Sha256, verify)?,
            Scheme::Ed25519 => Signed::compile(Algorithm::Ed25519, verify)?,
            Scheme::Token
                if verify
                    .signature
                    .as_ref()
                    .is_some_and(|place| place.body.is_some()) =>
            {
                let place = verify.signature.as_ref();
                Proof::InBody {
                    items: place.and_then(|place| place.items.clone()),
                    token: place
                        .and_then(|place| place.body.clone())
                        .ok_or(Unsupported::NoHeader)?,
                }
            }
            Scheme::Token => {
                let (header, signature) = place(verify)?;
                Proof::Token { header, signature }
            }
            Scheme::Basic => Proof::Basic {
                username: username.ok_or(Unsupported::NoUsername)?.to_owned(),
            },
            Scheme::UrlSecret => Proof::UrlSecret,
            Scheme::Jwt => Proof::Jwt(verify.jwt.clone().ok_or(Unsupported::NoRules)?),
        };
        let key = match &proof {
            Proof::Jwt(_) => String::new(),
            _ => verify.key.clone().ok_or(Unsupported::NoKey)?,
        };
        Ok(Self { key, proof })
    }

    pub(super) fn verify(
        &self,
        request: &Received<'_>,
        secrets: &Keyring,
        now_unix_ms: i64,
    ) -> Result<(), Refusal> {
        let mut held = secrets.valid(&self.key, now_unix_ms);
        match &self.proof {
            Proof::Signed(signed) => signed.verify(request, held, now_unix_ms),
            Proof::Token { header, signature } => {
                let value = header::single(request.headers, header)?;
                let candidates = header::candidates(value, signature);
                let mut sent = candidates.into_iter().take(MAX_CANDIDATES);
                let known: Vec<_> = held.collect();
                verdict(sent.any(|sent| known.iter().any(|secret| same(sent, secret))))
            }
            Proof::Basic { username } => {
                let value = header::single(request.headers, &AUTHORIZATION)?;
                let sent = basic_password(value, username)?;
                verdict(held.any(|secret| same(&sent, secret)))
            }
            Proof::UrlSecret => {
                let sent = request.url_secret.ok_or(Refusal::Missing)?;
                verdict(held.any(|secret| same(sent.as_bytes(), secret)))
            }
            Proof::InBody { items, token } => {
                let known: Vec<_> = held.collect();
                in_body(request.body, items.as_ref(), token, &known)
            }
            Proof::Jwt(rules) => {
                let keys = secrets.keys().ok_or(Refusal::Invalid)?;
                jwt::verify(request, rules, keys, secrets.email(), now_unix_ms)
            }
        }
    }

    /// Where the key set stands that this row needs.
    pub(super) fn key_set(&self) -> Option<&JwtRules> {
        match &self.proof {
            Proof::Jwt(rules) => Some(rules),
            _ => None,
        }
    }
}

/// Whether every item carries the token. One wrong item refuses the whole request, as does a list without items.
fn in_body(
    body: &[u8],
    items: Option<&Text>,
    token: &Text,
    known: &[&Secret<String>],
) -> Result<(), Refusal> {
    let body = json::parse(body).map_err(|_| Refusal::Missing)?;
    let scope = Scope::new([("body", &body)]);
    let items = match items.map(|items| items.value(&scope)) {
        None => vec![body.clone()],
        Some(Ok(Some(Node::List(items)))) if !items.is_empty() => items,
        Some(_) => return Err(Refusal::Missing),
    };
    for item in &items {
        let scope = Scope::new([("body", &body), ("item", item)]);
        let sent = token.text(&scope).map_err(|_| Refusal::Invalid)?;
        if sent.is_empty() {
            return Err(Refusal::Missing);
        }
        verdict(known.iter().any(|secret| same(sent.as_bytes(), secret)))?;
    }
    Ok(())
}

impl Signed {
    fn compile(algorithm: Algorithm, verify: &Verify) -> Result<Proof, Unsupported> {
        let (header, signature) = place(verify)?;
        let timestamp = verify.timestamp.as_ref().map(Timestamp::compile).transpose()?;
        let id = verify
            .id
            .as_ref()
            .map(|id| header::name(&id.header))
            .transpose()?;
        let signs = |part| verify.signed.0.contains(&part);
        if signs(SignedPart::Timestamp) && timestamp.is_none() {
            return Err(Unsupported::NoTimestamp);
        }
        if signs(SignedPart::Id) && id.is_none() {
            return Err(Unsupported::NoId);
        }
        match (signs(SignedPart::Secret), algorithm == Algorithm::Sha256) {
            (true, false) => return Err(Unsupported::SecretInMessage),
            (false, true) => return Err(Unsupported::NoSecretInMessage),
            _ => {}
        }
        Ok(Proof::Signed(Box::new(Self {
            algorithm,
            key_form: verify.key_as,
            header,
            signature,
            timestamp,
            id,
            bytes: verify.signed.clone(),
        })))
    }

    fn verify<'k>(
        &self,
        request: &Received<'_>,
        secrets: impl Iterator<Item = &'k Secret<String>>,
        now_unix_ms: i64,
    ) -> Result<(), Refusal> {
        let value = header::single(request.headers, &self.header)?;
        let sent_at = self
            .timestamp
            .as_ref()
            .map(|rule| rule.read(request))
            .transpose()?;
        let id = self
            .id
            .as_ref()
            .map(|name| header::single(request.headers, name))
            .transpose()?;
        let covered = Covered {
            request,
            timestamp: sent_at.map_or(b"", |sent| sent.digits),
            id: id.unwrap_or_default(),
        };
        message::check_id(&self.bytes, covered.id)?;
        let candidates: Vec<Vec<u8>> = header::candidates(value, &self.signature)
            .into_iter()
            .take(MAX_CANDIDATES)
            .filter_map(|text| encoding::decode(self.signature.encoding, text))
            .collect();
        if candidates.is_empty() {
            return Err(Refusal::Invalid);
        }
        let mut secrets = secrets;
        verdict(secrets.any(|secret| self.matches(&candidates, &covered, secret)))?;
        match (&self.timestamp, sent_at) {
            (Some(rule), Some(sent)) => rule.check(sent, now_unix_ms),
            _ => Ok(()),
        }
    }

    fn matches(&self, candidates: &[Vec<u8>], covered: &Covered<'_>, secret: &Secret<String>) -> bool {
        let Some(key) = key::bytes(self.key_form, secret) else {
            return false;
        };
        match self.algorithm {
            Algorithm::HmacSha256 => self.matches_hmac(HMAC_SHA256, &key, candidates, covered),
            Algorithm::HmacSha512 => self.matches_hmac(HMAC_SHA512, &key, candidates, covered),
            Algorithm::Sha256 => {
                let mut context = digest::Context::new(&digest::SHA256);
                message::feed(&self.bytes, covered, Some(secret), |part| context.update(part));
                any_equal(candidates, context.finish().as_ref())
            }
            Algorithm::Ed25519 => {
                // ring takes the message in one piece.
                let mut message = Vec::with_capacity(covered.request.body.len() + 128);
                message::feed(&self.bytes, covered, None, |part| message.extend_from_slice(part));
                let key = signature::UnparsedPublicKey::new(&signature::ED25519, key.expose());
                let mut sent = candidates.iter();
                sent.any(|sent| key.verify(&message, sent).is_ok())
            }
        }
    }

    fn matches_hmac(
        &self,
        algorithm: hmac::Algorithm,
        key: &Secret<Vec<u8>>,
        candidates: &[Vec<u8>],
        covered: &Covered<'_>,
    ) -> bool {
        let mut context = Context::with_key(&hmac::Key::new(algorithm, key.expose()));
        message::feed(&self.bytes, covered, None, |part| context.update(part));
        any_equal(candidates, context.sign().as_ref())
    }
}

/// Where the signature of a row stands.
fn place(verify: &Verify) -> Result<(HeaderName, Signature), Unsupported> {
    let signature = verify.signature.clone().ok_or(Unsupported::NoHeader)?;
    if signature.body.is_some() {
        return Err(Unsupported::SignatureInBody);
    }
    let name = signature.header.as_deref().ok_or(Unsupported::NoHeader)?;
    Ok((header::name(name)?, signature))
}

/// The password of `Basic base64(user:password)` (RFC 7617), where the user is the expected one.
fn basic_password(value: &[u8], username: &str) -> Result<Vec<u8>, Refusal> {
    let (scheme, credentials) = value.split_at_checked(b"Basic ".len()).ok_or(Refusal::Invalid)?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return Err(Refusal::Invalid);
    }
    let decoded = encoding::base64(credentials.trim_ascii()).ok_or(Refusal::Invalid)?;
    let password = decoded
        .strip_prefix(username.as_bytes())
        .and_then(|rest| rest.strip_prefix(b":"));
    Ok(password.ok_or(Refusal::Invalid)?.to_vec())
}

fn any_equal(candidates: &[Vec<u8>], expected: &[u8]) -> bool {
    candidates
        .iter()
        .any(|sent| bool::from(sent.as_slice().ct_eq(expected)))
}

/// Whether a token is the secret; an empty secret is none.
fn same(sent: &[u8], secret: &Secret<String>) -> bool {
    let secret = secret.expose().as_bytes();
    !secret.is_empty() && bool::from(sent.ct_eq(secret))
}

fn verdict(holds: bool) -> Result<(), Refusal> {
    match holds {
        true => Ok(()),
        false => Err(Refusal::Invalid),
    }
}
