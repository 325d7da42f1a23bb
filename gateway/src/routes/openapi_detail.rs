//! The parts of OpenAPI that the types cannot express: forms of ids and parameters, bounds, headers.

mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{ReplyDoc, Route};
use crate::base::scope::Scope;
use crate::delivery::log::ErrorCode;

const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const EXAMPLE_UUID: &str = "0198c0de-0000-7000-8000-000000000001";
const EVENT_TYPE: &str = r"^[a-z0-9_]+(\.[a-z0-9_]+)+$";
/// A type, every type, or every one that begins so.
const SELECTOR: &str = r"^(\*|[a-z0-9_]+(\.[a-z0-9_]+)*\.(\*|[a-z0-9_]+))$";
/// At least one character that is no blank, and no U+0000.
const NOT_BLANK: &str = r"^[^\u0000]*[^\s\u0000][^\u0000]*$";
const NET: &str = "^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(/(3[0-2]|[12]?[0-9]))?$";
/// Objects within bodies, which take no other fields either.
const PARTS_OF_BODIES: [&str; 4] = ["Link", "Faq", "SetOverride", "PreviewEvent"];
/// One punctuation mark but the quote, a blank, or the word for a tabulator.
const DELIMITER: &str = r"^([\t !#-/:-@\[-`{-~]|[Tt][Aa][Bb])$";
const HEADER_NAME: &str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";
/// Visible ASCII, or the mask, which keeps the value that is stored.
const HEADER_VALUE: &str = "^([\\x20-\\x7e]*|\u{2022}{4})$";

/// The form of a parameter in the path.
pub(super) fn path_parameter(path: &str, name: &str) -> Value {
    let prefix = match path.trim_start_matches("/v1/").split('/').next() {
        Some("api-keys") => "key_",
        Some("console-links") => "lnk_",
        Some("webhooks") => "wh_",
        Some("deliveries") => "dlv_",
        Some("rules") => "rule_",
        Some("sentries") => "sen_",
        Some("hoots") => "hoot_",
        Some("connectors") => {
            return json!({
                "name": name, "in": "path", "required": true,
                "schema": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
                "example": "http",
            });
        }
        Some("sources") => "src_",
        Some("receipts") => "rcp_",
        // An event is found by the client's own id too.
        Some("events") => {
            return json!({
                "name": name, "in": "path", "required": true,
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"},
                "example": format!("evt_{EXAMPLE_UUID}"),
            });
        }
        _ => return json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}),
    };
    json!({
        "name": name, "in": "path", "required": true,
        "schema": {"type": "string", "pattern": format!("^{prefix}{UUID}$")},
        "example": format!("{prefix}{EXAMPLE_UUID}"),
    })
}

/// The form of a parameter in the query.
pub(super) fn query_parameter(path: &str, name: &str, description: &str) -> Value {
    let schema = match name {
        "since" | "until" => json!({"type": "string", "format": "date-time"}),
        // One that names none finds nothing.
        "type" if path.ends_with("deliveries") => {
            json!({"type": "string", "pattern": "^[a-z0-9_.]{1,100}$", "examples": ["deal.won"]})
        }
        "type" => json!({"type": "string", "pattern": EVENT_TYPE, "examples": ["deal.won"]}),
        "state" => json!({"type": "string", "enum": super::openapi_sentries::states(path)}),
        "range" if path == "/v1/webhooks/{id}/stats" => {
            json!({"type": "string", "enum": ["24h", "7d", "30d"], "default": "24h"})
        }
        "range" => json!({"type": "string", "enum": ["24h", "7d", "30d", "90d"]}),
        "active" | "upsert" | "dry_run" | "original" | "matched" | "enabled" | "private_entry" => {
            json!({"type": "boolean"})
        }
        "object" => json!({"type": "string", "enum": ["contact", "account", "deal", "product"]}),
        "mode" => json!({"type": "string", "enum": ["upsert", "create", "update"]}),
        "date_order" => json!({"type": "string", "enum": ["mdy", "dmy"]}),
        "decimal" => json!({"type": "string", "enum": [".", ","]}),
        "delimiter" => json!({"type": "string", "pattern": DELIMITER, "examples": [";"]}),
        "events" => json!({"type": "string", "enum": ["summary", "each"]}),
        "status" if path == "/v1/crm/deals" => json!({"type": "string", "enum": ["open", "won", "lost"]}),
        "status" => json!({
            "type": "string",
            "pattern": "^(pending|succeeded|failed)(,(pending|succeeded|failed))*$",
        }),
        "outcome" => super::integrations::openapi::outcomes(),
        "webhook_id" => json!({"type": "string", "pattern": format!("^wh_{UUID}$")}),
        "event_id" => json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"}),
        "status_code" => json!({"type": "integer", "minimum": 100, "maximum": 999}),
        "error_code" => {
            let names: Vec<&str> = ErrorCode::ALL.into_iter().map(ErrorCode::name).collect();
            json!({"type": "string", "enum": names})
        }
        _ => json!({"type": "string", "pattern": r"^[^\u0000]*$"}),
    };
    json!({"name": name, "in": "query", "description": description, "schema": schema})
}

