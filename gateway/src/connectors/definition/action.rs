//! What a definition says about requests that go out: the test call, actions and their outcomes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::condition::Condition;
use super::connection::ConnectionKind;
use crate::connectors::built_in;
use crate::connectors::template::{Text, Tree};

/// `[test]`: the call that shows whether a connection works.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestCall {
    #[serde(default)]
    pub connections: Vec<ConnectionKind>,
    pub request: Request,
    pub success: Option<Condition>,
    pub account: Option<Text>,
}

/// `[[action]]`: something that a rule can do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    pub name: String,
    pub title: String,
    #[serde(default)]
    pub connections: Vec<ConnectionKind>,
    #[serde(default)]
    pub inputs: BTreeMap<String, Input>,
    /// Absent: the action happens within the gateway.
    pub request: Option<Request>,
    pub limit: Option<Limit>,
    pub unsure: Option<Unsure>,
    /// The first that holds decides; the common ones follow.
    #[serde(default)]
    pub outcome: Vec<Outcome>,
    #[serde(default)]
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub title: Option<String>,
    #[serde(default)]
    pub required: bool,
    #[serde(default, rename = "type")]
    pub kind: InputKind,
    pub max_chars: Option<u32>,
    pub escape: Option<Escape>,
    pub example: Option<String>,
    pub default: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    #[default]
    Text,
    /// Any JSON, with its types.
    Json,
    /// A URL of any host, which is fixed: values are encoded into its path and query.
    Url,
    /// Addresses of mail, separated by commas, or a list of them.
    Addresses,
}

/// `& < >` of values are written as entities. The word in a definition is the name of the markup: `angles`, or the
/// connector whose markup it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Escape(pub String);

impl Escape {
    /// Whether the word is one that is known.
    pub fn is_known(&self) -> bool {
        let file = format!("{}.toml", self.0);
        self.0 == "angles" || built_in::FILES.iter().any(|(name, _)| *name == file)
    }
}

/// Names with values, in the order of the file; or one placeholder that yields an object of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "toml::Value")]
pub enum Pairs {
    Named(Vec<(String, Text)>),
    Whole(Text),
}

impl Default for Pairs {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

impl TryFrom<toml::Value> for Pairs {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let table = match value {
            toml::Value::String(text) => return Text::compile(&text).map(Self::Whole),
            toml::Value::Table(table) => table,
            _ => return Err("takes names with templates, or one template of an object".into()),
        };
        let named = table.into_iter().map(|(name, value)| match value {
            toml::Value::String(text) => match Text::compile(&text) {
                Ok(text) => Ok((name, text)),
                Err(fault) => Err(format!("{name}: {fault}")),
            },
            _ => Err(format!("{name}: takes a string")),
        });
        named.collect::<Result<_, _>>().map(Self::Named)
    }
}

impl Pairs {
    /// Every text with its name; that of a whole has none.
    pub fn texts(&self) -> Vec<(&str, &Text)> {
        match self {
            Self::Named(named) => named.iter().map(|(name, text)| (name.as_str(), text)).collect(),
            Self::Whole(text) => vec![("", text)],
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: Text,
    pub url: Text,
    #[serde(default)]
    pub query: Pairs,
    #[serde(default)]
    pub headers: Pairs,
    pub json: Option<Tree>,
    pub form: Option<Pairs>,
    /// The parts of a message, which templates of the same request read as `mime`.
    pub mime: Option<BTreeMap<String, Text>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    pub per_second: f64,
    pub by: Option<Text>,
}

/// What to do when a request went out and no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsure {
    Retry,
    Stop,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    pub when: Condition,
    pub is: Verdict,
    pub why: Option<Text>,
    pub result: Option<Tree>,
    pub wait: Option<Wait>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Success,
    Retry,
    Refresh,
    Reconnect,
    Fail,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    pub at_least_seconds: Option<u32>,
    /// A header with the seconds, the epoch or the moment until which to wait.
    pub header: Option<String>,
    pub unit: Option<WaitUnit>,
    /// The same from the answer's body, in seconds.
    pub body: Option<Text>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitUnit {
    Seconds,
    Epoch,
    Moment,
}

/// One request of several; what it captures is there for those after it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub name: String,
    pub request: Request,
    #[serde(default)]
    pub outcome: Vec<Outcome>,
    #[serde(default)]
    pub capture: BTreeMap<String, Text>,
}
