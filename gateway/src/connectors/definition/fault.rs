//! What is wrong with a definition, and where.

use std::fmt;

/// One fault of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionFault {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// Such as `source.verify.scheme` or `action[0].url`; empty where the file is no TOML.
    pub key: String,
    pub message: String,
}

impl fmt::Display for DefinitionFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: ", self.file, self.line)?;
        if !self.key.is_empty() {
            write!(out, "{}: ", self.key)?;
        }
        out.write_str(&self.message)
    }
}
