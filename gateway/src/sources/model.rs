//! Sources as the API shows them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::connector::Connector;
use super::secret::{self, StoredSecret};
use super::status::{self, Activity, Status};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::SourceId;
use crate::filter::FilterText;
use crate::vault::Vault;

/// Requests a second that a source takes on each instance, unless it says otherwise.
pub const DEFAULT_RATE: u32 = 500;

/// A secret without its value.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ShownSecret {
    /// The end of the value; nothing of a short one.
    pub hint: String,
    #[schema(value_type = String, format = DateTime)]
    pub set_at: Millis,
    /// Until when the value before it verifies too.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub previous_until: Option<Millis>,
}

/// A secret that a handshake handed out, until it is confirmed.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ShownHandshake {
    /// To be given to the vendor.
    pub token: String,
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Millis,
}

/// A subscription that the gateway keeps at the vendor.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Subscription {
    pub id: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Millis>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub renews_at: Option<Millis>,
    pub error: Option<String>,
}

/// What a source is, its secrets aside.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SourceParts {
    #[schema(value_type = String, example = "src_0198c0de-0000-7000-8000-000000000001")]
    pub id: SourceId,
    pub name: String,
    pub connector: String,
    /// Where the vendor sends to. Whoever knows it can send, but nothing is taken without a valid signature.
    pub url: String,
    pub enabled: bool,
    pub status: Status,
    pub status_detail: Option<String>,
    /// Values as texts; flags are `true` or `false`.
    #[schema(value_type = BTreeMap<String, String>)]
    pub options: BTreeMap<String, OptionValue>,
    /// Which requests become events, by what the event's data would be; null is all of them.
    #[schema(value_type = Option<Object>)]
    pub filter: Option<FilterText>,
    pub connection_id: Option<String>,
    pub rate_limit_per_second: Option<u32>,
    pub ip_allowlist: Vec<String>,
    pub subscription: Option<Subscription>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_accepted_at: Option<Millis>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_refused_at: Option<Millis>,
    pub accepted_24h: u64,
    pub refused_24h: u64,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Millis,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Millis,
}

/// The value of an option.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum OptionValue {
    Flag(bool),
    Text(String),
}

/// A source without the values of its secrets.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Source {
    #[serde(flatten)]
    pub parts: SourceParts,
    /// By name; those that are not set are absent.
    pub secrets: BTreeMap<String, ShownSecret>,
    /// The secret that a handshake handed out, for keys with `webhooks:write`, until it is confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake: Option<ShownHandshake>,
}

/// A source with the secrets that the gateway made just now. In a replay they are null.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SourceWithSecrets {
    #[serde(flatten)]
    pub parts: SourceParts,
    /// Name and value of each secret that the gateway made, shown this once.
    pub secrets: Option<BTreeMap<String, String>>,
}

/// A row of the table.
#[derive(Debug, Clone)]
pub struct StoredSource {
    pub id: SourceId,
    pub workspace: WorkspaceId,
    pub name: String,
    pub connector: String,
    pub enabled: bool,
    pub options: BTreeMap<String, String>,
    pub filter: Option<FilterText>,
    pub rate_limit_per_second: Option<u32>,
    pub ip_allowlist: Vec<String>,
    /// Sealed.
    pub token: Vec<u8>,
    pub token_digest: Vec<u8>,
    pub previous_token_digest: Option<Vec<u8>>,
    pub previous_token_until: Option<Millis>,
    /// Sealed.
    pub handshake_secret: Option<Vec<u8>>,
    pub handshake_at: Option<Millis>,
    pub created_at: Millis,
    pub updated_at: Millis,
    pub secrets: Vec<StoredSecret>,
}

impl StoredSource {
    /// Whether a secret is set.
    pub fn holds(&self, name: &str) -> bool {
        self.secrets.iter().any(|secret| secret.name == name)
    }

