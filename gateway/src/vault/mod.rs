//! Secrets at rest: generated here, sealed in the database, opened into memory.
//!
//! A sealed value belongs to the row that it was sealed for, and opens for no other.

mod key_store;

use std::sync::Arc;

use crate::base::id::{Id, Kind};
use crate::base::seal::{SealError, SealingKey, random};
use crate::base::secret::Secret;
use crate::config;
use crate::db::{Db, DbError};

/// A secret of 256 bits.
pub type SecretBytes = Secret<[u8; 32]>;

/// Opens and seals the secrets of endpoints and connections.
#[derive(Clone)]
pub struct Vault {
    key: Arc<SealingKey>,
    /// Previous keys, which open secrets that are not sealed again yet.
    earlier: Arc<[SealingKey]>,
}

/// Why the vault cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("the sealing key in the database is damaged")]
    Damaged,
}

impl Vault {
    /// A vault under the operator's key or, where there is none, under one that is kept in the database. Keys of before
    /// open too: the operator's previous one, and the one in the database once there is an operator's.
    pub async fn open(db: &Db, settings: &config::Webhooks) -> Result<Self, VaultError> {
        let previous = settings.previous_secret_key.as_ref().map(SealingKey::new);
        let mut earlier: Vec<SealingKey> = previous.into_iter().collect();
        let key = match &settings.secret_key {
            Some(key) => {
                if let Some(kept) = key_store::find_kept_sealing_key(db).await? {
                    earlier.push(SealingKey::new(&key_of(&kept)?));
                }
                SealingKey::new(key)
            }
            None => {
                tracing::warn!(
                    "webhooks.secret_key is not set: the key that seals webhook secrets is kept in the database \
                     beside them. Set it to 32 random bytes in base64 (`openssl rand -base64 32`)."
                );
                SealingKey::new(&kept_key(db).await?)
            }
        };
        Ok(Self {
            key: Arc::new(key),
            earlier: earlier.into(),
        })
    }

    /// Whether a value is sealed with the present key.
    pub fn is_present(&self, sealed: &[u8]) -> bool {
        self.key.has_sealed(sealed)
    }

    /// A new secret of 256 random bits.
    pub fn generate() -> Result<SecretBytes, SealError> {
        random().map(Secret::new)
    }

    /// Seals a value of `owner`.
    pub fn seal<K: Kind>(&self, owner: Id<K>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        self.key.seal(owner.uuid().as_bytes(), plain)
    }

    /// Opens a value of `owner`.
    pub fn open_value<K: Kind>(&self, owner: Id<K>, sealed: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        let keys = std::iter::once(&*self.key).chain(&*self.earlier);
        let fitting = keys.into_iter().find(|key| key.has_sealed(sealed));
        fitting.unwrap_or(&self.key).open(owner.uuid().as_bytes(), sealed)
    }

    /// The same value, sealed with the present key.
    pub fn seal_again<K: Kind>(&self, owner: Id<K>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        if self.is_present(sealed) {
            return Ok(sealed.to_vec());
        }
        let plain = self.open_value(owner, sealed)?;
        self.seal(owner, plain.expose())
    }

    /// Opens a secret of 256 bits of `owner`.
    pub fn open_secret<K: Kind>(&self, owner: Id<K>, sealed: &[u8]) -> Result<SecretBytes, SealError> {
        let plain = self.open_value(owner, sealed)?;
        let bytes = plain.expose().as_slice().try_into();
        bytes.map(Secret::new).map_err(|_| SealError::Damaged)
    }
}

async fn kept_key(db: &Db) -> Result<Secret<[u8; 32]>, VaultError> {
    // A server that takes no writes may have it all the same.
    if let Some(kept) = key_store::find_kept_sealing_key(db).await? {
        return key_of(&kept);
    }
    let fresh: [u8; 32] = random()?;
    let kept = key_store::kept_sealing_key(db, &fresh).await?;
    key_of(&kept)
}

fn key_of(kept: &[u8]) -> Result<Secret<[u8; 32]>, VaultError> {
    kept.try_into().map(Secret::new).map_err(|_| VaultError::Damaged)
}
