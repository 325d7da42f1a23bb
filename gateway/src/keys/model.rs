//! What a key is, in memory and to the API.

use std::sync::Arc;

use governor::{Quota, RateLimiter};
use serde::Serialize;
use std::num::NonZeroU32;

use crate::base::clock::Millis;
use crate::base::id::KeyId;
use crate::base::network::parse_network;
use crate::base::scope::{Scope, Scopes};
use crate::feed::confirmation::Confirmed;
use crate::http::fields::{self, Fields};
use crate::http::json::Node;

/// A token bucket for one key on this instance.
pub type Limiter = governor::DefaultDirectRateLimiter;

/// The most requests a second that a limit can allow.
const MAX_RATE: i64 = 1_000_000;
const MAX_NAME_CHARS: usize = 200;
const MAX_ALLOWLIST: usize = 100;

/// A bucket that holds one second's worth.
pub fn limiter(per_second: u32) -> Option<Arc<Limiter>> {
    NonZeroU32::new(per_second).map(|rate| Arc::new(RateLimiter::direct(Quota::per_second(rate))))
}

/// A key as the API shows it; the key itself is in it once, when it is made.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ApiKey {
    #[schema(value_type = String, example = "key_0198c0de-0000-7000-8000-000000000001")]
    pub id: KeyId,
    pub name: String,
    /// What people recognise the key by.
    #[schema(example = "sk_1a2b••••9f0e")]
    pub hint: String,
    pub scopes: Vec<String>,
    pub ip_allowlist: Option<Vec<String>>,
    pub rate_limit_per_second: Option<u32>,
    /// The key that this one replaces.
    #[schema(value_type = Option<String>)]
    pub rotated_from: Option<KeyId>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Millis,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Millis>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Millis>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Millis>,
}

/// A key just made: the only reply that holds the key. In a replay `key` is `null`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CreatedApiKey {
    #[serde(flatten)]
    pub object: ApiKey,
    /// Shown once and kept nowhere.
    pub key: Option<String>,
}

/// The reply of a revocation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RevokedApiKey {
    #[serde(flatten)]
    pub object: ApiKey,
    /// On how many instances the key is known to be refused; `null` if that could not be told in time. Those that are
    /// missing refuse it within a second, or refuse every key.
    pub confirmed: Option<Confirmed>,
}

/// What a key is made from.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub name: String,
    pub scopes: Scopes,
    pub expires_at: Option<Millis>,
    pub ip_allowlist: Option<Vec<String>>,
    pub rate_limit_per_second: Option<u32>,
    pub rotated_from: Option<KeyId>,
}

/// The body of `POST /v1/api-keys`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct CreateApiKey {
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What the key may do; only scopes that the calling key holds.
    #[schema(min_items = 1)]
    scopes: Vec<String>,
    /// In the future.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Addresses or CIDRs from which the key may be used.
    #[schema(max_items = 100)]
    ip_allowlist: Option<Vec<String>>,
    #[schema(minimum = 1, maximum = 1_000_000)]
    rate_limit_per_second: Option<u32>,
}

/// The body of `POST /v1/api-keys/{id}/rotate`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct RotateApiKey {
    /// How long the old key stays valid, at most a week.
    #[schema(minimum = 0, maximum = 604_800)]
    overlap_seconds: u32,
}

impl NewKey {
    /// Reads the body of a creation.
    pub fn read(body: Node, now: Millis) -> Result<Self, crate::http::problem::Problem> {
        let mut fields = Fields::of(body);
        let name = fields.required("name", fields::text(1, MAX_NAME_CHARS));
        let scopes = fields.required("scopes", fields::list(1, Scope::ALL.len(), read_scope));
        let expires_at = fields.optional("expires_at", fields::moment);
        if expires_at.is_some_and(|expiry| expiry <= now) {
            fields.fault("expires_at", "in_the_past", "must be in the future");
        }
        let ip_allowlist = fields.optional("ip_allowlist", fields::list(0, MAX_ALLOWLIST, read_net_text));
        let rate = fields.optional("rate_limit_per_second", fields::integer(1, MAX_RATE));
        fields.finish()?;
        Ok(Self {
            // A required field that is absent was a fault.
            name: name.unwrap_or_default(),
            scopes: scopes.unwrap_or_default().into_iter().collect(),
            expires_at,
            ip_allowlist: ip_allowlist.filter(|list| !list.is_empty()),
            rate_limit_per_second: rate.and_then(|rate| u32::try_from(rate).ok()),
            rotated_from: None,
        })
    }
}

fn read_scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| "is none of the scopes that GET /v1/scopes lists".into())
}

fn read_net_text(text: &str) -> Result<String, String> {
    parse_network(text)
        .map(|_| text.to_owned())
        .ok_or_else(|| "expected an address or a CIDR".into())
}