    /// The source as the API shows it, its secrets aside.
    pub fn parts(
        &self,
        vault: &Vault,
        base_url: &str,
        connector: Option<&Connector>,
        activity: &Activity,
    ) -> SourceParts {
        let waits = self.handshake_secret.is_some();
        let (status, status_detail) =
            status::status(connector, &self.options, |name| self.holds(name), waits, activity);
        // What cannot be opened is told by the reseal and by the log at load; the list must not fail for it.
        let token = secret::open(vault, self.id, &self.token);
        let token = token.as_ref().map_or("", |token| token.expose().as_str());
        let shown_option = |(name, value): (&String, &String)| {
            let is_flag = connector.is_some_and(|connector| {
                let field = connector.source.options.get(name);
                field.is_some_and(|field| field.flag)
            });
            let value = match is_flag {
                true => OptionValue::Flag(value == "true"),
                false => OptionValue::Text(value.clone()),
            };
            (name.clone(), value)
        };
        SourceParts {
            id: self.id,
            name: self.name.clone(),
            connector: self.connector.clone(),
            url: format!("{base_url}{}{token}", super::address::PREFIX),
            enabled: self.enabled,
            status,
            status_detail,
            options: self.options.iter().map(shown_option).collect(),
            filter: self.filter.clone(),
            connection_id: None,
            rate_limit_per_second: self.rate_limit_per_second,
            ip_allowlist: self.ip_allowlist.clone(),
            subscription: None,
            last_accepted_at: activity.last_accepted_at,
            last_refused_at: activity.last_refused_at,
            accepted_24h: activity.accepted_24h,
            refused_24h: activity.refused_24h,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }

    /// Its secrets without their values.
    pub fn shown_secrets(&self, vault: &Vault, now: Millis) -> BTreeMap<String, ShownSecret> {
        let shown = self.secrets.iter().map(|stored| {
            let opened = secret::open(vault, self.id, &stored.value);
            let hint = opened.as_ref().map_or_else(|_| "••••".to_owned(), secret::hint);
            let shown = ShownSecret {
                hint,
                set_at: stored.set_at,
                previous_until: stored.previous_until.filter(|until| *until > now),
            };
            (stored.name.clone(), shown)
        });
        shown.collect()
    }
}

/// The body of `POST /v1/sources`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct CreateSource {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// One of `GET /v1/connectors` that has a source.
    #[schema(example = "standard_webhooks")]
    connector: String,
    /// The vendor's secrets by name; those that the gateway makes may be left out.
    secrets: Option<BTreeMap<String, String>>,
    connection_id: Option<String>,
    /// As the connector names them.
    #[schema(value_type = Option<Object>)]
    options: Option<BTreeMap<String, String>>,
    /// Only requests whose event's data would be so; docs/filters.md has the forms.
    #[schema(value_type = Option<Object>)]
    filter: Option<FilterText>,
    #[schema(minimum = 1, maximum = 1_000_000)]
    rate_limit_per_second: Option<u32>,
    #[schema(max_items = 100)]
    ip_allowlist: Option<Vec<String>>,
}

/// The body of `PATCH /v1/sources/{id}`: any of the fields.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct UpdateSource {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    connection_id: Option<String>,
    /// Replaces all options.
    #[schema(value_type = Option<Object>)]
    options: Option<BTreeMap<String, String>>,
    #[schema(value_type = Option<Object>)]
    filter: Option<FilterText>,
    #[schema(minimum = 1, maximum = 1_000_000)]
    rate_limit_per_second: Option<u32>,
    #[schema(max_items = 100)]
    ip_allowlist: Option<Vec<String>>,
    enabled: Option<bool>,
}

/// The body of `POST /v1/sources/{id}/secrets`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct SetSecret {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Absent: the gateway makes one, where it may.
    #[schema(min_length = 1, max_length = 4096)]
    value: Option<String>,
    /// How long the value before it verifies too; 86400 if absent.
    #[schema(minimum = 0, maximum = 604_800)]
    overlap_seconds: Option<u32>,
}

/// The body of `POST /v1/sources/{id}/rotate-url`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct RotateUrl {
    /// How long the URL before it works too; 86400 if absent.
    #[schema(minimum = 0, maximum = 604_800)]
    overlap_seconds: Option<u32>,
}
