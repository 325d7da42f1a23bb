//! Connections as the API shows them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::base::clock::Millis;
use crate::base::id::ConnectionId;

/// How a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Something is missing before its first use.
    Pending,
    Ready,
    /// It ends within a week, and cannot be renewed by itself.
    Expiring,
    /// The vendor refuses it: a person has to connect it again.
    Reconnect,
    /// The vendor gives no answer that counts; it is asked again.
    Failing,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Ready,
        Self::Expiring,
        Self::Reconnect,
        Self::Failing,
    ];

    /// The public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Expiring => "expiring",
            Self::Reconnect => "reconnect",
            Self::Failing => "failing",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether deliveries wait until it is another.
    pub const fn holds_back(self) -> bool {
        matches!(self, Self::Pending | Self::Reconnect)
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// How many rules and sources use a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct UsedBy {
    pub rules: i64,
    pub sources: i64,
}

/// A connection without its secrets.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Connection {
    #[schema(value_type = String, example = "conn_0198c0de-0000-7000-8000-000000000001")]
    pub id: ConnectionId,
    pub name: String,
    /// The connector's name.
    #[schema(example = "http")]
    pub connector: String,
    /// `url`, `bearer`, `api_key`, `basic`, `oauth2`, `client_credentials` or `service_account`.
    pub kind: String,
    /// Values by field; of a secret a hint.
    pub fields: BTreeMap<String, String>,
    /// Whose it is, as the vendor says.
    pub account: Option<String>,
    /// Those that were granted.
    pub scopes: Vec<String>,
    /// `pending`, `ready`, `expiring`, `reconnect` or `failing`.
    #[schema(value_type = String)]
    pub status: Status,
    pub status_detail: Option<String>,
    /// When its present token ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Millis>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub refreshed_at: Option<Millis>,
    pub used_by: UsedBy,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Millis,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Millis,
}

/// The body of `POST /v1/connections`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct CreateConnection {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// A connector; GET /v1/connectors lists them.
    #[schema(example = "http")]
    connector: String,
    /// One of the kinds that the connector has.
    #[schema(example = "bearer")]
    kind: String,
    /// As the connector's kind of connection says; absent is empty.
    #[schema(nullable = false)]
    fields: Option<BTreeMap<String, String>>,
}

/// The body of `PATCH /v1/connections/{id}`: any of the fields.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct UpdateConnection {
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    name: Option<String>,
    /// Those that change; null clears one that is optional, and the hint of a secret leaves it as it is.
    #[schema(nullable = false)]
    fields: Option<BTreeMap<String, Option<String>>>,
}

/// What came of a test call.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct TestedConnection {
    pub ok: bool,
    /// Null where no answer came.
    pub status_code: Option<u16>,
    /// Whose the connection is, as the vendor says.
    pub account: Option<String>,
    /// What went wrong.
    pub detail: Option<String>,
    pub total_ms: f64,
}
