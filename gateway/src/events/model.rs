//! Events as the API takes and shows them.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::types::TypeNames;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::WebhookId;
use crate::bus::NewEvent;
use crate::delivery::destination::Unmatched;
use crate::delivery::log::EventDelivery;
use crate::http::fields::{self, Fields};
use crate::http::json::{self, Malformed, Node, RawMembers};
use crate::http::problem::Problem;

const MAX_ID_CHARS: usize = 128;
const MAX_ORDERING_KEY_CHARS: usize = 255;

/// The reply to an event that is durable.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AcceptedEvent<'a> {
    /// The client's own id where it gave one.
    #[schema(example = "evt_0198c0de-0000-7000-8000-000000000001")]
    pub id: &'a str,
    pub r#type: &'a str,
    #[schema(value_type = String, format = DateTime)]
    pub accepted_at: Millis,
}

/// An accepted event with its deliveries.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ShownEvent {
    pub id: String,
    pub r#type: String,
    #[schema(value_type = String, format = DateTime)]
    pub accepted_at: Millis,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub occurred_at: Option<Millis>,
    pub ordering_key: Option<String>,
    /// As it was sent, to the byte.
    #[schema(value_type = Object)]
    pub data: Box<RawValue>,
    pub deliveries: Vec<EventDelivery>,
    /// The webhooks that got no delivery of it, and why: reckoned from their present settings. Only in
    /// `GET /v1/events/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmatched: Option<Vec<UnmatchedWebhook>>,
}

/// A webhook that got no delivery of an event.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct UnmatchedWebhook {
    #[schema(value_type = String)]
    pub webhook_id: WebhookId,
    pub reason: Unmatched,
}

/// The body of `POST /v1/events`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct CreateEvent {
    /// One of `GET /v1/event-types`.
    #[schema(example = "deal.won")]
    r#type: String,
    /// Passed on as it is: no number, escape or key order is altered.
    #[schema(value_type = Object)]
    data: serde_json::Value,
    /// Makes a repeat harmless: the same id is accepted once.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,128}$")]
    id: Option<String>,
    #[schema(format = DateTime)]
    occurred_at: Option<String>,
    /// Endpoints with `ordering: by_key` get events of one key one after another, in the order of their acceptance.
    #[schema(min_length = 1, max_length = 255)]
    ordering_key: Option<String>,
}

/// Why a body is not an event.
#[derive(Debug)]
pub enum EventFault {
    Malformed(Malformed),
    Invalid(Box<Problem>),
}

impl From<Malformed> for EventFault {
    fn from(fault: Malformed) -> Self {
        Self::Malformed(fault)
    }
}

/// Data up to this size is copied out of the connection's buffer, which can then be filled again; a new buffer for
/// every request costs more than the copy.
const COPIED_BYTES: usize = 4_096;

fn owned(bytes: &Bytes, data: &[u8]) -> Bytes {
    match data.len() <= COPIED_BYTES {
        true => Bytes::copy_from_slice(data),
        false => bytes.slice_ref(data),
    }
}

/// Reads an event. `data` is the bytes that were sent, and so what is stored and delivered.
pub fn read_event(bytes: &Bytes, workspace: WorkspaceId, types: &TypeNames) -> Result<NewEvent, EventFault> {
    let text = json::checked_text(bytes)?;
    let RawMembers(members) = match text.trim_ascii_start().starts_with('{') {
        true => RawMembers::parse(text)?,
        false => return Err(not_an_object(text)?),
    };
    let mut data = None;
    let mut others = Vec::with_capacity(members.len());
    for (key, raw) in members {
        match key.as_str() {
            "data" => data = Some(raw),
            _ => others.push((key, json::parse_raw(raw)?)),
        }
    }
    let mut fields = Fields::of(Node::Object(others));
    let label = fields.required("type", |fields, name, node| read_type(fields, name, node, types));
    let client_id = fields.optional("id", read_client_id);
    let occurred_at = fields.optional("occurred_at", fields::moment);
    let ordering_key = fields.optional("ordering_key", fields::text(1, MAX_ORDERING_KEY_CHARS));
    let data = match data {
        Some(raw) if raw.get().starts_with('{') => Some(owned(bytes, raw.get().as_bytes())),
        Some(_) => {
            fields.fault("data", "invalid_type", "expected a JSON object");
            None
        }
        None => {
            fields.fault("data", "required", "is required");
            None
        }
    };
    fields
        .finish()
        .map_err(|problem| EventFault::Invalid(Box::new(problem)))?;
    Ok(NewEvent {
        workspace,
        // What is required and absent was a fault.
        label: label.unwrap_or_else(|| "".into()),
        once_key: client_id.clone(),
        client_id,
        occurred_at,
        ordering_key: ordering_key.map(String::into_boxed_str),
        data: data.unwrap_or_default(),
    })
}

