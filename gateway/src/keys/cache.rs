//! All keys that are not deleted, in memory, at less than 200 bytes each.
//!
//! Reads take no lock. The hash of the map is a part of the digest, which is as good as random; an attacker cannot choose
//! one without breaking SHA-256. There is no map by id, which would cost an eighth more: a change of a key reads the
//! digest from the database, where that of a deleted key stays for a day.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use uuid::Uuid;

use super::entry::{Entry, Workspaces};
use super::token::Digest;
use crate::base::clock::Millis;
use crate::base::digest_hasher::DigestHasher;

type Set<K> = papaya::HashSet<K, BuildHasherDefault<DigestHasher>>;

/// An entry that is found by its digest.
struct ByDigest(Arc<Entry>);

impl Hash for ByDigest {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.digest.hash(hasher);
    }
}

impl PartialEq for ByDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

impl Eq for ByDigest {}

impl papaya::Equivalent<ByDigest> for Digest {
    fn equivalent(&self, key: &ByDigest) -> bool {
        key.0.digest == *self
    }
}

/// The keys of all workspaces.
#[derive(Default)]
pub struct Cache {
    by_digest: Set<ByDigest>,
    used: Mutex<Vec<Arc<Entry>>>,
    pub(super) workspaces: Workspaces,
}

impl Cache {
    /// The key with that digest.
    pub fn find(&self, digest: &Digest) -> Option<Arc<Entry>> {
        self.by_digest.pin().get(digest).map(|found| found.0.clone())
    }

    /// Makes room for so many keys at once.
    pub fn reserve(&self, key_count: usize) {
        self.by_digest.pin().reserve(key_count);
    }

    /// Puts a key in, or replaces it by what it has become.
    pub fn put(&self, mut entry: Entry) {
        let keys = self.by_digest.pin();
        if let Some(before) = keys.get(&entry.digest) {
            entry.go_on_from(&before.0);
        }
        // A set replaces the whole of an equal member; a test holds it to that.
        keys.insert(ByDigest(Arc::new(entry)));
    }

    /// Forgets a deleted key.
    pub fn remove(&self, digest: &Digest) {
        self.by_digest.pin().remove(digest);
    }

    /// Forgets every key that `is_kept` does not know.
    pub fn retain(&self, is_kept: impl Fn(&Uuid) -> bool) {
        let keys = self.by_digest.pin();
        let gone: Vec<Digest> = keys
            .iter()
            .filter(|key| !is_kept(&key.0.id.uuid()))
            .map(|key| key.0.digest)
            .collect();
        for digest in gone {
            keys.remove(&digest);
        }
    }

    /// How many keys are held.
    pub fn key_count(&self) -> usize {
        self.by_digest.len()
    }

    /// Notes that a key was used.
    pub fn note_use(&self, entry: &Arc<Entry>, now: Millis) {
        let seconds = u32::try_from(now.0 / 1000).unwrap_or(u32::MAX);
        if entry.used_seconds.load(Ordering::Relaxed) == seconds {
            return;
        }
        entry.used_seconds.store(seconds, Ordering::Relaxed);
        if !entry.is_noted.swap(true, Ordering::AcqRel) {
            self.used.lock().push(entry.clone());
        }
    }

    /// The keys used since the last call, each with its last use.
    ///
    /// A key that was replaced in memory meanwhile is noted twice; its later use stands.
    pub fn take_used(&self) -> HashMap<Uuid, Millis> {
        let used = std::mem::take(&mut *self.used.lock());
        used.iter()
            .map(|entry| {
                entry.is_noted.store(false, Ordering::Release);
                let seconds = entry.used_seconds.load(Ordering::Relaxed);
                (entry.id.uuid(), Millis(i64::from(seconds) * 1000))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::caller::WorkspaceId;
    use crate::base::id::KeyId;
    use crate::keys::entry::Rare;

    fn entry(cache: &Cache, id: KeyId, digest: u8, name: &str, is_revoked: bool) -> Entry {
        let rare = Rare {
            is_revoked,
            ..Rare::default()
        };
        let workspace = cache.workspaces.share(WorkspaceId(1), "default");
        let scopes = Default::default();
        Entry::new([digest; 32], id, name.into(), workspace, scopes, None, rare)
    }

    #[test]
    fn a_key_that_is_put_again_is_what_it_has_become() {
        let cache = Cache::default();
        let (one, other) = (KeyId::generate(), KeyId::generate());
        cache.put(entry(&cache, one, 1, "one", false));
        cache.put(entry(&cache, other, 2, "other", false));
        cache.put(entry(&cache, one, 1, "one", true));
        assert_eq!(cache.key_count(), 2);
        let found = cache.find(&[1; 32]).expect("is there");
        assert!(found.is_revoked());
        cache.remove(&[1; 32]);
        assert!(cache.find(&[1; 32]).is_none() && cache.find(&[2; 32]).is_some());
        cache.retain(|_| false);
        assert_eq!(cache.key_count(), 0);
    }

    #[test]
    fn uses_are_taken_once() {
        let cache = Cache::default();
        let id = KeyId::generate();
        cache.put(entry(&cache, id, 1, "one", false));
        let found = cache.find(&[1; 32]).expect("is there");
        cache.note_use(&found, Millis(5_000));
        cache.note_use(&found, Millis(6_000));
        cache.put(entry(&cache, id, 1, "one", false));
        cache.note_use(&cache.find(&[1; 32]).expect("is there"), Millis(7_000));
        assert_eq!(cache.take_used(), HashMap::from([(id.uuid(), Millis(7_000))]));
        assert!(cache.take_used().is_empty());
    }
}
