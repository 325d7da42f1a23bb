//! What a request sets of a source.

use std::collections::BTreeMap;

use super::connector::{Connector, Connectors, Options, Unfit};
use crate::base::network::parse_network;
use crate::base::secret::Secret;
use crate::filter::{Filter, FilterText};
use crate::http::fields::{self, Faults, Fields};
use crate::http::json::Node;
use crate::webhooks::model::MAX_FILTER_BYTES;

const MAX_NAME_CHARS: usize = 200;
/// The longest value of a secret, in characters.
const MAX_SECRET_CHARS: usize = 4_096;
const MAX_OPTION_CHARS: usize = 500;
const MAX_ALLOWLIST: usize = 100;
const MAX_RATE: i64 = 1_000_000;

/// `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Default)]
pub struct Draft {
    pub name: Option<String>,
    pub options: Option<Options>,
    pub secrets: BTreeMap<String, Secret<String>>,
    pub filter: Option<Option<FilterText>>,
    pub rate_limit_per_second: Option<Option<u32>>,
    pub ip_allowlist: Option<Vec<String>>,
    pub enabled: Option<bool>,
    pub faults: Faults,
}

/// Reads a creation; the connector is there unless something is wrong with it.
pub fn of_creation(body: Node, connectors: &Connectors) -> (Draft, Option<std::sync::Arc<Connector>>) {
    let mut fields = Fields::of(body);
    let connector = fields.required("connector", |fields, name, node| {
        read_connector(fields, name, node, connectors)
    });
    let mut draft = Draft {
        name: fields.required("name", fields::line(1, MAX_NAME_CHARS)),
        ..Draft::default()
    };
    match &connector {
        Some(connector) => {
            let given = fields.take_set("options").unwrap_or(Node::Object(Vec::new()));
            draft.options = read_options(&mut fields, given, connector);
            let secrets = fields.take_set("secrets");
            draft.secrets =
                secrets.map_or_else(BTreeMap::new, |node| read_secrets(&mut fields, node, connector));
        }
        // Whether they are right cannot be said.
        None => drop((fields.take("options"), fields.take("secrets"))),
    }
    draft.read_common(&mut fields);
    draft.faults = fields.finish_faults();
    (draft, connector)
}

/// Reads a change.
pub fn of_change(body: Node, connector: Option<&Connector>) -> Draft {
    let mut fields = Fields::of(body);
    let mut draft = Draft {
        name: fields.set("name", fields::line(1, MAX_NAME_CHARS)),
        enabled: fields.set("enabled", fields::boolean),
        ..Draft::default()
    };
    if let Some(node) = fields.take("options") {
        match connector {
            Some(connector) => draft.options = read_options(&mut fields, node, connector),
            None => fields.fault("options", "invalid", "the connector is not there any more"),
        }
    }
    draft.read_common(&mut fields);
    draft.faults = fields.finish_faults();
    draft
}

impl Draft {
    fn read_common(&mut self, fields: &mut Fields) {
        self.filter = fields.patched("filter", read_filter);
        let rate = fields.patched("rate_limit_per_second", fields::integer(1, MAX_RATE));
        self.rate_limit_per_second = rate.map(|rate| rate.and_then(|rate| u32::try_from(rate).ok()));
        let read_net = |text: &str| match parse_network(text) {
            Some(_) => Ok(text.to_owned()),
            None => Err("expected an IP address or a CIDR".to_owned()),
        };
        let list = fields.patched("ip_allowlist", fields::list(0, MAX_ALLOWLIST, read_net));
        self.ip_allowlist = list.map(Option::unwrap_or_default);
        if fields.take_set("connection_id").is_some() {
            let message = "is no connection of this workspace";
            fields.fault("connection_id", "invalid", message);
        }
    }
}

fn read_connector(
    fields: &mut Fields,
    name: &str,
    node: Node,
    connectors: &Connectors,
) -> Option<std::sync::Arc<Connector>> {
    let Node::Text(text) = node else {
        fields.fault(name, "invalid_type", "expected a string");
        return None;
    };
    match connectors.find(&text) {
        Some(Ok(connector)) => Some(connector),
        Some(Err(unfit)) => {
            let code = match unfit {
                Unfit::NoSource(_) => "no_source",
                Unfit::Subscription(_) | Unfit::Pull(_) | Unfit::Verify(..) => "unsupported",
            };
            fields.fault(name, code, unfit.to_string());
            None
        }
        None => {
            fields.fault(name, "invalid", "is no connector");
            None
        }
    }
}

