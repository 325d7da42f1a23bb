//! Rules as the API shows and takes them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{ConnectionId, DestinationId, RuleId};
use crate::delivery::engine::breaker::HealthState;
use crate::filter::FilterText;

/// What to do when a request went out and no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unsure {
    /// Try again: the receiver may do it twice.
    Retry,
    /// End the delivery: the receiver may never have done it.
    Stop,
}

impl Unsure {
    /// The public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Stop => "stop",
        }
    }

    /// What that name means.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "retry" => Some(Self::Retry),
            "stop" => Some(Self::Stop),
            _ => None,
        }
    }
}

/// A rule.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Rule {
    #[schema(value_type = String, example = "rule_0198c0de-0000-7000-8000-000000000001")]
    pub id: RuleId,
    pub name: String,
    pub events: Vec<String>,
    /// Which events of these types, by their data; null is all of them.
    #[schema(value_type = Option<Object>)]
    pub filter: Option<FilterText>,
    /// A connector and one of its actions.
    #[schema(example = "http.request")]
    pub action: String,
    #[schema(value_type = Option<String>)]
    pub connection_id: Option<ConnectionId>,
    /// What the action gets, as it was given: literals and templates.
    #[schema(value_type = Object)]
    pub input: Box<RawValue>,
    /// `none`, or `by_key`: events of one `ordering_key` come one after another.
    pub ordering: String,
    /// What to do when a request went out and no answer came; null is the action's default.
    pub unsure: Option<Unsure>,
    /// Whether each success is an event, `rule.succeeded`.
    pub emit_result: bool,
    pub max_attempts: Option<u16>,
    pub timeout_seconds: Option<u16>,
    pub rate_limit_per_second: Option<u32>,
    pub enabled: bool,
    /// `healthy`, `failing` or `paused`.
    pub health: String,
    pub disabled_reason: Option<String>,
    /// Goes up with every change.
    pub revision: i32,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Millis,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Millis,
}

/// A rule as the database keeps it.
#[derive(Debug, Clone)]
pub struct StoredRule {
    pub workspace: WorkspaceId,
    pub shown: Rule,
    pub health: HealthState,
}

/// The id under which deliveries know a rule.
pub const fn destination_of(id: RuleId) -> DestinationId {
    DestinationId::from_uuid(id.uuid())
}

/// The body of `POST /v1/rules`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct CreateRule {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Event types, `"stripe.*"` for every one that begins so, or `["*"]` for every one.
    #[schema(min_items = 1, max_items = 200)]
    events: Vec<String>,
    /// Only events whose data is so, such as `{"deal.stage": "won"}`; docs/filters.md has the forms.
    #[schema(value_type = Option<Object>)]
    filter: Option<FilterText>,
    /// A connector and one of its actions; `GET /v1/connectors` has them.
    #[schema(
        pattern = "^[a-z][a-z0-9_]*\\.[a-z][a-z0-9_]*$",
        max_length = 200,
        example = "http.request"
    )]
    action: String,
    /// For actions that need a credential.
    #[schema(pattern = "^conn_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    connection_id: Option<String>,
    /// Literals and templates, such as `{"url": "https://example.com/{{data.id}}"}`.
    #[schema(value_type = Object)]
    input: BTreeMap<String, String>,
    /// `none` (the default) or `by_key`: events of one `ordering_key` are acted on one after another.
    #[schema(nullable = false, pattern = "^(none|by_key)$")]
    ordering: Option<String>,
    /// `retry` or `stop`: what to do when a request went out and no answer came.
    unsure: Option<Unsure>,
    /// Whether each success is an event, `rule.succeeded`, for other rules to go on with.
    #[schema(nullable = false)]
    emit_result: Option<bool>,
    #[schema(minimum = 1, maximum = 50)]
    max_attempts: Option<u16>,
    #[schema(minimum = 1, maximum = 60)]
    timeout_seconds: Option<u16>,
    #[schema(minimum = 1, maximum = 1_000_000)]
    rate_limit_per_second: Option<u32>,
}

/// The body of `PATCH /v1/rules/{id}`: any of the fields.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct UpdateRule {
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    #[schema(nullable = false, min_items = 1, max_items = 200)]
    events: Option<Vec<String>>,
    /// Replaces the filter; null removes it.
    #[schema(value_type = Option<Object>)]
    filter: Option<FilterText>,
    #[schema(
        nullable = false,
        pattern = "^[a-z][a-z0-9_]*\\.[a-z][a-z0-9_]*$",
        max_length = 200
    )]
    action: Option<String>,
    #[schema(pattern = "^conn_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    connection_id: Option<String>,
    /// Replaces all inputs.
    #[schema(value_type = Object, nullable = false)]
    input: Option<BTreeMap<String, String>>,
    #[schema(nullable = false, pattern = "^(none|by_key)$")]
    ordering: Option<String>,
    unsure: Option<Unsure>,
    #[schema(nullable = false)]
    emit_result: Option<bool>,
    #[schema(minimum = 1, maximum = 50)]
    max_attempts: Option<u16>,
    #[schema(minimum = 1, maximum = 60)]
    timeout_seconds: Option<u16>,
    #[schema(minimum = 1, maximum = 1_000_000)]
    rate_limit_per_second: Option<u32>,
    #[schema(nullable = false)]
    enabled: Option<bool>,
}
