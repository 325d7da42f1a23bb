//! Secrets of sources: made here or given, sealed in the database, opened into memory.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::connector::{Connector, Options};
use crate::base::clock::Millis;
use crate::base::hex;
use crate::base::id::SourceId;
use crate::base::seal::{SealError, random};
use crate::base::secret::Secret;
use crate::connectors::definition::KeyForm;
use crate::connectors::verify::Held;
use crate::vault::Vault;

/// A secret as the database keeps it.
#[derive(Debug, Clone)]
pub struct StoredSecret {
    pub name: String,
    /// Sealed, as is the value before it.
    pub value: Vec<u8>,
    pub set_at: Millis,
    pub previous: Option<Vec<u8>>,
    pub previous_until: Option<Millis>,
}

impl StoredSecret {
    /// A secret that was never set before.
    pub const fn new(name: String, value: Vec<u8>, set_at: Millis) -> Self {
        Self {
            name,
            value,
            set_at,
            previous: None,
            previous_until: None,
        }
    }

    /// The values that verify, newest first.
    pub fn open(&self, vault: &Vault, id: SourceId) -> Result<Vec<Held>, SealError> {
        let mut held = vec![Held {
            value: open(vault, id, &self.value)?,
            until_unix_ms: None,
        }];
        if let (Some(previous), Some(until)) = (&self.previous, self.previous_until) {
            held.push(Held {
                value: open(vault, id, previous)?,
                until_unix_ms: Some(until.0),
            });
        }
        Ok(held)
    }
}

/// Seals a text of a source.
pub fn seal(vault: &Vault, id: SourceId, plain: &Secret<String>) -> Result<Vec<u8>, SealError> {
    vault.seal(id, plain.expose().as_bytes())
}

/// Opens a text of a source.
pub fn open(vault: &Vault, id: SourceId, sealed: &[u8]) -> Result<Secret<String>, SealError> {
    let plain = vault.open_value(id, sealed)?;
    let text = String::from_utf8(plain.expose().clone());
    text.map(Secret::new).map_err(|_| SealError::Damaged)
}

/// What people recognise a secret by; nothing of one that is short.
pub fn hint(secret: &Secret<String>) -> String {
    const LEAST_CHARS: usize = 20;
    let text = secret.expose();
    let shown = 4;
    let count = text.chars().count();
    if count < LEAST_CHARS {
        return "••••".to_owned();
    }
    let end: String = text.chars().skip(count - shown).collect();
    format!("••••{end}")
}

/// A new secret of 256 random bits, in the form in which the connector reads its key.
pub fn generate(connector: &Connector, options: &Options, name: &str) -> Result<Secret<String>, SealError> {
    let bytes: [u8; 32] = random()?;
    let verify = connector.verify(options);
    let mut rows = std::iter::once(&verify).chain(&verify.also);
    let form = rows
        .find(|row| row.key.as_deref() == Some(name))
        .map_or(KeyForm::Utf8, |row| row.key_as);
    Ok(Secret::new(match form {
        KeyForm::Utf8 => URL_SAFE_NO_PAD.encode(bytes),
        KeyForm::Hex => hex::encode(&bytes),
        KeyForm::Base64 => STANDARD.encode(bytes),
        KeyForm::Whsec => format!("whsec_{}", STANDARD.encode(bytes)),
    }))
}