/// All options of a source: those that were given, and the defaults of the others.
fn read_options(fields: &mut Fields, node: Node, connector: &Connector) -> Option<Options> {
    let Node::Object(members) = node else {
        fields.fault("options", "invalid_type", "expected an object");
        return None;
    };
    let known = &connector.source.options;
    let mut options = Options::new();
    let mut is_valid = true;
    for (name, value) in members {
        let shown: String = name.chars().take(100).collect();
        let place = format!("options.{shown}");
        let Some(field) = known.get(&name) else {
            fields.fault(&place, "unknown_field", "is no option of this connector");
            is_valid = false;
            continue;
        };
        let text = match value {
            Node::Null => continue,
            Node::Bool(flag) if field.flag => flag.to_string(),
            Node::Text(text) => text,
            _ => {
                fields.fault(&place, "invalid_type", "expected a string");
                is_valid = false;
                continue;
            }
        };
        let flags = ["true".to_owned(), "false".to_owned()];
        let choices: &[String] = if field.flag { &flags } else { &field.values };
        if !choices.is_empty() && !choices.contains(&text) {
            let message = format!("expected one of {}", choices.join(", "));
            fields.fault(&place, "invalid_choice", message);
            is_valid = false;
        } else if text.is_empty()
            || text.chars().count() > MAX_OPTION_CHARS
            || text.chars().any(char::is_control)
        {
            let message =
                format!("expected 1 to {MAX_OPTION_CHARS} characters, none of them a control character");
            fields.fault(&place, "invalid_length", message);
            is_valid = false;
        } else {
            options.insert(name, text);
        }
    }
    for (name, field) in known {
        if options.contains_key(name) {
            continue;
        }
        match &field.default {
            Some(default) => drop(options.insert(name.clone(), default.clone())),
            None if field.required && is_valid => {
                fields.fault(&format!("options.{name}"), "required", "is required");
                is_valid = false;
            }
            None => {}
        }
    }
    is_valid.then_some(options)
}

fn read_secrets(fields: &mut Fields, node: Node, connector: &Connector) -> BTreeMap<String, Secret<String>> {
    let mut secrets = BTreeMap::new();
    let Node::Object(members) = node else {
        fields.fault("secrets", "invalid_type", "expected an object of strings");
        return secrets;
    };
    for (name, value) in members {
        let shown: String = name.chars().take(100).collect();
        let place = format!("secrets.{shown}");
        if connector.secret(&name).is_none() {
            fields.fault(&place, "unknown_field", "is no secret of this connector");
            continue;
        }
        if let Some(value) = read_secret(fields, &place, value) {
            secrets.insert(name, value);
        }
    }
    secrets
}

/// Reads the value of a secret.
pub fn read_secret(fields: &mut Fields, place: &str, value: Node) -> Option<Secret<String>> {
    let Node::Text(text) = value else {
        fields.fault(place, "invalid_type", "expected a string");
        return None;
    };
    let count = text.chars().count();
    let is_odd = text.chars().any(char::is_control) || text.trim() != text;
    if !(1..=MAX_SECRET_CHARS).contains(&count) || is_odd {
        let message = format!(
            "expected 1 to {MAX_SECRET_CHARS} characters, without blanks around and control characters"
        );
        fields.fault(place, "invalid_length", message);
        return None;
    }
    Some(Secret::new(text))
}

fn read_filter(fields: &mut Fields, name: &str, node: Node) -> Option<FilterText> {
    let text = FilterText::of(&node)?;
    if text.as_str().len() > MAX_FILTER_BYTES {
        let message = format!("expected at most {MAX_FILTER_BYTES} bytes");
        fields.fault(name, "invalid_length", message);
        return None;
    }
    Filter::read(&node, &format!("body.{name}"), &mut fields.faults).map(|_| text)
}
