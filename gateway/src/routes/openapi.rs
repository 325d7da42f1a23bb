//! OpenAPI 3.1 from the table of routes, and a page that shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use serde_json::{Map, Value, json};

use super::{ReplyDoc, Route, SchemaDoc, openapi_detail, routes};
use crate::base::page::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::http::problem::Code;
use crate::http::reply::Reply;

/// Errors of every route under `/v1`.
const COMMON: &[Code] = &[
    Code::KeyMissing,
    Code::KeyInvalid,
    Code::KeyExpired,
    Code::KeyRevoked,
    Code::IpNotAllowed,
    Code::ValidationFailed,
    Code::RateLimited,
    Code::Internal,
    Code::Unavailable,
];
const WITH_BODY: &[Code] = &[
    Code::BadRequest,
    Code::MalformedJson,
    Code::BodyTimeout,
    Code::TooLarge,
    Code::MediaTypeUnsupported,
];
const OF_POSTS: &[Code] = &[Code::IdempotencyRunning, Code::IdempotencyMismatch];

/// The documents that need no key: the OpenAPI file and the page that shows it.
pub fn document(path: &str) -> Option<Reply> {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    static PAGE: OnceLock<Bytes> = OnceLock::new();
    match path {
        "/openapi.json" => {
            let text = TEXT.get_or_init(|| text().into()).clone();
            Some(Reply::of(StatusCode::OK, "application/json", text))
        }
        "/docs" => {
            let page = PAGE.get_or_init(|| super::openapi_page::page().into()).clone();
            let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
            let reply = Reply::of(StatusCode::OK, "text/html; charset=utf-8", page);
            Some(reply.with_header(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)))
        }
        _ => None,
    }
}

/// The whole file, as `gateway openapi` prints it.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&specification()).unwrap_or_default();
    text.push('\n');
    text
}

fn specification() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    schemas.insert("Problem".into(), problem_schema());
    let mut bodies = BTreeSet::new();
    for route in routes() {
        bodies.extend(route.body.iter().map(|(body, _)| body.name.clone()));
        let operation = operation(&route, &mut schemas);
        let method = route.method.as_str().to_ascii_lowercase();
        paths.entry(route.path).or_default().insert(method, operation);
    }
    openapi_detail::refine(&mut schemas, &bodies);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sentinel Gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "API keys, signed webhooks and CSV ingest on PostgreSQL.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "sk_ and 64 lower-case hexadecimal characters",
                },
            },
        },
    })
}

fn operation(route: &Route, schemas: &mut BTreeMap<String, Value>) -> Value {
    let scopes: Vec<&str> = route.access.scopes().iter().map(|scope| scope.name()).collect();
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [tag(route.path)],
        "security": [{"bearer": scopes}],
        "parameters": parameters(route),
        "responses": responses(route, schemas),
    });
    if let Some((body, is_required)) = &route.body {
        operation["requestBody"] = json!({
            "required": is_required,
            "content": {route.media_type: {"schema": reference(body, schemas)}},
        });
    }
    if route.takes_forms {
        let schema = operation["requestBody"]["content"][route.media_type].clone();
        for form in ["application/x-www-form-urlencoded", "multipart/form-data"] {
            operation["requestBody"]["content"][form] = schema.clone();
        }
    }
    if route.uploads {
        let file = json!({"type": "string", "format": "binary"});
        let fields = form_fields(route, &file);
        operation["requestBody"] = json!({
            "required": true,
            "content": {
                "text/csv": {"schema": file},
                "multipart/form-data": {
                    "schema": {"type": "object", "required": ["file"], "properties": fields},
                },
            },
        });
    }
    operation
}

/// The parts of an upload's form: parameters of the query may stand before the file.
fn form_fields(route: &Route, file: &Value) -> Value {
    let parameters = route.query.iter().filter(|(name, _)| *name != "filename");
    let mut fields: serde_json::Map<String, Value> = parameters
        .map(|(name, description)| {
            let parameter = openapi_detail::query_parameter(route.path, name, description);
            ((*name).to_owned(), parameter["schema"].clone())
        })
        .collect();
    fields.insert("file".to_owned(), file.clone());
    Value::Object(fields)
}

/// `create_api_keys_revoke` and the like: the method's word and the path's.
fn operation_id(route: &Route) -> String {
    let words = route
        .path
        .trim_start_matches("/v1/")
        .replace(['/', '-'], "_")
        .replace(['{', '}'], "");
    format!("{}_{words}", route.method.as_str().to_ascii_lowercase())
}

fn tag(path: &str) -> &str {
    path.trim_start_matches("/v1/")
        .split('/')
        .next()
        .unwrap_or_default()
}

