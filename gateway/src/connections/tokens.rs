//! The tokens of a connection. They cannot be printed.

use serde::{Deserialize, Serialize};

use super::values::ValuesError;
use crate::base::id::ConnectionId;
use crate::base::seal::SealError;
use crate::base::secret::Secret;
use crate::vault::Vault;

/// What a vendor handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    pub access: Secret<String>,
    /// What renews it.
    pub refresh: Option<Secret<String>>,
}

/// The sealed text; it lives as long as it takes to seal or to open it.
#[derive(Serialize, Deserialize)]
struct Plain {
    access_token: String,
    refresh_token: Option<String>,
}

impl Tokens {
    /// Seals both for the connection `id`.
    pub fn seal(&self, vault: &Vault, id: ConnectionId) -> Result<Vec<u8>, SealError> {
        let plain = Plain {
            access_token: self.access.expose().clone(),
            refresh_token: self.refresh.as_ref().map(|token| token.expose().clone()),
        };
        // Two texts cannot fail to serialise.
        let text = serde_json::to_vec(&plain).unwrap_or_default();
        vault.seal(id, &text)
    }

    /// Opens what [`seal`](Self::seal) made.
    pub fn open(vault: &Vault, id: ConnectionId, sealed: &[u8]) -> Result<Self, ValuesError> {
        let text = vault.open_value(id, sealed)?;
        let plain: Plain = serde_json::from_slice(text.expose()).map_err(|_| ValuesError::Damaged)?;
        Ok(Self {
            access: Secret::new(plain.access_token),
            refresh: plain.refresh_token.map(Secret::new),
        })
    }
}