/// The headers of a successful reply.
pub(super) fn success_headers(route: &Route) -> Value {
    let mut headers = request_id();
    if route.takes_idempotency_key() {
        headers.insert(
            "Idempotent-Replayed".into(),
            json!({
                "description": "The request was made before with this Idempotency-Key; this is its reply.",
                "schema": {"type": "string", "const": "true"},
            }),
        );
    }
    if holds_secret(route) {
        headers.insert(
            "Cache-Control".into(),
            json!({"required": true, "schema": {"type": "string", "const": "no-store"}}),
        );
    }
    Value::Object(headers)
}

fn holds_secret(route: &Route) -> bool {
    match &route.reply {
        ReplyDoc::One(schema) => {
            let with_secrets = [
                "CreatedApiKey",
                "CreatedConsoleLink",
                "WebhookWithSecret",
                "SourceWithSecrets",
            ];
            with_secrets.contains(&schema.name.as_str())
        }
        _ => false,
    }
}

/// The headers of an error.
pub(super) fn problem_headers(status: u16) -> Value {
    let mut headers = request_id();
    let challenge = json!({
        "description": "RFC 6750.", "required": status == 401,
        "schema": {"type": "string", "pattern": "^Bearer realm=\"gateway\""},
    });
    let wait = json!({
        "description": "Seconds.", "required": true,
        "schema": {"type": "integer", "minimum": 1},
    });
    match status {
        401 | 403 => drop(headers.insert("WWW-Authenticate".into(), challenge)),
        429 => {
            headers.insert("Retry-After".into(), wait);
            for name in ["RateLimit", "RateLimit-Policy"] {
                let draft = "draft-ietf-httpapi-ratelimit-headers-10";
                let header = json!({"description": draft, "required": true, "schema": {"type": "string"}});
                headers.insert(name.into(), header);
            }
        }
        503 => drop(headers.insert("Retry-After".into(), wait)),
        _ => {}
    }
    Value::Object(headers)
}

fn request_id() -> Map<String, Value> {
    let schema = json!({"type": "string", "minLength": 1, "maxLength": 128});
    let header =
        json!({"description": "The request's own, or one made here.", "required": true, "schema": schema});
    Map::from_iter([("X-Request-Id".to_owned(), header)])
}

/// Bounds that requests are held to and that their types do not say.
pub(super) fn refine(schemas: &mut BTreeMap<String, Value>, bodies: &BTreeSet<String>) {
    for name in bodies.iter().map(String::as_str).chain(PARTS_OF_BODIES) {
        if let Some(schema) = schemas.get_mut(name) {
            schema["additionalProperties"] = json!(false);
        }
    }
    for (schema, property, bounds) in refinements() {
        let found = schemas
            .get_mut(schema)
            .and_then(|schema| schema.get_mut("properties")?.get_mut(property));
        if let (Some(Value::Object(found)), Value::Object(bounds)) = (found, bounds) {
            found.extend(bounds);
        }
    }
}

