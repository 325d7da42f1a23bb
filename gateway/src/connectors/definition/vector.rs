//! Test vectors that a definition carries.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `[[vector.…]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    #[serde(default, rename = "in")]
    pub incoming: Vec<Incoming>,
    #[serde(default, rename = "out")]
    pub outgoing: Vec<toml::Table>,
    #[serde(default)]
    pub outcome: Vec<toml::Table>,
    #[serde(default)]
    pub token: Vec<toml::Table>,
}

/// A request to a source, and what becomes of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incoming {
    /// `published: …` or `self-made…`.
    pub from: String,
    /// The receiver's clock in Unix seconds.
    pub now: i64,
    pub method: Option<String>,
    /// The request's URL, for schemes that sign it and for its query.
    pub url: Option<String>,
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: String,
    pub expect: Expected,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// `accepted`, `handshake`, `filtered` or an error's code.
    pub outcome: String,
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    pub at: Option<String>,
    pub dedupe: Option<String>,
    pub reply: Option<ExpectedReply>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedReply {
    pub status: u16,
    pub content_type: Option<String>,
    pub body: Option<String>,
}
