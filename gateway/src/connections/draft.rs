//! What a request sets of a connection, checked against its connector's definition.

use std::sync::Arc;

use super::values::{Values, hint};
use crate::base::secret::Secret;
use crate::connectors::catalogue::{Catalogue, Connector};
use crate::connectors::credential::MASK;
use crate::connectors::definition::{Connection, ConnectionKind, Definition, Field, host_fits};
use crate::http::fields::{self, Faults, Fields};
use crate::http::json::{self, Node};
use url::Url;

pub const MAX_NAME_CHARS: usize = 200;
const MAX_VALUE_CHARS: usize = 4_096;
const MAX_FILE_CHARS: usize = 16 * 1_024;

/// A new connection.
#[derive(Debug)]
pub struct NewConnection {
    pub name: String,
    pub connector: Arc<Connector>,
    pub kind: ConnectionKind,
    pub values: Values,
}

/// What a change sets.
#[derive(Debug)]
pub struct ChangedConnection {
    pub name: Option<String>,
    pub values: Values,
}

/// Reads a creation. `has_app` says whether the operator has an app for a connector.
pub fn read_new(
    body: Node,
    catalogue: &Catalogue,
    has_app: impl Fn(&str) -> bool,
) -> Result<NewConnection, Faults> {
    let mut fields = Fields::of(body);
    let name = fields.required("name", fields::line(1, MAX_NAME_CHARS));
    let connector = fields.required("connector", fields::text(1, MAX_NAME_CHARS));
    let kind = fields.required("kind", fields::text(1, MAX_NAME_CHARS));
    let given = fields.take_set("fields");
    let connector = connector.and_then(|name| {
        let found = catalogue.get(&name);
        if found.is_none() {
            fields.fault(
                "connector",
                "unknown_connector",
                "is no connector; GET /v1/connectors lists them",
            );
        }
        found
    });
    let definition = connector.as_deref().map(|connector| &connector.definition);
    let connection = definition
        .zip(kind)
        .and_then(|(definition, kind)| find_kind(definition, &kind, &mut fields));
    let mut faults = fields.finish_faults();
    let values = definition.zip(connection).map(|(definition, connection)| {
        let mut reading = Reading {
            definition,
            connection,
            has_app: has_app(&definition.name),
            faults: &mut faults,
        };
        reading.values(given, Values::default())
    });
    match (name, &connector, connection, values) {
        (Some(name), Some(connector), Some(connection), Some(values)) if faults.is_empty() => {
            Ok(NewConnection {
                name,
                connector: connector.clone(),
                kind: connection.kind,
                values,
            })
        }
        _ => Err(faults),
    }
}

/// Reads a change of a connection that has `values`. Without its definition the fields cannot be changed.
pub fn read_change(
    body: Node,
    definition: Option<(&Definition, &Connection)>,
    has_app: bool,
    values: Values,
) -> Result<ChangedConnection, Faults> {
    let mut fields = Fields::of(body);
    let name = fields.set("name", fields::line(1, MAX_NAME_CHARS));
    let given = fields.set("fields", |_, _, node| Some(node));
    if given.is_some() && definition.is_none() {
        fields.fault(
            "fields",
            "unknown_connector",
            "cannot change, because the connector is known no more",
        );
    }
    let mut faults = fields.finish_faults();
    let values = match (given, definition) {
        (Some(given), Some((definition, connection))) => {
            let mut reading = Reading {
                definition,
                connection,
                has_app,
                faults: &mut faults,
            };
            reading.values(Some(given), values)
        }
        _ => values,
    };
    match faults.is_empty() {
        true => Ok(ChangedConnection { name, values }),
        false => Err(faults),
    }
}

fn find_kind<'d>(definition: &'d Definition, kind: &str, fields: &mut Fields) -> Option<&'d Connection> {
    let found = definition
        .connection
        .iter()
        .find(|known| known.kind.name() == kind);
    if found.is_none() {
        let known: Vec<&str> = definition
            .connection
            .iter()
            .map(|known| known.kind.name())
            .collect();
        let message = match known.is_empty() {
            true => format!("{} takes no connections", definition.name),
            false => format!("expected one of {}", known.join(", ")),
        };
        fields.fault("kind", "unknown_kind", message);
    }
    found
}

struct Reading<'a> {
    definition: &'a Definition,
    connection: &'a Connection,
    has_app: bool,
    faults: &'a mut Faults,
}