/// Schema, property, and what is added to it.
fn refinements() -> Vec<(&'static str, &'static str, Value)> {
    let scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    let event_types = json!({"type": "string", "pattern": SELECTOR});
    let headers = json!({
        "maxProperties": 20,
        "propertyNames": {"pattern": HEADER_NAME},
        "additionalProperties": {"type": "string", "maxLength": 4000, "pattern": HEADER_VALUE},
    });
    let text = json!({"pattern": NOT_BLANK});
    // What a PATCH may set but not clear.
    let named = json!({"type": "string", "pattern": NOT_BLANK});
    let url = json!({"type": "string", "pattern": "^https?://", "example": "https://example.com/hooks"});
    let no_nul = json!({"pattern": r"^[^\u0000]*$"});
    let filter = super::openapi_filter::schema();
    let event_type = json!({"pattern": EVENT_TYPE, "example": "deal.won"});
    let open = json!({"additionalProperties": true});
    let mapping = json!({"additionalProperties": {"type": ["string", "null"]}});
    let refinements = [
        // Objects whose fields others choose: generators take one without this for an empty object.
        ("CreateEvent", "data", open.clone()),
        ("ShownEvent", "data", open.clone()),
        ("Webhook", "filter", open),
        ("Job", "mapping", mapping.clone()),
        ("RunOrder", "mapping", mapping),
        ("Job", "undo", undone()),
        (
            "Entry",
            "changes",
            json!({"additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2, "items": {}}}),
        ),
        ("CreateApiKey", "name", text.clone()),
        (
            "CreateApiKey",
            "scopes",
            json!({
                "uniqueItems": true, "maxItems": scopes.len(), "items": {"type": "string", "enum": scopes},
                "example": ["crm:read"],
            }),
        ),
        (
            "CreateApiKey",
            "expires_at",
            json!({"example": "2999-01-01T00:00:00Z"}),
        ),
        (
            "CreateApiKey",
            "ip_allowlist",
            json!({
                "uniqueItems": true, "items": {"type": "string", "anyOf": [{"pattern": NET}, {"format": "ipv6"}]},
                "example": ["192.0.2.0/24"],
            }),
        ),
        ("CreateEvent", "type", event_type.clone()),
        ("CreateEvent", "id", json!({"not": {"const": "batch"}})),
        ("CreateEventType", "description", no_nul.clone()),
        ("CreateWebhook", "name", text.clone()),
        ("CreateWebhook", "url", url.clone()),
        (
            "CreateWebhook",
            "events",
            json!({"uniqueItems": true, "items": event_types, "example": ["deal.won"]}),
        ),
        ("CreateWebhook", "filter", filter.clone()),
        ("CreateWebhook", "description", no_nul.clone()),
        ("CreateWebhook", "headers", headers.clone()),
        ("UpdateWebhook", "name", named),
        ("UpdateWebhook", "url", url),
        (
            "UpdateWebhook",
            "events",
            json!({
                "type": "array", "uniqueItems": true, "items": event_types, "example": ["deal.won"],
            }),
        ),
        ("UpdateWebhook", "filter", filter),
        ("UpdateWebhook", "description", no_nul),
        ("UpdateWebhook", "headers", headers),
        ("UpdateWebhook", "enabled", json!({"type": "boolean"})),
        ("TestWebhook", "type", event_type),
    ];
    let of_features = super::openapi_sentries::refinements()
        .into_iter()
        .chain(super::integrations::openapi::refinements(NET))
        .chain(rules::refinements());
    refinements.into_iter().chain(of_features).collect()
}

/// What an undo did.
fn undone() -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    json!({
        "required": ["removed", "restored", "left", "at"],
        "properties": {
            "removed": count, "restored": count,
            "left": {
                "type": "array",
                "items": {
                    "type": "object", "required": ["id", "reason"],
                    "properties": {"id": {"type": "string"}, "reason": {"type": "string"}},
                },
            },
            "at": {"type": "string", "format": "date-time"},
        },
    })
}

#[cfg(test)]
mod tests;
