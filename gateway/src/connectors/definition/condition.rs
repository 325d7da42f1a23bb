//! `when`: a filter as docs/filters.md has it, kept as it is written.

use serde::Deserialize;

/// What a request or an answer must be; the filter language over `{query, headers, body}` or
/// `{status, headers, body, text}`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Condition(pub toml::Table);