impl Reading<'_> {
    /// The values with what is `given` put in; what is missing then is a fault.
    fn values(&mut self, given: Option<Node>, mut values: Values) -> Values {
        let known = self.connection.all_fields();
        let members = match given {
            None => Vec::new(),
            Some(Node::Object(members)) => members,
            Some(_) => {
                self.faults
                    .add("body.fields", "invalid_type", "expected an object of texts");
                return values;
            }
        };
        for (name, node) in members {
            let Some(field) = known.get(&name) else {
                let shown: String = name.chars().take(100).collect();
                self.fault(&shown, "unknown_field", "is no field of this kind of connection");
                continue;
            };
            if node == Node::Null {
                values.put(&name, None);
                continue;
            }
            let kept = values.get(&name).map(|kept| kept.expose().as_str());
            if let Some(value) = self.value(&name, field, node, kept) {
                values.put(&name, Some(Secret::new(value)));
            }
        }
        for (name, field) in &known {
            let is_of_app = self.has_app && matches!(name.as_str(), "client_id" | "client_secret");
            let is_of_client = matches!(name.as_str(), "client_id" | "client_secret");
            let is_optional = is_of_app || (field.optional && !is_of_client);
            if !is_optional && values.get(name).is_none() {
                self.missing(name, is_of_client);
            }
        }
        // Half a client, with the other half of the operator's, is none.
        if values.get("client_id").is_some() != values.get("client_secret").is_some() && self.has_app {
            self.fault("client_id", "required", "goes together with client_secret");
        }
        values
    }

    /// Notes a field that is not there, unless its value was at fault already.
    fn missing(&mut self, name: &str, is_of_client: bool) {
        let place = format!("body.fields.{name}");
        let told = std::mem::take(self.faults).into_vec();
        let is_told = told.iter().any(|fault| fault.location == place);
        for fault in told {
            self.faults.add(fault.location, fault.code, fault.message);
        }
        if !is_told {
            let message = match is_of_client {
                true => format!(
                    "is required, because the operator has no app in connectors.apps.{}",
                    self.definition.name
                ),
                false => "is required".to_owned(),
            };
            self.faults.add(place, "required", message);
        }
    }

    fn fault(&mut self, name: &str, code: &'static str, message: impl Into<String>) {
        self.faults.add(format!("body.fields.{name}"), code, message);
    }

    fn value(&mut self, name: &str, field: &Field, node: Node, kept: Option<&str>) -> Option<String> {
        let is_file = name.ends_with("_file");
        let text = match node {
            Node::Text(text) => text,
            Node::Object(_) if is_file => serde_json::to_string(&node).ok()?,
            _ => {
                self.fault(name, "invalid_type", "expected a string");
                return None;
            }
        };
        if field.secret && text.starts_with(MASK) {
            let same = kept.filter(|kept| hint(kept) == text).map(str::to_owned);
            if same.is_none() {
                self.fault(
                    name,
                    "invalid_format",
                    "is the hint of another secret; send the secret itself",
                );
            }
            return same;
        }
        let most = match is_file {
            true => MAX_FILE_CHARS,
            false => MAX_VALUE_CHARS,
        };
        if !(1..=most).contains(&text.chars().count()) || text.trim().is_empty() {
            self.fault(
                name,
                "invalid_length",
                format!("expected 1 to {most} characters, and not only blanks"),
            );
            return None;
        }
        let text = match name {
            _ if is_file => self.file(name, text)?,
            "url" if self.connection.kind == ConnectionKind::Url => self.url(&text)?,
            _ => self.word(name, text)?,
        };
        match &field.pattern {
            Some(pattern) if !pattern.matches(&text) => {
                let message = format!("does not match the pattern {}", pattern.as_str());
                self.fault(name, "invalid_format", message);
                None
            }
            _ => Some(text),
        }
    }

    /// What stands in one line.
    fn word(&mut self, name: &str, text: String) -> Option<String> {
        // Tokens and keys travel in headers.
        let in_header = matches!(name, "token" | "key");
        let is_odd = |letter: char| letter.is_control() || (in_header && !letter.is_ascii_graphic());
        if text.chars().any(is_odd) {
            let message = match in_header {
                true => "expected visible ASCII without blanks",
                false => "must not hold control characters",
            };
            self.fault(name, "control_character", message);
            return None;
        }
        Some(text)
    }

    /// A service account's key, as the vendor hands it out.
    fn file(&mut self, name: &str, text: String) -> Option<String> {
        let is_object = matches!(json::parse(text.as_bytes()), Ok(Node::Object(_)));
        if !is_object {
            self.fault(name, "invalid_format", "expected the JSON object of the key file");
        }
        is_object.then_some(text)
    }

    /// A URL that is a secret: https, at one of the hosts, below the path.
    fn url(&mut self, text: &str) -> Option<String> {
        let hosts = match self.connection.hosts.is_empty() {
            true => &self.definition.hosts,
            false => &self.connection.hosts,
        };
        let start = self.connection.path.as_deref().unwrap_or("/");
        let url = Url::parse(text).ok().filter(|url| {
            let host = url.host_str().unwrap_or_default();
            url.scheme() == "https"
                && hosts.iter().any(|known| host_fits(known, host))
                && url.port().is_none()
                && url.username().is_empty()
                && url.password().is_none()
                && url.fragment().is_none()
                && url.path().starts_with(start)
        });
        if url.is_none() {
            let message = format!(
                "expected https, a host of {}, and a path that begins with {start}",
                hosts.join(", ")
            );
            self.fault("url", "invalid_format", message);
        }
        url.map(String::from)
    }
}
