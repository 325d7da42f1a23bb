//! What a definition says about requests that go out: credentials, the test call, actions and their outcomes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::condition::Condition;
use crate::connectors::template::{Text, Tree};

/// `[[connection]]`: one kind of credential.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    pub kind: ConnectionKind,
    /// Beside those that the kind has by itself.
    #[serde(default)]
    pub fields: BTreeMap<String, Field>,
    /// For `url`: where it may lead; absent: the definition's hosts.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// For `url`: what its path begins with.
    pub path: Option<String>,
    /// For keys: the header that carries it, and what stands before it.
    pub header: Option<String>,
    #[serde(default)]
    pub prefix: String,
    /// For keys: the parameter of the query that carries it.
    pub query: Option<String>,
    pub authorize: Option<Text>,
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    pub token: Option<Text>,
    /// Parameters of the token call beside those of its grant.
    #[serde(default)]
    pub token_params: BTreeMap<String, Text>,
    pub grant_type: Option<String>,
    pub client_auth: Option<ClientAuth>,
    #[serde(default)]
    pub scopes: Vec<String>,
    pub scope_separator: Option<String>,
    #[serde(default)]
    pub pkce: bool,
    /// Whether a refresh ends the old refresh token.
    #[serde(default)]
    pub rotates: bool,
    pub keep_alive_days: Option<u32>,
    /// What a good answer of the token call is, beside its status.
    pub success: Option<Condition>,
    pub account: Option<Text>,
    pub assertion: Option<Assertion>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionKind {
    Url,
    Bearer,
    ApiKey,
    Basic,
    Oauth2,
    ClientCredentials,
    ServiceAccount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    Body,
    Basic,
}

/// A field of a connection.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub title: String,
    #[serde(default)]
    pub secret: bool,
    #[serde(default)]
    pub optional: bool,
    /// A regular expression that the whole value must match.
    pub pattern: Option<String>,
}

/// The claims of a service account's assertion (RFC 7523).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    pub iss: Text,
    pub sub: Text,
    pub aud: String,
    pub scope: String,
    pub lifetime_seconds: u32,
}

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    #[default]
    Text,
    Json,
    Addresses,
}

/// How `& < >` of values are written; the word in a definition is that of the markup.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Escape(pub String);

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: String,
    pub url: Text,
    #[serde(default)]
    pub query: BTreeMap<String, Text>,
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    pub json: Option<Tree>,
    pub form: Option<BTreeMap<String, Text>>,
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
