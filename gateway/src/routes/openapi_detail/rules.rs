//! What OpenAPI says of rules beyond the types.

use serde_json::{Value, json};

use super::{NOT_BLANK, SELECTOR};

/// Schema, property, and what is added to it.
pub(super) fn refinements() -> Vec<(&'static str, &'static str, Value)> {
    let name = json!({"pattern": NOT_BLANK});
    let set_name = json!({"type": "string", "pattern": NOT_BLANK});
    let events = json!({
        "uniqueItems": true, "items": {"type": "string", "pattern": SELECTOR}, "example": ["deal.won"],
    });
    let mut set_events = events.clone();
    set_events["type"] = json!("array");
    let filter = crate::routes::openapi_filter::schema();
    // What an action takes, only its definition says.
    let input = json!({
        "type": "object", "additionalProperties": true, "example": {"url": "https://example.com/deals/{{data.id}}"},
    });
    let open = json!({"additionalProperties": true});
    let moment = json!({"example": "2026-01-31T02:00:00Z"});
    vec![
        ("Rule", "filter", open.clone()),
        ("Rule", "input", open.clone()),
        ("Delivery", "result", open.clone()),
        ("CreateRule", "name", name),
        ("CreateRule", "events", events),
        ("CreateRule", "filter", filter.clone()),
        ("CreateRule", "input", input.clone()),
        ("UpdateRule", "name", set_name),
        ("UpdateRule", "events", set_events),
        ("UpdateRule", "filter", filter),
        ("UpdateRule", "input", input.clone()),
        ("UpdateRule", "enabled", json!({"type": "boolean"})),
        ("PreviewRule", "input", input),
        ("PreviewEvent", "data", open),
        ("PreviewEvent", "timestamp", moment),
    ]
}
