//! The secrets of one source.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::jwt::KeySet;
use crate::base::secret::Secret;

/// Most values of one secret that verify: the present one and the one before it.
const NEWEST: usize = 2;

/// One value of a secret.
#[derive(Debug, Clone)]
pub struct Held {
    pub value: Secret<String>,
    /// The end of its overlap, in Unix milliseconds; absent for the present value.
    pub until_unix_ms: Option<i64>,
}

/// What one source verifies with: the values of each secret, newest first, and for tokens that a vendor signs its keys.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    values: BTreeMap<String, Vec<Held>>,
    keys: Option<Arc<KeySet>>,
    email: Option<String>,
}

impl Keyring {
    /// Puts a value behind those of the same name.
    pub fn push(&mut self, name: &str, held: Held) {
        self.values.entry(name.to_owned()).or_default().push(held);
    }

    /// The same with a vendor's keys, and whose tokens are taken; all of the issuer's where that is not said.
    #[must_use]
    pub fn with_keys(mut self, keys: Arc<KeySet>, email: Option<String>) -> Self {
        self.keys = Some(keys);
        self.email = email;
        self
    }

    pub(super) fn keys(&self) -> Option<&KeySet> {
        self.keys.as_deref()
    }

    pub(super) fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// The values that verify at this time: of the newest two those whose overlap has not ended.
    pub(super) fn valid(&self, name: &str, now_unix_ms: i64) -> impl Iterator<Item = &Secret<String>> {
        let all = self.values.get(name).map(Vec::as_slice).unwrap_or_default();
        all.iter()
            .take(NEWEST)
            .filter(move |held| held.until_unix_ms.is_none_or(|until| now_unix_ms < until))
            .map(|held| &held.value)
    }
}
