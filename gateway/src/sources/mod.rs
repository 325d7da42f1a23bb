//! Sources: public addresses whose requests are verified, deduplicated and turned into ordinary events.
//!
//! A source is of a connector (`connector/`), which says how its vendor signs and what a request means. What the API makes
//! and shows stands in `model`, `draft`, `store` and `api`; a source that takes requests is in memory (`registry`, `live`),
//! which the change feed keeps fresh, so that a request asks the database for its commit alone. `intake/` is the way of a
//! request, `receipts/` remembers what became of it.

pub mod address;
pub mod api;
pub mod connector;
pub mod draft;
pub mod intake;
pub mod label;
pub mod live;
pub mod model;
pub mod receipts;
pub mod registry;
pub mod reseal;
mod reseal_store;
pub mod secret;
pub mod secret_api;
pub mod status;
pub mod store;

use std::sync::Arc;

use crate::bus::Bus;
use crate::db::Db;
use crate::events::types::EventTypes;
use crate::http::shares::Shares;
use connector::Connectors;
use intake::flood::Floods;
use intake::key_sets::KeySets;
use receipts::journal::Journal;
use registry::Registry;

/// Bytes of bodies that are in memory at a time, and those of one workspace.
const BODY_BYTES: usize = 48 << 20;
const BODY_BYTES_OF_ONE: usize = 24 << 20;

/// What the handlers of sources need.
#[derive(Clone)]
pub struct Sources {
    pub db: Db,
    pub bus: Arc<dyn Bus>,
    pub connectors: Arc<Connectors>,
    pub registry: Arc<Registry>,
    pub types: Arc<EventTypes>,
    pub journal: Arc<Journal>,
    pub floods: Arc<Floods>,
    pub key_sets: Arc<KeySets>,
    pub bodies: Arc<Shares>,
    /// What the URLs of sources begin with, without a slash at its end.
    pub base_url: Arc<str>,
    pub max_body_bytes: usize,
}

/// The memory that bodies share.
pub fn bodies() -> Arc<Shares> {
    Arc::new(Shares::new(BODY_BYTES, BODY_BYTES_OF_ONE))
}
