//! All keys that are not deleted, in memory.
//!
//! Reads take no lock. The hash of the map is a part of the key's own digest, which is as good as random; an
//! attacker cannot choose it without breaking SHA-256.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::Mutex;
use uuid::Uuid;

use super::model::LiveKey;
use super::token::Digest;
use crate::base::clock::Millis;

/// `last_used_at` need not be finer than this.
const USE_GRAIN_MILLIS: i64 = 1_000;

/// Takes eight bytes of what it hashes, which is a digest or a UUID.
#[derive(Default)]
pub struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // The last bytes: those of a UUIDv7 are random, while its first are the time.
        if let Some(tail) = bytes.last_chunk::<8>() {
            self.0 = u64::from_ne_bytes(*tail);
        }
    }

    // Arrays announce their length first; it is always the same.
    fn write_usize(&mut self, _length: usize) {}
}

type Map<K, V> = papaya::HashMap<K, V, BuildHasherDefault<DigestHasher>>;

/// A key in memory, with what changes at each use.
#[derive(Debug)]
pub struct Entry {
    pub key: LiveKey,
    last_used: AtomicI64,
    is_noted: AtomicBool,
}

/// The keys of all workspaces by their digests.
#[derive(Default)]
pub struct Cache {
    by_digest: Map<Digest, Arc<Entry>>,
    by_id: Map<Uuid, Arc<Entry>>,
    used: Mutex<Vec<Arc<Entry>>>,
}

impl Cache {
    /// The key with that digest.
    pub fn find(&self, digest: &Digest) -> Option<Arc<Entry>> {
        self.by_digest.pin().get(digest).cloned()
    }

    /// Puts a key in, or replaces it by what it has become.
    pub fn put(&self, mut key: LiveKey) {
        let by_id = self.by_id.pin();
        let id = key.caller.key_id.uuid();
        // A bucket that was half empty stays half empty.
        if let Some(before) = by_id.get(&id)
            && before.key.rate_limit_per_second == key.rate_limit_per_second
        {
            key.limiter = before.key.limiter.clone();
        }
        let entry = Arc::new(Entry {
            key,
            last_used: AtomicI64::new(0),
            is_noted: AtomicBool::new(false),
        });
        self.by_digest.pin().insert(entry.key.digest, entry.clone());
        by_id.insert(id, entry);
    }

    /// Forgets a deleted key.
    pub fn remove(&self, id: Uuid) {
        if let Some(entry) = self.by_id.pin().remove(&id) {
            self.by_digest.pin().remove(&entry.key.digest);
        }
    }

    /// Forgets every key that `is_kept` does not know.
    pub fn retain(&self, is_kept: impl Fn(&Uuid) -> bool) {
        let gone: Vec<Uuid> = self
            .by_id
            .pin()
            .keys()
            .filter(|id| !is_kept(id))
            .copied()
            .collect();
        for id in gone {
            self.remove(id);
        }
    }

    /// How many keys are held.
    pub fn key_count(&self) -> usize {
        self.by_id.len()
    }

    /// Notes that a key was used.
    pub fn note_use(&self, entry: &Arc<Entry>, now: Millis) {
        let before = entry.last_used.load(Ordering::Relaxed);
        if now.0 - before < USE_GRAIN_MILLIS {
            return;
        }
        entry.last_used.store(now.0, Ordering::Relaxed);
        if !entry.is_noted.swap(true, Ordering::AcqRel) {
            self.used.lock().push(entry.clone());
        }
    }

    /// The keys used since the last call, each with its last use.
    pub fn take_used(&self) -> Vec<(Uuid, Millis)> {
        let used = std::mem::take(&mut *self.used.lock());
        used.iter()
            .map(|entry| {
                entry.is_noted.store(false, Ordering::Release);
                let at = Millis(entry.last_used.load(Ordering::Relaxed));
                (entry.key.caller.key_id.uuid(), at)
            })
            .collect()
    }
}
