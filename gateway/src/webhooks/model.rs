//! Webhooks as the API shows and takes them.

use std::collections::BTreeMap;

use http::HeaderName;
use serde::Serialize;

use crate::base::clock::Millis;
use crate::base::id::WebhookId;
use crate::events::selection::event_types;
use crate::events::types::TypeNames;
use crate::filter::{Filter, FilterText};
use crate::http::fields::{self, Fields};
use crate::http::json::Node;
use crate::outbound::target::Target;

/// Most characters of a name.
pub const MAX_NAME_CHARS: usize = 200;
const MAX_DESCRIPTION_CHARS: usize = 4_000;
const MAX_HEADERS: usize = 20;
const MAX_HEADER_VALUE: usize = 4_000;
/// Most requests a second that can be asked for.
pub const MAX_RATE: i64 = 1_000_000;
/// The longest filter, in bytes.
pub const MAX_FILTER_BYTES: usize = 64 * 1024;
/// The fault of a mask that has no stored value behind it.
pub const NOTHING_MASKED: &str =
    "has the mask as its value, and there is no stored value that it could stand for";
/// The mask shown in place of a header's value, which may be a credential.
pub const MASK: &str = "••••";

/// A URL whose query, which may hold a credential, is masked.
pub fn masked_url(url: &str) -> String {
    match url.split_once('?') {
        Some((place, _)) => format!("{place}?{MASK}"),
        None => url.to_owned(),
    }
}

/// The `ordering` of an endpoint to which events go as they come.
pub const UNORDERED: &str = "none";
/// The `ordering` of an endpoint to which events of one key go one after another.
pub const BY_KEY: &str = "by_key";

/// A webhook without its secrets.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Webhook {
    #[schema(value_type = String, example = "wh_0198c0de-0000-7000-8000-000000000001")]
    pub id: WebhookId,
    pub name: String,
    pub url: String,
    pub events: Vec<String>,
    /// Which events of these types, by their data; null is all of them.
    #[schema(value_type = Option<Object>)]
    pub filter: Option<FilterText>,
    pub description: Option<String>,
    /// Names of the headers that are sent along; their values are masked.
    pub headers: BTreeMap<String, String>,
    pub max_attempts: Option<u16>,
    pub timeout_seconds: Option<u16>,
    pub rate_limit_per_second: Option<u32>,
    /// `none`, or `by_key`: events of one `ordering_key` come one after another.
    pub ordering: String,
    pub enabled: bool,
    /// `healthy`, `failing` or `paused`.
    pub health: String,
    pub disabled_reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Millis,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Millis,
}

/// A webhook with its secret, in both forms. In a replay both are `null`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct WebhookWithSecret {
    #[serde(flatten)]
    pub object: Webhook,
    /// 64 hexadecimal characters: the key of `X-Sentinel-Signature`.
    pub secret: Option<String>,
    /// `whsec_` and base64 of the same bytes: the secret of Standard Webhooks.
    pub standard_secret: Option<String>,
    /// After a rotation: the secret before, which still signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_standard_secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub previous_secret_expires_at: Option<Millis>,
}

/// The body of `POST /v1/webhooks`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct CreateWebhook {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// http or https; its address must be public unless the operator allows it.
    #[schema(example = "https://example.com/hooks")]
    url: String,
    /// Event types, `"stripe.*"` for every one that begins so, or `["*"]` for every one.
    #[schema(min_items = 1, max_items = 200)]
    events: Vec<String>,
    /// Only events whose data is so, such as `{"deal.stage": "won"}`; docs/filters.md has the forms.
    #[schema(value_type = Option<Object>)]
    filter: Option<FilterText>,
    #[schema(max_length = 4000)]
    description: Option<String>,
    /// At most 20 headers that are sent along, in visible ASCII; `User-Agent` may be one of them.
    headers: Option<BTreeMap<String, String>>,
    #[schema(minimum = 1, maximum = 50)]
    max_attempts: Option<u16>,
    #[schema(minimum = 1, maximum = 60)]
    timeout_seconds: Option<u16>,
    #[schema(minimum = 1, maximum = 1_000_000)]
    rate_limit_per_second: Option<u32>,
    /// `none` (the default) or `by_key`: events of one `ordering_key` are delivered one after another.
    #[schema(nullable = false, pattern = "^(none|by_key)$")]
    ordering: Option<String>,
}

/// The body of `PATCH /v1/webhooks/{id}`: any of the fields.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct UpdateWebhook {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    url: Option<String>,
    #[schema(min_items = 1, max_items = 200)]
    events: Option<Vec<String>>,
    /// Replaces the filter; null removes it.
    #[schema(value_type = Option<Object>)]
    filter: Option<FilterText>,
    #[schema(max_length = 4000)]
    description: Option<String>,
    /// Replaces all headers; one with the masked value that a reply shows stays as it is.
    headers: Option<BTreeMap<String, String>>,
    #[schema(minimum = 1, maximum = 50)]
    max_attempts: Option<u16>,
    #[schema(minimum = 1, maximum = 60)]
    timeout_seconds: Option<u16>,
    #[schema(minimum = 1, maximum = 1_000_000)]
    rate_limit_per_second: Option<u32>,
    /// `none` or `by_key`; it holds for events that are accepted from then on.
    #[schema(nullable = false, pattern = "^(none|by_key)$")]
    ordering: Option<String>,
    enabled: Option<bool>,
}

/// The body of `POST /v1/webhooks/{id}/rotate-secret`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct RotateSecret {
    /// How long the old secret signs too; 86400 if absent.
    #[schema(minimum = 0, maximum = 604_800)]
    overlap_seconds: Option<u32>,
}

