//! What a definition says about credentials.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::condition::Condition;
use crate::connectors::template::Text;

/// Most bytes that a compiled pattern takes.
const MAX_PATTERN_BYTES: usize = 64 * 1024;

/// `[[connection]]`: one kind of credential.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    pub kind: ConnectionKind,
    /// Beside those that the kind has by itself.
    #[serde(default)]
    pub fields: BTreeMap<String, Field>,
    /// For `url`: where it may lead; absent: the definition's hosts.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// For `url`: what its path begins with.
    pub path: Option<String>,
    /// For keys: the header that carries it, and what stands before it.
    pub header: Option<String>,
    #[serde(default)]
    pub prefix: String,
    /// For keys: the parameter of the query that carries it. A key that neither carries has fields of other names, which
    /// the requests' templates read.
    pub query: Option<String>,
    pub authorize: Option<Text>,
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    pub token: Option<Text>,
    /// Parameters of the token call beside those of its grant.
    #[serde(default)]
    pub token_params: BTreeMap<String, Text>,
    pub grant_type: Option<String>,
    pub client_auth: Option<ClientAuth>,
    #[serde(default)]
    pub scopes: Vec<String>,
    pub scope_separator: Option<String>,
    #[serde(default)]
    pub pkce: bool,
    /// Whether a refresh ends the old refresh token.
    #[serde(default)]
    pub rotates: bool,
    pub keep_alive_days: Option<u32>,
    /// What a good answer of the token call is, beside its status.
    pub success: Option<Condition>,
    pub account: Option<Text>,
    pub assertion: Option<Assertion>,
}

impl Connection {
    /// All fields: those of the kind, under what the definition says of them, and the definition's own.
    pub fn all_fields(&self) -> BTreeMap<String, Field> {
        let mut fields: BTreeMap<String, Field> = self
            .own_fields()
            .iter()
            .map(|(name, title, secret)| {
                let field = Field {
                    title: (*title).to_owned(),
                    secret: *secret,
                    // Those of an app may stand in the configuration.
                    optional: self.kind == ConnectionKind::Oauth2,
                    pattern: None,
                };
                ((*name).to_owned(), field)
            })
            .collect();
        for (name, said) in &self.fields {
            let is_secret = fields.get(name).is_some_and(|own| own.secret);
            let mut field = said.clone();
            field.secret |= is_secret;
            fields.insert(name.clone(), field);
        }
        fields
    }

    /// The fields that the kind has by itself: name, title, and whether it is secret.
    fn own_fields(&self) -> &'static [(&'static str, &'static str, bool)] {
        match self.kind {
            ConnectionKind::Url => &[("url", "URL", true)],
            ConnectionKind::Bearer => &[("token", "Token", true)],
            ConnectionKind::ApiKey if self.header.is_none() && self.query.is_none() => &[],
            ConnectionKind::ApiKey => &[("key", "Key", true)],
            ConnectionKind::Basic => &[("username", "User name", false), ("password", "Password", true)],
            ConnectionKind::Oauth2 | ConnectionKind::ClientCredentials => &[
                ("client_id", "Client id", false),
                ("client_secret", "Client secret", true),
            ],
            ConnectionKind::ServiceAccount => &[
                ("key_file", "Key file (JSON)", true),
                ("subject", "Subject", false),
            ],
        }
    }
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionKind {
    Url,
    Bearer,
    ApiKey,
    Basic,
    Oauth2,
    ClientCredentials,
    ServiceAccount,
}

impl ConnectionKind {
    /// The word in definitions and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Bearer => "bearer",
            Self::ApiKey => "api_key",
            Self::Basic => "basic",
            Self::Oauth2 => "oauth2",
            Self::ClientCredentials => "client_credentials",
            Self::ServiceAccount => "service_account",
        }
    }

    /// Whether an access token is got for it, which then stands in `access_token`.
    pub const fn has_access_token(self) -> bool {
        matches!(
            self,
            Self::Oauth2 | Self::ClientCredentials | Self::ServiceAccount
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    Body,
    Basic,
}

/// A field of a connection.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub title: String,
    #[serde(default)]
    pub secret: bool,
    #[serde(default)]
    pub optional: bool,
    pub pattern: Option<Pattern>,
}

/// A regular expression that a whole value must match.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    written: String,
    whole: Regex,
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        let anchored = format!(r"\A(?:{written})\z");
        let whole = RegexBuilder::new(&anchored).size_limit(MAX_PATTERN_BYTES).build();
        match whole {
            Ok(whole) => Ok(Self { written, whole }),
            Err(fault) => Err(format!("{written:?} is no pattern: {fault}")),
        }
    }
}

impl Pattern {
    /// Whether the whole of `value` matches.
    pub fn matches(&self, value: &str) -> bool {
        self.whole.is_match(value)
    }

    /// As it stands in the file, without anchors.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

/// The claims of a service account's assertion (RFC 7523).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    pub iss: Text,
    pub sub: Text,
    pub aud: String,
    pub scope: String,
    pub lifetime_seconds: u32,
}
