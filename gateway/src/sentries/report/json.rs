//! A report as a JSON object.

use super::{Said, meta};
use crate::http::body::malformed;
use crate::http::fields::{self, Faults, Fields};
use crate::http::json::{self, Node, RawMembers};
use crate::http::problem::Problem;
use crate::sentries::model::State;

/// Reads it; `null` is as absent. Errors: 400.
pub(super) fn read(bytes: &[u8], faults: &mut Faults) -> Result<Said, Problem> {
    let node = json::parse(bytes).map_err(malformed)?;
    let mut fields = Fields::of(node);
    let state = fields.optional("state", read_state);
    let user_message = fields.optional("user_message", |fields, name, node| {
        read_text(fields, name, &node, super::message)
    });
    let history_note = fields.optional("history_note", |fields, name, node| {
        read_text(fields, name, &node, super::note)
    });
    let private_entry = fields.optional("private_entry", fields::boolean);
    let node = fields.take_set("meta");
    let mut found = fields.finish_faults();
    let meta = match node {
        // Its limit is about the text as it was sent.
        Some(node) => meta::check(
            raw_of(bytes)?,
            &node,
            "body.meta",
            meta::Counts::Numbers,
            &mut found,
        ),
        None => None,
    };
    faults.extend(found);
    Ok(Said {
        state,
        user_message,
        history_note,
        private_entry,
        meta,
    })
}

/// The text of `meta` in a body that was parsed already.
fn raw_of(bytes: &[u8]) -> Result<&str, Problem> {
    let text = json::checked_text(bytes).map_err(malformed)?;
    let RawMembers(members) = RawMembers::parse(text).map_err(malformed)?;
    let found = members.into_iter().find(|(name, _)| name == "meta");
    found
        .map(|(_, raw)| raw.get())
        .ok_or_else(|| Problem::internal(&"a member is gone"))
}

fn read_state(fields: &mut Fields, name: &str, node: Node) -> Option<State> {
    let (state, code) = match &node {
        Node::Text(text) => (State::parse_reported(text), "invalid_choice"),
        _ => (None, "invalid_type"),
    };
    if state.is_none() {
        fields.fault(name, code, "expected happy, sad or sick");
    }
    state
}

type Checked = Result<Option<String>, (&'static str, String)>;

fn read_text(
    fields: &mut Fields,
    name: &str,
    node: &Node,
    check: fn(&str) -> Checked,
) -> Option<Option<String>> {
    let Node::Text(text) = node else {
        fields.fault(name, "invalid_type", "expected a string");
        return None;
    };
    match check(&text.replace('\0', "")) {
        Ok(text) => Some(text),
        Err((code, message)) => {
            fields.fault(name, code, message);
            None
        }
    }
}
