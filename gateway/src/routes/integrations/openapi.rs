//! What OpenAPI says of sources beyond the types.

use serde_json::{Value, json};

use super::super::openapi_filter;
use crate::sources::receipts::model::Outcome;

/// The values of a parameter `outcome`.
pub(in crate::routes) fn outcomes() -> Value {
    let names: Vec<&str> = Outcome::all().map(Outcome::name).collect();
    json!({"type": "string", "enum": names})
}

/// Schema, property, and what is added to it.
pub(in crate::routes) fn refinements(network: &str) -> Vec<(&'static str, &'static str, Value)> {
    let line = json!({"pattern": r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"});
    let mut set_line = line.clone();
    set_line["type"] = json!("string");
    let networks = json!({
        "uniqueItems": true, "items": {"type": "string", "anyOf": [{"pattern": network}, {"format": "ipv6"}]},
        "example": ["192.0.2.0/24"],
    });
    let secrets = json!({
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 4096},
        "example": {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    });
    let options = json!({"additionalProperties": {"type": ["string", "boolean"]}});
    let mut set_options = options.clone();
    set_options["type"] = json!("object");
    let open = json!({"additionalProperties": true});
    let none = json!({"type": "null"});
    let filter = openapi_filter::schema();
    vec![
        ("ConnectorHandshake", "when", open.clone()),
        ("SourceParts", "filter", open),
        ("SourceParts", "options", options.clone()),
        ("CreateConnection", "name", line.clone()),
        ("UpdateConnection", "name", set_line.clone()),
        ("CreateSource", "name", line),
        ("CreateSource", "secrets", secrets),
        ("CreateSource", "options", options),
        ("CreateSource", "filter", filter.clone()),
        ("CreateSource", "ip_allowlist", networks.clone()),
        ("CreateSource", "connection_id", none.clone()),
        ("UpdateSource", "name", set_line),
        ("UpdateSource", "options", set_options),
        ("UpdateSource", "filter", filter),
        ("UpdateSource", "ip_allowlist", networks),
        ("UpdateSource", "connection_id", none),
        ("UpdateSource", "enabled", json!({"type": "boolean"})),
    ]
}
