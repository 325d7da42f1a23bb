//! What a template sees while it is rendered.

use std::cell::Cell;
use std::fmt;

use super::{MAX_RENDERED_BYTES, lookup};
use crate::http::json::Node;

/// Why a template could not be rendered, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{message}", .path, if .path.is_empty() { "" } else { ": " })]
pub struct RenderFault {
    /// Such as `json.items.0`; empty for a text that stands alone.
    pub path: String,
    pub message: String,
}

impl RenderFault {
    /// A fault that has no path yet.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            message: message.into(),
        }
    }

    /// The same fault, one level further out.
    #[must_use]
    pub fn within(mut self, name: &str) -> Self {
        self.path = match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{name}.{}", self.path),
        };
        self
    }
}

/// The roots of paths with their values, the secrets that a digest may use, and what may still be written.
pub struct Scope<'a> {
    roots: Vec<(&'a str, &'a Node)>,
    secrets: Vec<(&'a str, &'a [u8])>,
    bytes_left: Cell<usize>,
}

/// Values may be secrets, so none is shown.
impl fmt::Debug for Scope<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.roots.iter().map(|(name, _)| name);
        out.debug_set().entries(names).finish()
    }
}

impl<'a> Scope<'a> {
    /// A scope with these roots. The names of the members of `headers` must be in lower case.
    pub fn new(roots: impl IntoIterator<Item = (&'a str, &'a Node)>) -> Self {
        Self {
            roots: roots.into_iter().collect(),
            secrets: Vec::new(),
            bytes_left: Cell::new(MAX_RENDERED_BYTES),
        }
    }

    /// Lets `hmac_sha256_hex` use a secret.
    #[must_use]
    pub fn with_secret(mut self, name: &'a str, key: &'a [u8]) -> Self {
        self.secrets.push((name, key));
        self
    }

    /// The same scope with another root; what is written counts on its own.
    pub(super) fn with_root<'b>(&'b self, name: &'b str, value: &'b Node) -> Scope<'b>
    where
        'a: 'b,
    {
        let mut roots: Vec<(&'b str, &'b Node)> = vec![(name, value)];
        roots.extend(self.roots.iter().copied());
        Scope {
            roots,
            secrets: self.secrets.clone(),
            bytes_left: self.bytes_left.clone(),
        }
    }

    /// Takes over what an inner scope has left.
    pub(super) fn settle(&self, inner_left: usize) {
        self.bytes_left.set(inner_left);
    }

    pub(super) fn bytes_left(&self) -> usize {
        self.bytes_left.get()
    }

    /// The value at a path; `null` counts as absent.
    pub(super) fn find(&self, names: &[String]) -> Option<&'a Node> {
        let (root, rest) = names.split_first()?;
        let (_, value) = self.roots.iter().find(|(name, _)| name == root)?;
        let found = match root == "headers" {
            true => lookup::header(value, rest),
            false => lookup::member(value, rest),
        };
        found.filter(|value| **value != Node::Null)
    }

    pub(super) fn secret(&self, name: &str) -> Option<&'a [u8]> {
        let found = self.secrets.iter().find(|(known, _)| *known == name);
        found.map(|(_, key)| *key)
    }

    /// Notes that `bytes` are written.
    pub fn spend(&self, bytes: usize) -> Result<(), RenderFault> {
        match self.bytes_left.get().checked_sub(bytes) {
            Some(left) => {
                self.bytes_left.set(left);
                Ok(())
            }
            None => Err(RenderFault::new(format!(
                "renders to more than {MAX_RENDERED_BYTES} bytes"
            ))),
        }
    }
}
