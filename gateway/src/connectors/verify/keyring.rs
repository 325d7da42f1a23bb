//! The secrets of one source.

use std::collections::BTreeMap;

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

/// The values of each secret, newest first.
#[derive(Debug, Clone, Default)]
pub struct Keyring(BTreeMap<String, Vec<Held>>);

impl Keyring {
    /// Puts a value behind those of the same name.
    pub fn push(&mut self, name: &str, held: Held) {
        self.0.entry(name.to_owned()).or_default().push(held);
    }

    /// The values that verify at this time: of the newest two those whose overlap has not ended.
    pub(super) fn valid(&self, name: &str, now_unix_ms: i64) -> impl Iterator<Item = &Secret<String>> {
        let all = self.0.get(name).map(Vec::as_slice).unwrap_or_default();
        all.iter()
            .take(NEWEST)
            .filter(move |held| held.until_unix_ms.is_none_or(|until| now_unix_ms < until))
            .map(|held| &held.value)
    }
}
