//! `when`: a filter as docs/filters.md has it.

use std::sync::Arc;

use serde::Deserialize;

use crate::connectors::template::node_of;
use crate::filter::{Data, Filter};
use crate::http::fields::Faults;
use crate::http::json::Node;

/// What a request or an answer must be; the filter language over `{query, headers, body}` or
/// `{status, headers, body, text}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct Condition {
    filter: Arc<Filter>,
    written: Node,
}

impl Condition {
    /// Whether it holds for what [`crate::connectors::view`] made.
    pub fn holds(&self, view: &Data<'_>) -> bool {
        self.filter.holds(view)
    }

    /// As it stands in the file.
    pub const fn written(&self) -> &Node {
        &self.written
    }
}

impl TryFrom<toml::Table> for Condition {
    type Error = String;

    fn try_from(table: toml::Table) -> Result<Self, String> {
        let written = node_of(toml::Value::Table(table))?;
        let mut faults = Faults::default();
        let filter = Filter::read(&written, "when", &mut faults);
        let told = faults.into_vec().into_iter();
        let told: Vec<String> = told
            .map(|fault| format!("{}: {}", fault.location, fault.message))
            .collect();
        match filter {
            Some(filter) if told.is_empty() => Ok(Self {
                filter: Arc::new(filter),
                written,
            }),
            _ => Err(told.join("; ")),
        }
    }
}