fn not_an_object(text: &str) -> Result<EventFault, Malformed> {
    let body = json::parse(text.as_bytes())?;
    match Fields::of(body).finish() {
        Err(problem) => Ok(EventFault::Invalid(Box::new(problem))),
        // Only an object is without fault, and it begins with a brace.
        Ok(()) => Err(Malformed::Empty),
    }
}

fn read_type(fields: &mut Fields, name: &str, node: Node, types: &TypeNames) -> Option<std::sync::Arc<str>> {
    let Node::Text(text) = node else {
        fields.fault(name, "invalid_type", "expected a string");
        return None;
    };
    let label = types.label(&text);
    if label.is_none() {
        let message = "is no event type of this workspace; GET /v1/event-types lists them";
        fields.fault(name, "unknown_type", message);
    }
    label
}

fn read_client_id(fields: &mut Fields, name: &str, node: Node) -> Option<Box<str>> {
    match node {
        Node::Text(text) if is_client_id(&text) => Some(text.into()),
        Node::Text(_) => {
            let message = "expected 1 to 128 of A-Z a-z 0-9 _ -, and not `batch`";
            fields.fault(name, "invalid_id", message);
            None
        }
        _ => {
            fields.fault(name, "invalid_type", "expected a string");
            None
        }
    }
}

/// Whether a client may name an event so.
pub fn is_client_id(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=MAX_ID_CHARS).contains(&text.len()) && text.bytes().all(is_allowed) && text != "batch"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<NewEvent, EventFault> {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        read_event(&bytes, WorkspaceId(1), &TypeNames::default())
    }

    #[test]
    fn data_is_the_bytes_that_were_sent() {
        let data = r#"{"n":12345678901234567890,"e":1e400,"d":1.10,"z":"\u0000","a":{"k":1,"k":2}}"#;
        let event = read(&format!(r#" {{"data" : {data} ,"type":"deal.won"}}"#)).expect("valid");
        assert_eq!(&event.data[..], data.as_bytes());
        assert_eq!(&*event.label, "deal.won");
    }

    #[test]
    fn faults_are_told_together() {
        let Err(EventFault::Invalid(problem)) =
            read(r#"{"type":"no.such","data":[],"id":"a b","occurred_at":"now","x":1}"#)
        else {
            panic!("invalid");
        };
        let id = crate::http::request_id::RequestId::of(&http::HeaderMap::new());
        let text = String::from_utf8(problem.to_json(&id)).expect("UTF-8");
        for place in ["body.type", "body.data", "body.id", "body.occurred_at", "body.x"] {
            assert!(text.contains(&format!("\"{place}\"")), "{place} in {text}");
        }
    }

    #[test]
    fn malformed_and_invalid_are_told_apart() {
        let malformed = |text: &str| matches!(read(text), Err(EventFault::Malformed(_)));
        let invalid = |text: &str| matches!(read(text), Err(EventFault::Invalid(_)));
        for text in [
            "",
            "{",
            "nope",
            r#"{"type":"deal.won","type":"deal.won","data":{}}"#,
            r#"{"type":"deal.won","data":{"a":"\ud800"}}"#,
            "[1",
        ] {
            assert!(malformed(text), "{text}");
        }
        for text in [
            "[]",
            "1",
            "null",
            r#""x""#,
            "{}",
            r#"{"type":"deal.won","data":null}"#,
            r#"{"type":"deal.won","data":{},"id":"batch"}"#,
            r#"{"type":"deal.won\u0000","data":{}}"#,
        ] {
            assert!(invalid(text), "{text}");
        }
    }
}
