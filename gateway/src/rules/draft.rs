//! Reads the body of a request that creates or changes a rule.

use super::model::Unsure;
use crate::base::id::ConnectionId;
use crate::connectors::template::MAX_TEMPLATE_BYTES;
use crate::events::selection::event_types;
use crate::events::types::TypeNames;
use crate::filter::FilterText;
use crate::http::fields::{self, Fields};
use crate::http::json::Node;
use crate::webhooks::model::{MAX_NAME_CHARS, MAX_RATE, read_filter, read_ordering};

const MAX_ACTION_CHARS: usize = 200;

/// What a request sets: `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Default)]
pub struct Draft {
    pub name: Option<String>,
    pub events: Option<Vec<String>>,
    pub filter: Option<Option<FilterText>>,
    pub action: Option<String>,
    pub connection: Option<Option<ConnectionId>>,
    /// Not compiled yet: that takes the action.
    pub input: Option<Node>,
    pub ordering: Option<String>,
    pub unsure: Option<Option<Unsure>>,
    pub emit_result: Option<bool>,
    pub max_attempts: Option<Option<u16>>,
    pub timeout_seconds: Option<Option<u16>>,
    pub rate_limit_per_second: Option<Option<u32>>,
    pub enabled: Option<bool>,
    pub faults: fields::Faults,
}

impl Draft {
    /// Reads a creation, or a change.
    pub fn read(body: Node, is_patch: bool, types: &TypeNames) -> Self {
        let mut fields = Fields::of(body);
        let mut draft = Self::default();
        let (name, action) = (fields::text(1, MAX_NAME_CHARS), fields::text(1, MAX_ACTION_CHARS));
        if is_patch {
            draft.name = fields.set("name", name);
            draft.events = fields.set("events", event_types(types));
            draft.action = fields.set("action", action);
            draft.input = fields.set("input", read_input);
            draft.ordering = fields.set("ordering", read_ordering);
            draft.emit_result = fields.set("emit_result", read_emit_result);
            draft.enabled = fields.set("enabled", fields::boolean);
        } else {
            draft.name = fields.required("name", name);
            draft.events = fields.required("events", event_types(types));
            draft.action = fields.required("action", action);
            draft.input = fields.required("input", read_input);
            draft.ordering = fields.optional("ordering", read_ordering);
            draft.emit_result = fields.optional("emit_result", read_emit_result);
        }
        draft.filter = fields.patched("filter", read_filter);
        draft.connection = fields.patched("connection_id", read_connection);
        draft.unsure = fields.patched("unsure", read_unsure);
        let count = |fields: &mut Fields, name, most| {
            let value = fields.patched(name, fields::integer(1, most));
            value.map(|value| value.and_then(|count| u16::try_from(count).ok()))
        };
        draft.max_attempts = count(&mut fields, "max_attempts", 50);
        draft.timeout_seconds = count(&mut fields, "timeout_seconds", 60);
        let rate = fields.patched("rate_limit_per_second", fields::integer(1, MAX_RATE));
        draft.rate_limit_per_second = rate.map(|rate| rate.and_then(|rate| u32::try_from(rate).ok()));
        draft.faults = fields.finish_faults();
        draft
    }
}

/// No event is made of a result yet, so a client that counts on one must hear of it at once.
fn read_emit_result(fields: &mut Fields, name: &str, node: Node) -> Option<bool> {
    let wanted = fields::boolean(fields, name, node)?;
    if wanted {
        fields.fault(name, "unsupported", "this version emits no event of a result");
        return None;
    }
    Some(wanted)
}

/// Reads the inputs of an action, which only the action can judge.
pub fn read_input(fields: &mut Fields, name: &str, node: Node) -> Option<Node> {
    let size = serde_json::to_string(&node).map_or(usize::MAX, |text| text.len());
    match node {
        Node::Object(_) if size <= MAX_TEMPLATE_BYTES => Some(node),
        Node::Object(_) => {
            let message = format!("expected at most {MAX_TEMPLATE_BYTES} bytes");
            fields.fault(name, "invalid_length", message);
            None
        }
        _ => {
            fields.fault(name, "invalid_type", "expected an object");
            None
        }
    }
}

/// Reads the id of a connection.
pub fn read_connection(fields: &mut Fields, name: &str, node: Node) -> Option<ConnectionId> {
    let found = match &node {
        Node::Text(text) => ConnectionId::parse(text),
        _ => None,
    };
    if found.is_none() {
        fields.fault(name, "invalid", "expected the id of a connection, as conn_…");
    }
    found
}

fn read_unsure(fields: &mut Fields, name: &str, node: Node) -> Option<Unsure> {
    let found = match &node {
        Node::Text(text) => Unsure::parse(text),
        _ => None,
    };
    if found.is_none() {
        fields.fault(name, "invalid_choice", "expected retry or stop");
    }
    found
}
