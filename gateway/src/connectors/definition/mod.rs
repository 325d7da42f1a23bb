//! A connector's definition: its types, and the reader of its file.

mod action;
mod condition;
mod connection;
mod fault;
mod positions;
mod reader;
mod rules;
mod source;
mod vector;

use serde::Deserialize;

pub use action::{
    Action, Escape, Input, InputKind, Limit, Outcome, Pairs, Request, Step, TestCall, Unsure, Verdict, Wait,
    WaitUnit,
};
pub use condition::Condition;
pub use connection::{Assertion, ClientAuth, Connection, ConnectionKind, Field, Pattern};
pub use fault::DefinitionFault;
pub use reader::{MAX_FILE_BYTES, line_of_key, read};
pub use source::{
    BodyKind, Encoding, Handshake, HandshakeToken, IdField, JwtRules, KeyForm, OptionField, Reply, Scheme,
    SecretField, SecretFrom, Signature, SignedBytes, SignedPart, Skip, Source, TimeUnit, TimestampField,
    Verify,
};
pub use vector::{
    Answered, Connected, Expected, ExpectedJudgement, ExpectedReply, ExpectedRequest, Incoming, Json,
    JudgedVector, Outgoing, Vectors,
};

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

impl Definition {
    /// Whether its requests may go to this host, in lower case.
    pub fn allows_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| host_fits(known, host))
    }

    /// Whether a value may choose the host; the address guard is then all that holds it.
    pub fn allows_any_host(&self) -> bool {
        self.hosts.iter().any(|known| known == "*")
    }

    /// The action of this name.
    pub fn find_action(&self, name: &str) -> Option<&Action> {
        self.action.iter().find(|action| action.name == name)
    }

    /// The kind of credential, where the definition has it.
    pub fn find_connection(&self, kind: ConnectionKind) -> Option<&Connection> {
        self.connection.iter().find(|connection| connection.kind == kind)
    }
}

/// Whether a host is `known`, in which `*` stands for the first labels, one at least.
pub fn host_fits(known: &str, host: &str) -> bool {
    match known.strip_prefix('*') {
        Some(rest) => host.len() > rest.len() && host.ends_with(rest),
        None => known == host,
    }
}

#[cfg(test)]
mod tests;
