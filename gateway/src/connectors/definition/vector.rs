//! Test vectors that a definition carries.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::action::Verdict;
use super::connection::ConnectionKind;
use crate::connectors::template::node_of;
use crate::http::json::Node;

/// `[[vector.…]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    #[serde(default, rename = "in")]
    pub incoming: Vec<Incoming>,
    #[serde(default, rename = "out")]
    pub outgoing: Vec<Outgoing>,
    #[serde(default)]
    pub outcome: Vec<JudgedVector>,
    #[serde(default)]
    pub token: Vec<toml::Table>,
}

impl Vectors {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.incoming.len() + self.outgoing.len() + self.outcome.len() + self.token.len()
    }
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
    /// The key set at the place that a `jwt` rule names.
    pub jwks: Option<String>,
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
    /// The parts of the id, joined by a blank, or the SHA-256 of the body.
    pub dedupe: Option<String>,
    /// How many events it makes; absent: one.
    pub count: Option<usize>,
    pub reply: Option<ExpectedReply>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedReply {
    pub status: u16,
    pub content_type: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: Option<String>,
}

/// A connection's kind and its fields by their names, an access token among them.
#[derive(Debug, Clone, Deserialize)]
pub struct Connected {
    pub kind: ConnectionKind,
    #[serde(flatten)]
    pub fields: BTreeMap<String, String>,
}

/// An action's input, and the request that is made of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outgoing {
    pub action: String,
    /// Of an action with several requests.
    pub step: Option<String>,
    pub connection: Option<Connected>,
    /// The delivery's id.
    pub delivery: Option<String>,
    pub event: Option<Json>,
    /// What the steps before this one captured, by their names.
    #[serde(default)]
    pub captured: BTreeMap<String, Json>,
    /// Values, and no templates.
    pub input: Json,
    pub expect: ExpectedRequest,
}

/// A whole request; the input alone, of actions within the gateway; or why there is none.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRequest {
    pub method: Option<String>,
    pub url: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: Option<String>,
    pub input: Option<Json>,
    /// `template_failed`.
    pub error: Option<String>,
    /// The value that did not fit.
    pub path: Option<String>,
}

/// A vendor's answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: String,
}

/// An answer to an action's request, and what it means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgedVector {
    pub action: String,
    pub step: Option<String>,
    /// When it came, in Unix seconds.
    #[serde(default)]
    pub now: i64,
    pub answer: Answered,
    pub expect: ExpectedJudgement,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedJudgement {
    pub is: Verdict,
    pub why: Option<String>,
    pub wait_seconds: Option<u64>,
    pub result: Option<Json>,
}

/// A value of TOML as JSON.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub struct Json(pub Node);

impl TryFrom<toml::Value> for Json {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        node_of(value).map(Self)
    }
}
