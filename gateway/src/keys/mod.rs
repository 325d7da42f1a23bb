//! API keys: what they are, how a request's key is recognised, and how they are made and ended.
//!
//! A key is `sk_` and 64 lower-case hexadecimal characters. The database holds its SHA-256, every instance holds
//! all keys that are not deleted in memory, so recognising one costs a hash and a look-up and a miss is final.
//! A key is *live*, then *revoked* or *expired* (each with an error code of its own), then *deleted*.

pub mod api;
pub mod authenticate;
pub mod cache;
pub mod entry;
pub mod flood;
pub mod model;
pub mod store;
pub mod token;
pub mod workspace_store;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::base::clock::Millis;
use crate::base::id::InstanceId;
use crate::config;
use crate::db::Db;
use cache::Cache;
use flood::Floods;

/// `last_used_at` reaches the database this often.
const FLUSH_INTERVAL: Duration = Duration::from_secs(20);

/// The keys of all workspaces.
#[derive(Clone)]
pub struct Keys {
    pub db: Db,
    pub cache: Arc<Cache>,
    pub instance: InstanceId,
    pub floods: Arc<Floods>,
    /// Reads one after another, so that what was read first is not put over what was read last.
    refreshing: Arc<tokio::sync::Mutex<()>>,
}

impl Keys {
    /// Keys of `db`, none of them in memory yet.
    pub fn new(db: Db, instance: InstanceId, settings: &config::Keys) -> Self {
        Self {
            db,
            cache: Arc::new(Cache::default()),
            instance,
            floods: Arc::new(Floods::new(settings)),
            refreshing: Arc::default(),
        }
    }

    /// Writes `last_used_at` in batches until `stop`, and once more then.
    pub async fn run_flusher(self, stop: CancellationToken) {
        let mut unwritten = HashMap::new();
        loop {
            let is_last = tokio::select! {
                () = tokio::time::sleep(FLUSH_INTERVAL) => false,
                () = stop.cancelled() => true,
            };
            self.flush_last_used(&mut unwritten).await;
            if is_last {
                return;
            }
        }
    }

    async fn flush_last_used(&self, unwritten: &mut HashMap<Uuid, Millis>) {
        unwritten.extend(self.cache.take_used());
        if unwritten.is_empty() {
            return;
        }
        match store::update_last_used(&self.db, unwritten).await {
            Ok(()) => unwritten.clear(),
            // Health tells of a server that takes no writes.
            Err(fault) if fault.unwritable().is_some() => {}
            Err(fault) => {
                tracing::warn!(%fault, key_count = unwritten.len(), "last_used_at is written later");
            }
        }
    }
}
