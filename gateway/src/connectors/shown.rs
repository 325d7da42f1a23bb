//! Connectors as the API and the command line show them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::catalogue::{Connector, Origin};
use super::definition::{
    Action, Connection, ConnectionKind, Field, Handshake, Input, InputKind, OptionField, SecretField,
    SecretFrom, Source,
};
use crate::http::json::Node;

/// One connector: what it takes in, with which credentials it goes out, and what it can do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ShownConnector {
    #[schema(example = "http")]
    pub name: String,
    pub title: String,
    /// When a person last held the definition against the vendor's pages.
    #[schema(format = Date, example = "2026-11-30")]
    pub checked: String,
    #[schema(inline)]
    pub origin: Origin,
    /// Null for a connector that takes nothing in.
    pub source: Option<ConnectorSource>,
    pub connections: Vec<ConnectorConnection>,
    pub actions: Vec<ConnectorAction>,
    pub notes: Option<String>,
}

/// What a source of the connector needs and does.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConnectorSource {
    #[schema(additional_properties)]
    pub secrets: BTreeMap<String, ConnectorSecret>,
    pub handshakes: Vec<ConnectorHandshake>,
    #[schema(additional_properties)]
    pub options: BTreeMap<String, ConnectorOption>,
}

/// A secret of a source.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConnectorSecret {
    pub title: String,
    /// `vendor`: shown there and given to the gateway; `gateway`: made here; `handshake`: handed out in one.
    #[schema(value_type = String)]
    pub from: SecretFrom,
    pub optional: bool,
}

/// A request that the gateway answers by itself.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConnectorHandshake {
    pub method: String,
    /// A filter over `query`, `headers` and `body`, as docs/filters.md has it.
    #[schema(value_type = Object)]
    pub when: Node,
    /// Whether it is answered before a signature is looked at.
    pub before_verify: bool,
}

/// A choice that a source leaves to its operator.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConnectorOption {
    pub title: String,
    pub required: bool,
    pub default: Option<String>,
    /// The only values that are taken; empty for any.
    pub values: Vec<String>,
}

/// A kind of credential.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConnectorConnection {
    #[schema(value_type = String, example = "bearer")]
    pub kind: ConnectionKind,
    #[schema(additional_properties)]
    pub fields: BTreeMap<String, ConnectorField>,
}

/// A field of a credential.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConnectorField {
    pub title: String,
    pub secret: bool,
    pub optional: bool,
    /// A regular expression that the whole value must match.
    pub pattern: Option<String>,
}

/// Something that a rule can do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConnectorAction {
    pub name: String,
    pub title: String,
    #[schema(additional_properties)]
    pub inputs: BTreeMap<String, ConnectorInput>,
    /// The kinds of connection that it works with; empty where it needs none.
    #[schema(value_type = Vec<String>)]
    pub connections: Vec<ConnectionKind>,
    pub limit: Option<ConnectorLimit>,
}

/// What an action takes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConnectorInput {
    pub title: Option<String>,
    pub required: bool,
    /// `text`, `json` or `addresses`.
    #[schema(value_type = String)]
    pub r#type: InputKind,
    pub max_chars: Option<u32>,
    pub default: Option<String>,
    pub example: Option<String>,
}

/// How often an action is called.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConnectorLimit {
    pub per_second: f64,
    /// Counted for each value of this template; null: for each connection.
    pub by: Option<String>,
}

impl ShownConnector {
    /// What is shown of a connector.
    pub fn of(connector: &Connector) -> Self {
        let definition = &connector.definition;
        Self {
            name: definition.name.clone(),
            title: definition.title.clone(),
            checked: definition.checked.to_string(),
            origin: connector.origin,
            source: definition.source.as_ref().map(ConnectorSource::of),
            connections: definition
                .connection
                .iter()
                .map(ConnectorConnection::of)
                .collect(),
            actions: definition.action.iter().map(ConnectorAction::of).collect(),
            notes: definition.notes.clone(),
        }
    }
}

/// Each value of a map, shown.
fn each<T, S>(map: &BTreeMap<String, T>, show: impl Fn(&T) -> S) -> BTreeMap<String, S> {
    map.iter()
        .map(|(name, value)| (name.clone(), show(value)))
        .collect()
}

impl ConnectorSource {
    fn of(source: &Source) -> Self {
        Self {
            secrets: each(&source.secrets, ConnectorSecret::of),
            handshakes: source.handshake.iter().map(ConnectorHandshake::of).collect(),
            options: each(&source.options, ConnectorOption::of),
        }
    }
}

impl ConnectorSecret {
    fn of(secret: &SecretField) -> Self {
        Self {
            title: secret.title.clone(),
            from: secret.from,
            optional: secret.optional,
        }
    }
}

impl ConnectorHandshake {
    fn of(handshake: &Handshake) -> Self {
        Self {
            method: handshake.method.clone().unwrap_or_else(|| "POST".to_owned()),
            when: handshake.when.written().clone(),
            before_verify: handshake.before_verify,
        }
    }
}

impl ConnectorOption {
    fn of(option: &OptionField) -> Self {
        let flags = || vec!["false".to_owned(), "true".to_owned()];
        Self {
            title: option.title.clone(),
            required: option.required,
            default: option.default.clone(),
            values: if option.flag {
                flags()
            } else {
                option.values.clone()
            },
        }
    }
}

impl ConnectorConnection {
    fn of(connection: &Connection) -> Self {
        Self {
            kind: connection.kind,
            fields: each(&connection.all_fields(), ConnectorField::of),
        }
    }
}

impl ConnectorField {
    fn of(field: &Field) -> Self {
        Self {
            title: field.title.clone(),
            secret: field.secret,
            optional: field.optional,
            pattern: field.pattern.as_ref().map(|pattern| pattern.as_str().to_owned()),
        }
    }
}

impl ConnectorAction {
    fn of(action: &Action) -> Self {
        Self {
            name: action.name.clone(),
            title: action.title.clone(),
            inputs: each(&action.inputs, ConnectorInput::of),
            connections: action.connections.clone(),
            limit: action.limit.as_ref().map(|limit| ConnectorLimit {
                per_second: limit.per_second,
                by: limit.by.as_ref().map(ToString::to_string),
            }),
        }
    }
}

impl ConnectorInput {
    fn of(input: &Input) -> Self {
        Self {
            title: input.title.clone(),
            required: input.required,
            r#type: input.kind,
            max_chars: input.max_chars,
            default: input.default.clone(),
            example: input.example.clone(),
        }
    }
}
