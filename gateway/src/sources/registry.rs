//! All sources in memory, by the token in their URL, so that a request asks no database for its source.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::address::{self, TokenDigest};
use super::connector::Connectors;
use super::live::Live;
use super::store::{self, Loaded};
use crate::base::clock::Millis;
use crate::base::id::SourceId;
use crate::db::{Connection, Db, DbError};
use crate::telemetry::names;
use crate::vault::Vault;

/// How often it is looked whether the connectors were read again.
const LOOK: Duration = Duration::from_secs(1);

/// A source under one of its tokens.
#[derive(Debug, Clone)]
struct Entry {
    live: Arc<Live>,
    /// The end of a token that was replaced.
    until: Option<Millis>,
}

/// The sources of all workspaces.
pub struct Registry {
    connectors: Arc<Connectors>,
    vault: Vault,
    /// Changes are rare and made one after another; readers never wait for them.
    known: Mutex<HashMap<Uuid, Arc<Live>>>,
    /// Reads one after another, so that an older read never replaces a newer one.
    refreshing: tokio::sync::Mutex<()>,
    by_token: papaya::HashMap<TokenDigest, Entry>,
}

impl Registry {
    /// An empty registry.
    pub fn new(connectors: Arc<Connectors>, vault: Vault) -> Self {
        Self {
            connectors,
            vault,
            known: Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
            by_token: papaya::HashMap::new(),
        }
    }

    /// All connectors.
    pub const fn connectors(&self) -> &Arc<Connectors> {
        &self.connectors
    }

    /// What opens and seals secrets.
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The source of a token.
    pub fn find(&self, token: &str, now: Millis) -> Option<Arc<Live>> {
        if !address::is_well_formed(token) {
            return None;
        }
        let by_token = self.by_token.pin();
        let entry = by_token.get(&address::digest_of(token))?;
        let is_over = entry.until.is_some_and(|until| until <= now);
        (!is_over).then(|| entry.live.clone())
    }

    /// The source with this id.
    pub fn of_id(&self, id: SourceId) -> Option<Arc<Live>> {
        self.known.lock().get(&id.uuid()).cloned()
    }

    /// Reads sources again from the database.
    pub async fn refresh(&self, client: &Connection, ids: &[Uuid]) -> Result<(), DbError> {
        let _turn = self.refreshing.lock().await;
        let loaded = store::load(client, Some(ids)).await?;
        self.apply(&loaded, ids.iter().copied());
        Ok(())
    }

    /// Reads all sources from the database.
    pub async fn reload(&self, client: &Connection) -> Result<(), DbError> {
        let _turn = self.refreshing.lock().await;
        let loaded = store::load(client, None).await?;
        let known: Vec<Uuid> = self.known.lock().keys().copied().collect();
        self.apply(&loaded, known.into_iter());
        Ok(())
    }

    /// Reads all sources again whenever the connectors were, until `stop`.
    pub async fn follow(self: Arc<Self>, db: Db, stop: CancellationToken) {
        let mut known = self.connectors.edition();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
            let present = self.connectors.edition();
            if Arc::ptr_eq(&known, &present) {
                continue;
            }
            let reloaded = async { self.reload(&*db.client().await?).await };
            match reloaded.await {
                Ok(()) => known = present,
                Err(fault) => tracing::debug!(%fault, "sources are read again"),
            }
        }
    }

    /// Puts in what was loaded, and takes out of `asked` what was not.
    fn apply(&self, loaded: &[Loaded], asked: impl Iterator<Item = Uuid>) {
        let mut known = self.known.lock();
        let by_token = self.by_token.pin();
        let mut gone: HashSet<Uuid> = asked.collect();
        for row in loaded {
            let id = row.0.id.uuid();
            let before = known.get(&id).cloned();
            match Live::prepare(row, &self.connectors, &self.vault, before.as_deref()) {
                Ok(live) => {
                    gone.remove(&id);
                    let live = Arc::new(live);
                    let tokens = tokens_of(&live);
                    for token in before.iter().flat_map(|before| tokens_of(before)) {
                        if !tokens.iter().any(|(kept, _)| *kept == token.0) {
                            by_token.remove(&token.0);
                        }
                    }
                    for (token, until) in tokens {
                        let live = live.clone();
                        by_token.insert(token, Entry { live, until });
                    }
                    known.insert(id, live);
                }
                Err(fault) => {
                    tracing::error!(source = %row.0.id, %fault, "a source cannot be used");
                }
            }
        }
        for id in gone {
            if let Some(live) = known.remove(&id) {
                for (token, _) in tokens_of(&live) {
                    by_token.remove(&token);
                }
            }
        }
        gauge!(names::SOURCES_LOADED).set(known.len() as f64);
    }
}

fn tokens_of(live: &Live) -> Vec<(TokenDigest, Option<Millis>)> {
    let present = (live.token_digest.as_slice(), None);
    let previous = live.previous_token.as_ref();
    let previous = previous.map(|(digest, until)| (digest.as_slice(), Some(*until)));
    let all = std::iter::once(present).chain(previous);
    all.filter_map(|(digest, until)| Some((digest.try_into().ok()?, until)))
        .collect()
}
