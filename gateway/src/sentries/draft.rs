//! What a request sets of a sentry.

use super::model::TimeoutHours;
use crate::base::id::{HootId, Id, Kind, SentryId};
use crate::http::fields::{self, Faults, Fields};
use crate::http::json::Node;

pub const MAX_NAME_CHARS: usize = 200;
pub const MAX_DESCRIPTION_CHARS: usize = 4_000;
/// Most upstream sentries, hoots of a sentry, and sentries of a hoot.
pub const MAX_CONNECTED: usize = 50;

/// `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Default)]
pub struct SentryDraft {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub timeout_hours: Option<Option<TimeoutHours>>,
    pub hoots: Option<Vec<HootId>>,
    pub upstream: Option<Vec<SentryId>>,
    pub enabled: Option<bool>,
    pub faults: Faults,
}

impl SentryDraft {
    /// Reads a creation.
    pub fn of_creation(body: Node) -> Self {
        let mut fields = Fields::of(body);
        Self {
            name: fields.required("name", fields::line(1, MAX_NAME_CHARS)),
            description: Some(fields.optional("description", fields::prose(0, MAX_DESCRIPTION_CHARS))),
            timeout_hours: Some(fields.optional("timeout_hours", read_hours)),
            hoots: fields.optional("hoots", ids()),
            upstream: fields.optional("upstream", ids()),
            enabled: None,
            faults: fields.finish_faults(),
        }
    }

    /// Reads a change.
    pub fn of_change(body: Node) -> Self {
        let mut fields = Fields::of(body);
        Self {
            name: fields.set("name", fields::line(1, MAX_NAME_CHARS)),
            description: fields.patched("description", fields::prose(0, MAX_DESCRIPTION_CHARS)),
            timeout_hours: fields.patched("timeout_hours", read_hours),
            hoots: fields.set("hoots", ids()),
            upstream: fields.set("upstream", ids()),
            enabled: fields.set("enabled", fields::boolean),
            faults: fields.finish_faults(),
        }
    }
}

/// Reads a list of ids, none of them twice.
pub fn ids<K: Kind>() -> impl FnOnce(&mut Fields, &str, Node) -> Option<Vec<Id<K>>> {
    fields::list(0, MAX_CONNECTED, |text| {
        Id::parse(text).ok_or_else(|| format!("expected an id that begins with {}", K::PREFIX))
    })
}

fn read_hours(fields: &mut Fields, name: &str, node: Node) -> Option<TimeoutHours> {
    let (hours, code) = match &node {
        Node::Number(text) => (TimeoutHours::parse(text), "out_of_range"),
        _ => (None, "invalid_type"),
    };
    if hours.is_none() {
        let message = "expected a number of hours from 0.01 to 8760 with at most two decimals";
        fields.fault(name, code, message);
    }
    hours
}
