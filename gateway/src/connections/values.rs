//! The values of a connection's fields. They cannot be printed.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::base::id::ConnectionId;
use crate::base::seal::SealError;
use crate::base::secret::Secret;
use crate::connectors::credential::MASK;
use crate::connectors::definition::Field;
use crate::http::json::{self, Node};
use crate::vault::Vault;

/// A hint shows the end of secrets that are at least this long …
const MIN_HINTED_CHARS: usize = 16;
/// … and so much of it.
const HINT_CHARS: usize = 4;

/// Values by field, each a text.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Values(BTreeMap<String, Secret<String>>);

/// Why sealed values cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("the sealed values are damaged")]
    Damaged,
}

impl fmt::Debug for Values {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

impl Values {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&Secret<String>> {
        self.0.get(name)
    }

    /// Sets or, with `None`, clears a field.
    pub fn put(&mut self, name: &str, value: Option<Secret<String>>) {
        match value {
            Some(value) => drop(self.0.insert(name.to_owned(), value)),
            None => drop(self.0.remove(name)),
        }
    }

    /// Seals all for the connection `id`.
    pub fn seal(&self, vault: &Vault, id: ConnectionId) -> Result<Vec<u8>, SealError> {
        let members = self
            .0
            .iter()
            .map(|(name, value)| (name.clone(), Value::String(value.expose().clone())));
        let text = Value::Object(members.collect()).to_string();
        vault.seal(id, text.as_bytes())
    }

    /// Opens what [`seal`](Self::seal) made.
    pub fn open(vault: &Vault, id: ConnectionId, sealed: &[u8]) -> Result<Self, ValuesError> {
        let plain = vault.open_value(id, sealed)?;
        let members: BTreeMap<String, String> =
            serde_json::from_slice(plain.expose()).map_err(|_| ValuesError::Damaged)?;
        let values = members
            .into_iter()
            .map(|(name, value)| (name, Secret::new(value)));
        Ok(Self(values.collect()))
    }

    /// What replies show: secrets as hints, all else as it is.
    pub fn shown(&self, known: &BTreeMap<String, Field>) -> BTreeMap<String, String> {
        let is_open = |name: &str| known.get(name).is_some_and(|field| !field.secret);
        let shown = self.0.iter().map(|(name, value)| {
            let text = match is_open(name) {
                true => value.expose().clone(),
                // A field that the definition does not know any more is taken for a secret.
                false => hint(value.expose()),
            };
            (name.clone(), text)
        });
        shown.collect()
    }

    /// Whether one of the values has this text in it.
    pub fn hold(&self, text: &str) -> bool {
        self.0.values().any(|value| value.expose().contains(text))
    }

    /// All values by their names.
    pub fn to_map(&self) -> BTreeMap<String, Secret<String>> {
        self.0.clone()
    }

    /// The values as templates read them: texts, and what is JSON in a `…_file` as its members.
    pub fn to_members(&self) -> Vec<(String, Node)> {
        let node = |name: &str, text: &str| {
            let object = name.ends_with("_file").then(|| json::parse(text.as_bytes()).ok());
            object.flatten().unwrap_or_else(|| Node::Text(text.to_owned()))
        };
        let members = self
            .0
            .iter()
            .map(|(name, value)| (name.clone(), node(name, value.expose())));
        members.collect()
    }
}

/// What is shown of a secret: the end of a long one, so that people can tell two apart.
pub fn hint(secret: &str) -> String {
    let letters: Vec<char> = secret.trim_end().chars().collect();
    let end = letters.len().saturating_sub(HINT_CHARS);
    let is_word = letters[end..].iter().all(char::is_ascii_alphanumeric);
    match letters.len() >= MIN_HINTED_CHARS && is_word {
        true => format!("{MASK}{}", letters[end..].iter().collect::<String>()),
        false => MASK.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_shows_little() {
        assert_eq!(hint("xoxb-123456-abcdef"), "••••cdef");
        assert_eq!(hint("0123456789abcde"), MASK);
        assert_eq!(hint("{\"private_key\": \"-----BEGIN\"}\n"), MASK);
        assert_eq!(hint(""), MASK);
    }

    #[test]
    fn nothing_prints_a_value() {
        let mut values = Values::default();
        values.put("token", Some(Secret::new("canary".into())));
        assert_eq!(format!("{values:?}"), "{\"token\"}");
    }
}