fn parameters(route: &Route) -> Vec<Value> {
    let mut parameters = Vec::new();
    for name in route.path.split('/').filter_map(|part| part.strip_prefix('{')) {
        let name = name.trim_end_matches('}');
        parameters.push(openapi_detail::path_parameter(route.path, name));
    }
    for (name, description) in route.query {
        parameters.push(openapi_detail::query_parameter(route.path, name, description));
    }
    if matches!(route.reply, ReplyDoc::Page(_)) {
        let limit = json!({
            "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT,
        });
        parameters.push(json!({"name": "limit", "in": "query", "schema": limit}));
        parameters.push(json!({
            "name": "cursor", "in": "query", "schema": {"type": "string"},
            "description": "The `next_cursor` of the page before.",
        }));
    }
    if route.defers {
        parameters.push(json!({
            "name": "Prefer", "in": "header",
            "description": "`respond-async`: the reply is a 202 as soon as the upload is stored (RFC 7240).",
            "schema": {"type": "string", "examples": ["respond-async"]},
        }));
    }
    if route.takes_idempotency_key() {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "The same key and body within 24 hours give the first reply again.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }));
    }
    parameters
}

fn responses(route: &Route, schemas: &mut BTreeMap<String, Value>) -> Value {
    let mut responses = Map::new();
    let headers = openapi_detail::success_headers(route);
    let mut success = json!({"description": "Success", "headers": headers});
    if let Some((media_type, schema)) = reply_content(&route.reply, schemas) {
        success["content"] = json!({media_type: {"schema": schema}});
    }
    // A record that was there already is no new one.
    if route.query.iter().any(|(name, _)| *name == "upsert") {
        responses.insert("200".into(), success.clone());
    }
    if route.counts {
        let mut counted = success.clone();
        counted["description"] = json!("The number alone, as `dry_run` asked; nothing is done.");
        responses.insert("200".into(), counted);
    }
    if route.defers {
        let mut deferred = success.clone();
        deferred["description"] =
            json!("The upload is stored, as `Prefer: respond-async` asked; the job runs on.");
        responses.insert("202".into(), deferred);
    }
    responses.insert(route.status.to_string(), success);
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in codes(route) {
        let names = by_status.entry(code.status()).or_default();
        if !names.contains(&code.name()) {
            names.push(code.name());
        }
    }
    for (status, names) in by_status {
        let response = json!({
            "description": format!("`{}`", names.join("`, `")),
            "headers": openapi_detail::problem_headers(status),
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
            },
        });
        responses.insert(status.to_string(), response);
    }
    Value::Object(responses)
}

fn codes(route: &Route) -> Vec<Code> {
    let mut codes = COMMON.to_vec();
    codes.extend_from_slice(route.errors);
    if !route.access.scopes().is_empty() {
        codes.push(Code::ScopeMissing);
    }
    if route.path.contains('{') {
        codes.push(Code::NotFound);
    }
    if matches!(route.reply, ReplyDoc::Page(_)) {
        codes.push(Code::CursorInvalid);
    }
    if route.takes_idempotency_key() {
        codes.extend_from_slice(OF_POSTS);
    }
    if matches!(route.method, http::Method::POST | http::Method::PATCH) {
        codes.extend_from_slice(WITH_BODY);
    }
    codes
}

/// A reply's media type and schema.
fn reply_content(reply: &ReplyDoc, schemas: &mut BTreeMap<String, Value>) -> Option<(&'static str, Value)> {
    let schema = match reply {
        ReplyDoc::Nothing => None,
        // Some readers apply the schema to the stream, others to each of its events, so it says nothing of either.
        ReplyDoc::Text(media_type @ "text/event-stream") => return Some((media_type, json!({}))),
        ReplyDoc::Text(media_type) => return Some((media_type, json!({"type": "string"}))),
        ReplyDoc::One(schema) => Some(reference(schema, schemas)),
        ReplyDoc::All(schema) => Some(json!({
            "type": "object", "required": ["data"],
            "properties": {"data": {"type": "array", "items": reference(schema, schemas)}},
        })),
        ReplyDoc::Page(schema) => Some(json!({
            "type": "object", "required": ["data", "next_cursor"],
            "properties": {
                "data": {"type": "array", "items": reference(schema, schemas)},
                "next_cursor": {"type": ["string", "null"]},
            },
        })),
    };
    schema.map(|schema| ("application/json", schema))
}

fn reference(schema: &SchemaDoc, schemas: &mut BTreeMap<String, Value>) -> Value {
    for (name, schema) in &schema.schemas {
        schemas
            .entry(name.clone())
            .or_insert_with(|| serde_json::to_value(schema).unwrap_or_default());
    }
    json!({"$ref": format!("#/components/schemas/{}", schema.name)})
}

fn problem_schema() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    json!({
        "type": "object",
        "description": "RFC 9457.",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string", "enum": codes},
            "request_id": {"type": "string"},
            "id": {"type": "string", "description": "The other record in a conflict."},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["location", "code", "message"],
                    "properties": {
                        "location": {"type": "string", "examples": ["body.events[0]"]},
                        "code": {"type": "string"},
                        "message": {"type": "string"},
                    },
                },
            },
        },
    })
}