/// What a request sets: `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Default)]
pub struct Draft {
    pub name: Option<String>,
    pub url: Option<Target>,
    pub events: Option<Vec<String>>,
    pub filter: Option<Option<FilterText>>,
    pub description: Option<Option<String>>,
    /// Names and values; without a value the stored one stays.
    pub headers: Option<Vec<(String, Option<String>)>>,
    pub max_attempts: Option<Option<u16>>,
    pub timeout_seconds: Option<Option<u16>>,
    pub rate_limit_per_second: Option<Option<u32>>,
    pub ordering: Option<String>,
    pub enabled: Option<bool>,
    pub faults: fields::Faults,
    /// Set apart, because a bad URL has a code of its own.
    pub url_faults: fields::Faults,
}

impl Draft {
    /// Reads a creation or, with the names of the stored headers, a change.
    pub fn read(body: Node, stored_headers: Option<&[String]>, types: &TypeNames) -> Self {
        let is_patch = stored_headers.is_some();
        let mut fields = Fields::of(body);
        let mut draft = Self::default();
        let read_types = event_types(types);
        if is_patch {
            draft.name = fields.set("name", fields::text(1, MAX_NAME_CHARS));
            draft.events = fields.set("events", read_types);
            draft.enabled = fields.set("enabled", fields::boolean);
            draft.ordering = fields.set("ordering", read_ordering);
        } else {
            draft.name = fields.required("name", fields::text(1, MAX_NAME_CHARS));
            draft.events = fields.required("events", read_types);
            draft.ordering = fields.optional("ordering", read_ordering);
        }
        draft.read_url(&mut fields, is_patch);
        draft.filter = fields.patched("filter", read_filter);
        draft.description = fields.patched("description", fields::text(0, MAX_DESCRIPTION_CHARS));
        draft.headers = fields
            .patched("headers", |fields, name, node| {
                read_headers(fields, name, node, stored_headers.unwrap_or_default())
            })
            .map(Option::unwrap_or_default);
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

    fn read_url(&mut self, fields: &mut Fields, is_patch: bool) {
        let read = |_: &mut Fields, _: &str, node| Some(node);
        let node = match is_patch {
            true => fields.take("url"),
            false => fields.required("url", read),
        };
        match node {
            None => {}
            Some(Node::Text(text)) => match Target::parse(&text) {
                Ok(target) => self.url = Some(target),
                Err(fault) => self.url_faults.add("body.url", "url_invalid", fault.to_string()),
            },
            Some(_) => fields.fault("url", "invalid_type", "expected a string"),
        }
    }
}

/// Reads a filter, and checks that it compiles.
pub fn read_filter(fields: &mut Fields, name: &str, node: Node) -> Option<FilterText> {
    let text = FilterText::of(&node)?;
    if text.as_str().len() > MAX_FILTER_BYTES {
        let message = format!("expected at most {MAX_FILTER_BYTES} bytes");
        fields.fault(name, "invalid_length", message);
        return None;
    }
    Filter::read(&node, &format!("body.{name}"), &mut fields.faults).map(|_| text)
}

/// Reads an order of deliveries.
pub fn read_ordering(fields: &mut Fields, name: &str, node: Node) -> Option<String> {
    match node {
        Node::Text(text) if text == UNORDERED || text == BY_KEY => Some(text),
        _ => {
            fields.fault(name, "invalid_choice", "expected none or by_key");
            None
        }
    }
}

type HeaderDrafts = Vec<(String, Option<String>)>;

fn read_headers(fields: &mut Fields, name: &str, node: Node, stored: &[String]) -> Option<HeaderDrafts> {
    let Node::Object(members) = node else {
        fields.fault(name, "invalid_type", "expected an object of strings");
        return None;
    };
    if members.len() > MAX_HEADERS {
        fields.fault(
            name,
            "invalid_length",
            format!("expected at most {MAX_HEADERS} headers"),
        );
        return None;
    }
    let mut headers = HeaderDrafts::with_capacity(members.len());
    for (header, value) in members {
        let shown: String = header.chars().take(100).collect();
        let place = format!("{name}.{shown}");
        match check_header(&header, &value, stored) {
            Ok(value)
                if headers
                    .iter()
                    .any(|(known, _)| known.eq_ignore_ascii_case(&header)) =>
            {
                drop(value);
                fields.fault(&place, "duplicate", "occurs twice");
            }
            Ok(value) => headers.push((header, value)),
            Err(message) => fields.fault(&place, "invalid_header", message),
        }
    }
    Some(headers)
}

/// The value, or none if the stored one stays.
fn check_header(name: &str, value: &Node, stored: &[String]) -> Result<Option<String>, &'static str> {
    let parsed = HeaderName::try_from(name).map_err(|_| "is no header name")?;
    let parsed = parsed.as_str();
    let is_ours = matches!(
        parsed,
        "host" | "transfer-encoding" | "connection" | "te" | "trailer" | "upgrade" | "keep-alive" | "expect"
    ) || ["content-", "proxy-", "webhook-", "x-sentinel-"]
        .iter()
        .any(|prefix| parsed.starts_with(prefix));
    if is_ours {
        return Err("is set by the gateway itself");
    }
    let Node::Text(text) = value else {
        return Err("expected a string");
    };
    if text == MASK {
        let is_stored = stored.iter().any(|known| known.eq_ignore_ascii_case(name));
        return match is_stored {
            true => Ok(None),
            false => Err(NOTHING_MASKED),
        };
    }
    if text.len() > MAX_HEADER_VALUE {
        return Err("has a value that is too long");
    }
    match text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        true => Ok(Some(text.clone())),
        false => Err("has a value with other characters than visible ASCII"),
    }
}
