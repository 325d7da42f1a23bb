//! Imports: a client's file, from its bytes to records.
//!
//! [`read`] is pure: bytes in, rows out. [`write`] brings rows into the database, each chunk in one transaction with its
//! counts, its failed rows and its undo log, and takes an import back. [`job`] runs an import from the request to its end:
//! body → source (inflated, capped) → rows → chunks → writers. [`causes`] count why rows fail, and [`kept`] uploads can be
//! imported after their dry run. Beside them stand what a job is ([`model`]), its SQL
//! (`store`, and `shown_store` for its page) and its routes ([`api`], [`guide`]).

pub mod api;
pub mod causes;
pub mod guide;
pub mod job;
pub mod kept;
pub mod mode;
pub mod model;
pub mod read;
pub mod shown_store;
pub mod store;
pub mod write;

use std::sync::Arc;
use std::time::Duration;

use crate::base::id::InstanceId;
use crate::bus::Bus;
use crate::config;
use crate::db::Db;
use crate::http::shares::Shares;
use job::running::Running;
use job::watchers::Watchers;
use read::limits::Limits;

/// What the handlers of imports need.
#[derive(Clone)]
pub struct Imports {
    pub db: Db,
    pub bus: Arc<dyn Bus>,
    /// This instance, which its jobs are known by.
    pub instance: InstanceId,
    pub settings: config::Imports,
    pub running: Arc<Running>,
    /// No workspace has the last of them beside all others.
    pub places: Arc<Shares>,
    pub watchers: Arc<Watchers>,
}

impl Imports {
    /// No import runs yet.
    pub fn new(db: Db, bus: Arc<dyn Bus>, instance: InstanceId, settings: config::Imports) -> Self {
        job::lifecycle::show_counters();
        Self {
            db,
            bus,
            instance,
            places: Arc::new(Shares::new(
                settings.max_running,
                settings.max_running.saturating_sub(1).max(1),
            )),
            running: Arc::default(),
            watchers: Arc::default(),
            settings,
        }
    }

    /// The caps on a file's parts.
    pub fn limits(&self) -> Limits {
        Limits {
            record_bytes: self.settings.max_record_bytes,
            ..Limits::default()
        }
    }

    /// Lets imports end for at most `limit`, then fails those that are left.
    pub async fn drain(&self, limit: Duration) {
        const LAST_WRITES: Duration = Duration::from_secs(2);
        self.running.tasks.close();
        if tokio::time::timeout(limit, self.running.tasks.wait())
            .await
            .is_err()
        {
            self.running.stop.cancel();
            let _ = tokio::time::timeout(LAST_WRITES, self.running.tasks.wait()).await;
        }
    }
}
