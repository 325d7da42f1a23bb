//! JSON Web Tokens against a key set (RFC 7515, 7517 and 7519): RS256 alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

use super::refusal::Refusal;
use super::{Received, header};
use crate::connectors::definition::JwtRules;
use crate::http::json::{self, Node};

/// Longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Most keys of a set.
const MAX_KEYS: usize = 100;
/// How far clocks may be apart.
const SLACK_SECONDS: i64 = 60;

/// The keys that a vendor signs with now.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    id: String,
    /// Modulus and exponent, big endian.
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl KeySet {
    /// The RSA keys of a set; `None` where it is none.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let set = json::parse(text).ok()?;
        let Node::List(keys) = member(&set, "keys")? else {
            return None;
        };
        let keys = keys.iter().take(MAX_KEYS).filter_map(Key::parse);
        Some(Self(keys.collect()))
    }

    /// Whether it has a key of this id.
    pub fn has(&self, id: &str) -> bool {
        self.find(id).is_some()
    }

    fn find(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }
}

impl Key {
    fn parse(key: &Node) -> Option<Self> {
        let is_rsa = text(key, "kty")? == "RSA" && text(key, "alg").is_none_or(|name| name == "RS256");
        let decode = |name| URL_SAFE_NO_PAD.decode(text(key, name)?).ok();
        is_rsa.then_some(Self {
            id: text(key, "kid")?.to_owned(),
            modulus: decode("n")?,
            exponent: decode("e")?,
        })
    }
}

/// A token, taken apart and not yet believed.
struct Token<'a> {
    signed: &'a [u8],
    key_id: String,
    claims: Node,
    signature: Vec<u8>,
}

/// The id of the key that a request's token names.
pub(super) fn key_id(request: &Received<'_>) -> Option<String> {
    Token::of(request).ok().map(|token| token.key_id)
}

/// Whether a request's token is signed by a key of the set and says what it must; `email` is whose it has to be.
pub(super) fn verify(
    request: &Received<'_>,
    rules: &JwtRules,
    keys: &KeySet,
    email: Option<&str>,
    now_unix_ms: i64,
) -> Result<(), Refusal> {
    let token = Token::of(request)?;
    let key = keys.find(&token.key_id).ok_or(Refusal::Invalid)?;
    let components = RsaPublicKeyComponents {
        n: &key.modulus,
        e: &key.exponent,
    };
    components
        .verify(&RSA_PKCS1_2048_8192_SHA256, token.signed, &token.signature)
        .map_err(|_| Refusal::Invalid)?;
    let claims = &token.claims;
    let is_issuer =
        text(claims, "iss").is_some_and(|issuer| rules.issuers.iter().any(|known| known == issuer));
    let is_ours = match member(claims, "aud") {
        Some(Node::Text(audience)) => audience == request.url,
        Some(Node::List(audiences)) => audiences.contains(&Node::Text(request.url.to_owned())),
        _ => false,
    };
    let is_verified = member(claims, "email_verified") == Some(&Node::Bool(true));
    let is_sender = email.is_none_or(|email| text(claims, "email") == Some(email));
    if !(is_issuer && is_ours && is_verified && is_sender) {
        return Err(Refusal::Invalid);
    }
    let now = now_unix_ms.div_euclid(1000);
    let expires = seconds(claims, "exp").ok_or(Refusal::Invalid)?;
    let issued = seconds(claims, "iat").ok_or(Refusal::Invalid)?;
    match now <= expires.saturating_add(SLACK_SECONDS) && issued <= now.saturating_add(SLACK_SECONDS) {
        true => Ok(()),
        false => Err(Refusal::Stale),
    }
}

impl<'a> Token<'a> {
    /// `Authorization: Bearer head.claims.signature`, of which the head must name RS256 and a key.
    fn of(request: &Received<'a>) -> Result<Self, Refusal> {
        let value = header::single(request.headers, &AUTHORIZATION)?;
        let (scheme, token) = value.split_at_checked(b"Bearer ".len()).ok_or(Refusal::Invalid)?;
        if !scheme.eq_ignore_ascii_case(b"Bearer ") || token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::Invalid);
        }
        Self::parse(token).ok_or(Refusal::Invalid)
    }

    fn parse(token: &'a [u8]) -> Option<Self> {
        let text = str::from_utf8(token).ok()?;
        let (signed, signature) = text.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let head = json::parse(&decode(head)?).ok()?;
        let is_known = self::text(&head, "alg")? == "RS256" && member(&head, "crit").is_none();
        is_known.then_some(Self {
            signed: signed.as_bytes(),
            key_id: self::text(&head, "kid")?.to_owned(),
            claims: json::parse(&decode(claims)?).ok()?,
            signature: decode(signature)?,
        })
    }
}

fn member<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Node::Object(members) = node else { return None };
    members
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

fn text<'n>(node: &'n Node, name: &str) -> Option<&'n str> {
    match member(node, name)? {
        Node::Text(text) => Some(text),
        _ => None,
    }
}

fn seconds(claims: &Node, name: &str) -> Option<i64> {
    match member(claims, name)? {
        Node::Number(text) => text.parse().ok(),
        _ => None,
    }
}
