//! The sessions that this instance saw last. While the database is away the frame of a page can still say who is signed
//! in; nothing else is decided by it.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::model::{Digest, Session};

/// At a few hundred bytes each. Beyond it all are forgotten, and come back with their next page.
const MAX_SESSIONS: usize = 2_000;

/// Sessions by their cookies' digests.
#[derive(Default)]
pub struct Recent(Mutex<HashMap<Digest, Arc<Session>>>);

impl Recent {
    /// Remembers a session that was just found.
    pub fn note(&self, session: &Arc<Session>) {
        let mut known = self.0.lock();
        if known.len() >= MAX_SESSIONS && !known.contains_key(&session.digest) {
            known.clear();
        }
        known.insert(session.digest, session.clone());
    }

    /// The session with that cookie, as it was when it was seen last.
    pub fn find(&self, digest: &Digest) -> Option<Arc<Session>> {
        self.0.lock().get(digest).cloned()
    }

    /// Forgets a session that has ended.
    pub fn forget(&self, digest: &Digest) {
        self.0.lock().remove(digest);
    }
}
