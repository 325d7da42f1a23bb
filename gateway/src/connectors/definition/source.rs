//! What a definition says about requests that come in.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::condition::Condition;
use crate::connectors::template::{Text, Tree};

/// `[source]`: how a request of this vendor is verified and becomes an event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretField>,
    /// What an operator may choose: by name, with its kind and default.
    #[serde(default)]
    pub options: BTreeMap<String, OptionField>,
    /// Empty: POST alone.
    #[serde(default)]
    pub methods: Vec<String>,
    /// The forms of body that are read, the first that fits the Content-Type.
    #[serde(default)]
    pub bodies: Vec<BodyKind>,
    /// The path of the list whose items become events; absent: the body is the one item.
    pub items: Option<Text>,
    /// The event's type; begins with the connector's name.
    #[serde(rename = "type")]
    pub event_type: Text,
    /// When it happened, where the vendor says so.
    pub at: Option<Text>,
    /// The parts of the id by which repeats are known; empty: the SHA-256 of the body, or of the item.
    #[serde(default)]
    pub dedupe: Vec<Text>,
    /// Headers that are kept with the event.
    #[serde(default)]
    pub keep_headers: Vec<String>,
    /// The option that says by what repeats are known: `body`, or a path such as `body.id`. Where it is not set, they are
    /// not known.
    pub dedupe_option: Option<String>,
    pub reply: Reply,
    pub verify: Verify,
    /// What takes the place of `verify`, by the value of the option `scheme`. The options `header` and `encoding` change
    /// the row.
    #[serde(default)]
    pub schemes: BTreeMap<String, Verify>,
    /// In their order, those marked `before_verify` first.
    #[serde(default)]
    pub handshake: Vec<Handshake>,
    #[serde(default)]
    pub skip: Vec<Skip>,
    pub subscription: Option<toml::Table>,
    pub pull: Option<toml::Table>,
}

impl Source {
    /// How a source with these options is verified.
    pub fn verify_for(&self, options: &BTreeMap<String, String>) -> Verify {
        let chosen = options.get("scheme").and_then(|scheme| self.schemes.get(scheme));
        let Some(chosen) = chosen else {
            return self.verify.clone();
        };
        let mut verify = chosen.clone();
        let rows = std::iter::once(&mut verify.signature);
        for signature in rows
            .chain(verify.also.iter_mut().map(|row| &mut row.signature))
            .flatten()
        {
            if let Some(header) = options.get("header") {
                signature.header = Some(header.clone());
                // A token in a header of its own stands there alone.
                if verify.scheme == Scheme::Token {
                    signature.prefix = String::new();
                }
            }
            match options.get("encoding").map(String::as_str) {
                Some("base64") => signature.encoding = Encoding::Base64,
                Some("hex") => signature.encoding = Encoding::Hex,
                _ => {}
            }
        }
        verify
    }
}

/// A secret that a source needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretField {
    pub title: String,
    pub from: SecretFrom,
    #[serde(default)]
    pub optional: bool,
}

/// Who makes a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretFrom {
    /// Shown by the vendor and pasted here.
    Vendor,
    /// Made here and shown once.
    Gateway,
    /// Handed out in a handshake.
    Handshake,
}

/// A choice of the operator.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionField {
    pub title: String,
    #[serde(default)]
    pub required: bool,
    /// `true` and `false` alone.
    #[serde(default)]
    pub flag: bool,
    pub default: Option<String>,
    /// The only values that are taken, where the list is not empty.
    #[serde(default)]
    pub values: Vec<String>,
}

/// `json`, `form`, `form:FIELD` (a field of that name holds JSON), `text` or `any`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum BodyKind {
    Json,
    Form { json_field: Option<String> },
    Text,
    Any,
}

impl TryFrom<String> for BodyKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "json" => Ok(Self::Json),
            "form" => Ok(Self::Form { json_field: None }),
            "text" => Ok(Self::Text),
            "any" => Ok(Self::Any),
            other => match other.strip_prefix("form:") {
                Some(field) if !field.is_empty() => Ok(Self::Form {
                    json_field: Some(field.to_owned()),
                }),
                _ => Err(format!(
                    "{other:?} is no form of body: json, form, form:FIELD, text or any"
                )),
            },
        }
    }
}

