//! A connection's fields, opened, and how they go into a request.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::definition::{Connection, ConnectionKind};
use crate::base::secret::Secret;
use crate::http::json::Node;

/// Stands for a secret while a masked request is rendered: every position writes it as it is.
const STAND_IN: &str = "x7Masked0Masked7x";
/// What is shown in a secret's place.
pub const MASK: &str = "••••";
/// The field of an access token that was got for a connection.
pub const ACCESS_TOKEN: &str = "access_token";

/// The fields of one connection by their names; an access token is among them as [`ACCESS_TOKEN`].
#[derive(Clone)]
pub struct Credential {
    pub kind: ConnectionKind,
    pub fields: BTreeMap<String, Secret<String>>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Credential")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Where a credential goes.
pub(super) enum Carried {
    Header(String, String),
    Query(String, String),
    /// In the URL itself, or where the request's templates put it.
    Template,
}

impl Credential {
    /// A field's value; empty where it is absent.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.expose())
    }

    /// The same with a stand-in for each secret.
    pub(super) fn masked(&self, connection: &Connection) -> Self {
        let known = connection.all_fields();
        let mut masked = self.clone();
        for (name, value) in &mut masked.fields {
            if name == ACCESS_TOKEN || known.get(name).is_none_or(|field| field.secret) {
                *value = Secret::new(match self.kind {
                    ConnectionKind::Url => masked_url(value.expose()),
                    _ => STAND_IN.to_owned(),
                });
            }
        }
        masked
    }

    /// What templates see below `connection`.
    pub(super) fn node(&self) -> Node {
        let members = self
            .fields
            .iter()
            .map(|(name, value)| (name.clone(), Node::Text(value.expose().clone())));
        Node::Object(members.collect())
    }

    /// Where the credential of this kind goes.
    pub(super) fn carried(&self, connection: &Connection) -> Carried {
        let bearer = |token: &str| Carried::Header("authorization".into(), format!("Bearer {token}"));
        match self.kind {
            ConnectionKind::Url => Carried::Template,
            ConnectionKind::Bearer => bearer(self.field("token")),
            ConnectionKind::Oauth2 | ConnectionKind::ClientCredentials | ConnectionKind::ServiceAccount => {
                bearer(self.field(ACCESS_TOKEN))
            }
            ConnectionKind::Basic => {
                let pair = format!("{}:{}", self.field("username"), self.field("password"));
                let is_masked = self.field("password") == STAND_IN;
                let pair = if is_masked {
                    STAND_IN.to_owned()
                } else {
                    STANDARD.encode(pair)
                };
                Carried::Header("authorization".into(), format!("Basic {pair}"))
            }
            ConnectionKind::ApiKey => match (&connection.header, &connection.query) {
                (Some(header), _) => {
                    let value = format!("{}{}", connection.prefix, self.field("key"));
                    Carried::Header(header.to_ascii_lowercase(), value)
                }
                (None, Some(name)) => Carried::Query(name.clone(), self.field("key").to_owned()),
                (None, None) => Carried::Template,
            },
        }
    }
}

/// A text in which each stand-in is a mask.
pub(super) fn with_masks(text: &str) -> String {
    text.replace(STAND_IN, MASK)
}

/// A URL that is a secret as far as its host.
fn masked_url(url: &str) -> String {
    let host_end = url.find("://").map_or(0, |at| at + 3);
    let path = url[host_end..]
        .find(['/', '?'])
        .map_or(url.len(), |at| host_end + at);
    format!("{}/{STAND_IN}", &url[..path])
}
