//! A connector's definition: its types, and the reader of its file.

mod action;
mod condition;
mod fault;
mod positions;
mod reader;
mod rules;
mod source;
mod vector;

use serde::Deserialize;

pub use action::{
    Action, Assertion, ClientAuth, Connection, ConnectionKind, Escape, Field, Input, InputKind, Limit,
    Outcome, Request, Step, TestCall, Unsure, Verdict, Wait, WaitUnit,
};
pub use condition::Condition;
pub use fault::DefinitionFault;
pub use reader::{MAX_FILE_BYTES, read};
pub use source::{
    BodyKind, Encoding, Handshake, HandshakeToken, IdField, JwtRules, KeyForm, OptionField, Reply, Scheme,
    SecretField, SecretFrom, Signature, SignedBytes, SignedPart, Skip, Source, TimeUnit, TimestampField,
    Verify,
};
pub use vector::{Expected, ExpectedReply, Incoming, Vectors};

/// The only format there is.
pub const FORMAT: u32 = 1;

/// A whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    pub format: u32,
    /// `[a-z][a-z0-9_]*`: the first word of its events' types and of its actions.
    pub name: String,
    pub title: String,
    /// Takes the place of a built-in definition of this name.
    #[serde(default)]
    pub replaces: bool,
    /// The hosts that its requests may go to.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// When a person last held it against the vendor's pages.
    pub checked: toml::value::Datetime,
    pub notes: Option<String>,
    pub source: Option<Source>,
    #[serde(default)]
    pub connection: Vec<Connection>,
    pub test: Option<TestCall>,
    #[serde(default)]
    pub action: Vec<Action>,
    #[serde(default)]
    pub vector: Vectors,
}

#[cfg(test)]
mod tests;