/// `[source.verify]`: one row of the table of schemes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    pub scheme: Scheme,
    /// The secret's name.
    pub key: Option<String>,
    #[serde(default)]
    pub key_as: KeyForm,
    pub signature: Option<Signature>,
    pub timestamp: Option<TimestampField>,
    /// The header that holds the message's id, for `{id}` of `signed`.
    pub id: Option<IdField>,
    /// The signed bytes: `{timestamp}`, `{id}`, `{body}`, `{method}`, `{url}` and `{secret}` within fixed text.
    #[serde(default = "Verify::body_alone")]
    pub signed: SignedBytes,
    /// Further schemes of the same request, any of which may hold.
    #[serde(default)]
    pub also: Vec<Verify>,
    /// For `jwt`: the issuer, the key set and the claims that must be so.
    pub jwt: Option<JwtRules>,
}

impl Verify {
    fn body_alone() -> SignedBytes {
        SignedBytes(vec![SignedPart::Body])
    }
}

/// How a request is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    HmacSha256,
    HmacSha512,
    /// A digest over bytes among which stands the secret.
    Sha256,
    Ed25519,
    Jwt,
    Token,
    Basic,
    UrlSecret,
}

/// How the text of a secret becomes the bytes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyForm {
    #[default]
    Utf8,
    Hex,
    Base64,
    /// `whsec_` or `whpk_` and base64.
    Whsec,
}

/// Where the signature stands. With `header`, else in the item at `body`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    pub header: Option<String>,
    /// The path of the token in each item, for schemes whose token stands in the body …
    pub body: Option<Text>,
    /// … and that of the list of items; absent: the body is the one item.
    pub items: Option<Text>,
    /// What stands before the value; a value without it is skipped.
    #[serde(default)]
    pub prefix: String,
    /// The `name=value` to take from a list such as `t=…,v1=…`.
    pub field: Option<String>,
    /// What separates several values.
    pub separator: Option<String>,
    #[serde(default)]
    pub encoding: Encoding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    #[default]
    Hex,
    Base64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampField {
    pub header: String,
    /// The `name=value` to take from a list such as `t=…,v1=…`.
    pub field: Option<String>,
    #[serde(default)]
    pub unit: TimeUnit,
    /// The width to both sides; absent: the timestamp is signed and not compared.
    pub within_seconds: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    #[default]
    S,
    Ms,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdField {
    pub header: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtRules {
    pub issuers: Vec<String>,
    pub keys: String,
    /// The option whose value the claim `email` must have, where it is set.
    pub email_option: Option<String>,
}

/// The bytes that are signed, as parts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SignedBytes(pub Vec<SignedPart>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedPart {
    Fixed(String),
    Timestamp,
    Id,
    Body,
    Method,
    Url,
    Secret,
}

impl TryFrom<String> for SignedBytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(SignedPart::Fixed(before.to_owned()));
            }
            let (name, after) = after.split_once('}').ok_or("a { without its }")?;
            parts.push(match name {
                "timestamp" => SignedPart::Timestamp,
                "id" => SignedPart::Id,
                "body" => SignedPart::Body,
                "method" => SignedPart::Method,
                "url" => SignedPart::Url,
                "secret" => SignedPart::Secret,
                other => {
                    return Err(format!(
                        "{{{other}}} is none of {{timestamp}} {{id}} {{body}} {{method}} {{url}} {{secret}}"
                    ));
                }
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(SignedPart::Fixed(rest.to_owned()));
        }
        Ok(Self(parts))
    }
}

/// A request that is answered and makes no event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handshake {
    /// Absent: POST.
    pub method: Option<String>,
    pub when: Condition,
    #[serde(default)]
    pub before_verify: bool,
    /// A secret that the request must carry: its name, and where it stands.
    pub token: Option<HandshakeToken>,
    /// The secret that this handshake hands out: its name, and where it stands.
    pub captures: Option<HandshakeToken>,
    pub reply: Reply,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandshakeToken {
    pub secret: String,
    pub value: Text,
}

/// The answer to a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    pub status: u16,
    pub text: Option<Text>,
    pub json: Option<Tree>,
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
}

/// Requests that are verified and answered, and make no event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    pub when: Condition,
    /// The option that switches the rule off.
    pub option: Option<String>,
    pub why: String,
}
