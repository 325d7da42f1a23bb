//! Imports: a client's file, from its bytes to records.
//!
//! The pure half: [`opening::Opening`] collects bytes until encoding, delimiter and header are known ([`sniff`],
//! [`header`]), and refuses what is no table. What it gives is a [`rows::RowStream`]: bytes in ([`decode`]), records out
//! ([`reader`]), rows out ([`row`]). Both take whatever slices the network delivers; where they are cut makes no
//! difference.
//!
//! The other half runs a job: body → `source` (inflated, capped) → rows → [`chunk`] → `lane`, where [`merge`] plans
//! what the rows come to and `session_store` writes it, each chunk in one transaction with its counts, its report and its
//! trace. A job is `running` until it is `completed`, `failed` or `cancelled`, once and for all ([`ending`]); after
//! that `undo` can take it back. Its counts are true at every moment.

pub mod api;
pub mod chunk;
pub mod decode;
pub mod ending;
pub mod escape;
mod feeder;
pub mod guide;
pub mod header;
pub mod heading;
mod lane;
mod lines;
pub mod mapping;
pub mod merge;
pub mod model;
pub mod names;
pub mod opening;
pub mod purge_store;
pub mod reader;
pub mod record;
pub mod refusal;
mod report;
pub mod row;
pub mod rows;
mod runner;
mod session_store;
pub mod sniff;
mod source;
mod store;
pub mod template;
mod trace;
mod undo;
mod writer_store;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::bus::Bus;
use crate::config;
use crate::db::Db;
use ending::Running;

/// What the handlers of imports need.
#[derive(Clone)]
pub struct Imports {
    pub db: Db,
    pub bus: Arc<dyn Bus>,
    pub settings: config::Imports,
    pub running: Arc<Running>,
    pub places: Arc<Semaphore>,
}

impl Imports {
    /// No import runs yet.
    pub fn new(db: Db, bus: Arc<dyn Bus>, settings: config::Imports) -> Self {
        Self {
            db,
            bus,
            places: Arc::new(Semaphore::new(settings.max_running)),
            running: Arc::default(),
            settings,
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

/// What to do with rows whose key exists, and with those whose key does not (`&mode=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Update the one, create the other.
    #[default]
    Upsert,
    /// A key that exists is the row's error.
    Create,
    /// A key that does not exist, or is not given, is the row's error.
    Update,
}

impl Mode {
    /// What `&mode=` takes.
    pub fn named(name: &str) -> Option<Mode> {
        match name {
            "upsert" => Some(Mode::Upsert),
            "create" => Some(Mode::Create),
            "update" => Some(Mode::Update),
            _ => None,
        }
    }

    /// The word that [`Mode::named`] takes.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Upsert => "upsert",
            Mode::Create => "create",
            Mode::Update => "update",
        }
    }
}

/// The caps of IMPORT-RULES.md, "Limits".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one cell, as UTF-8.
    pub cell_bytes: usize,
    /// Most bytes of one record's cells (`imports.max_record_bytes`).
    pub record_bytes: usize,
    /// Most bytes of the header, and of all that is read before it is found.
    pub header_bytes: usize,
    /// Most columns of the header.
    pub columns: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            cell_bytes: 1024 * 1024,
            record_bytes: 16 * 1024 * 1024,
            header_bytes: 1024 * 1024,
            columns: 10_000,
        }
    }
}
