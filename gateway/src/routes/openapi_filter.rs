//! The schema of a webhook's filter in OpenAPI, which no Rust type expresses: names are paths, values are conditions.

use serde_json::{Value, json};

/// Up to ten names joined by dots.
const PATH: &str = r"^[^.\u0000]+(\.[^.\u0000]+){0,9}$";
const JOINING: &[&str] = &["any_of", "all_of", "not"];

/// A filter or null. Filters within filters may go deeper than is written out here.
pub(super) fn schema() -> Value {
    let inner = conditions(json!({"propertyNames": {"pattern": PATH, "not": {"enum": JOINING}}}));
    let list = json!({"type": "array", "minItems": 1, "maxItems": 50, "items": inner});
    let outer = conditions(json!({
        "propertyNames": {"anyOf": [{"pattern": PATH}, {"enum": JOINING}]},
        "properties": {"any_of": list, "all_of": list, "not": inner},
    }));
    json!({
        "anyOf": [outer, {"type": "null"}],
        "type": ["object", "null"],
        "example": {"deal.stage": {"in": ["won", "lost"]}},
    })
}

fn conditions(more: Value) -> Value {
    let text = json!({"type": "string", "maxLength": 1000, "pattern": r"^[^\u0000]*$"});
    let scalar = json!({"anyOf": [text, {"type": ["number", "boolean", "null"]}]});
    let forms = json!({
        "type": "object", "minProperties": 1, "additionalProperties": false,
        "properties": {
            "in": {"type": "array", "minItems": 1, "maxItems": 100, "items": scalar},
            "prefix": {"type": "string", "minLength": 1, "maxLength": 1000, "pattern": r"^[^\u0000]*$"},
            "exists": {"type": "boolean"},
        },
    });
    let mut schema = json!({
        "type": "object", "minProperties": 1, "maxProperties": 50,
        "additionalProperties": {"anyOf": [scalar, forms]},
    });
    if let (Value::Object(schema), Value::Object(more)) = (&mut schema, more) {
        schema.extend(more);
    }
    schema
}
