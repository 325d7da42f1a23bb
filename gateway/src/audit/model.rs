//! The types of the audit trail: actor, target, changes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::base::clock::Millis;
use crate::base::id::{AuditId, KeyId};

/// Who acts.
#[derive(Debug, Clone)]
pub enum Actor {
    /// A caller of the API.
    Key {
        id: KeyId,
        name: Arc<str>,
        request_id: String,
        ip: IpAddr,
    },
    /// Someone at the command line.
    Operator,
    /// The gateway itself.
    System,
}

impl Actor {
    /// The word for actors that are no keys.
    pub(super) const fn operator(&self) -> Option<&'static str> {
        match self {
            Self::Key { .. } => None,
            Self::Operator => Some("cli"),
            Self::System => Some("system"),
        }
    }
}

/// What was acted on.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Target {
    /// Such as `webhook`.
    pub r#type: String,
    pub id: String,
    pub name: Option<String>,
}

impl Target {
    /// A thing of kind `kind` with its public id.
    pub fn new(kind: &str, id: impl ToString, name: Option<&str>) -> Self {
        Self {
            r#type: kind.to_owned(),
            id: id.to_string(),
            name: name.map(str::to_owned),
        }
    }
}

/// Changed fields with their old and new values, as JSON that keeps numbers as they were sent. Secrets never enter.
#[derive(Debug, Clone, Default)]
pub struct Changes(BTreeMap<String, Box<RawValue>>);

impl Changes {
    /// Notes `field` if it changed.
    pub fn note<T: Serialize + PartialEq>(&mut self, field: &str, old: &T, new: &T) {
        if old != new {
            self.put(field, &[old, new]);
        }
    }

    /// Notes that `field` changed; what is shown of both values may be the same.
    pub fn note_masked(&mut self, field: &str, old: &str, new: &str) {
        self.put(field, &[old, new]);
    }

    /// Notes that `field` changed without saying from what to what.
    pub fn note_hidden(&mut self, field: &str) {
        self.put(field, &["[hidden]"; 2]);
    }

    fn put<T: Serialize>(&mut self, field: &str, values: &[T; 2]) {
        // All that is noted can be written as JSON.
        let text = to_raw_value(values).unwrap_or_else(|_| RawValue::NULL.to_owned());
        self.0.insert(field.to_owned(), text);
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn to_text(&self) -> Option<String> {
        match self.0.is_empty() {
            true => None,
            false => serde_json::to_string(&self.0).ok(),
        }
    }
}

/// Who acted, as the API says it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum ShownActor {
    Key {
        #[schema(value_type = String)]
        key_id: KeyId,
        key_name: String,
    },
    Operator {
        operator: String,
    },
}

impl ShownActor {
    /// What people know the actor by.
    pub fn name(&self) -> &str {
        match self {
            Self::Key { key_name, .. } => key_name,
            Self::Operator { operator } => operator,
        }
    }
}

/// One entry of the trail.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Entry {
    #[schema(value_type = String)]
    pub id: AuditId,
    #[schema(value_type = String, format = DateTime)]
    pub at: Millis,
    pub actor: ShownActor,
    /// Such as `webhook.created`.
    pub action: String,
    pub target: Target,
    pub request_id: Option<String>,
    pub ip: Option<String>,
    /// Changed fields, each with its old and new value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub changes: Option<Box<RawValue>>,
}
