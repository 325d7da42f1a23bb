//! Events: something that happened in a product, accepted once durable, then delivered to the endpoints that want its type.

pub mod api;
pub mod batch;
pub mod directory;
pub mod examples;
pub mod model;
pub mod query;
pub mod selection;
pub mod store;
pub mod type_api;
pub mod type_store;
pub mod types;

use std::sync::Arc;
use std::time::Duration;

use crate::bus::Bus;
use crate::db::Db;
use crate::delivery::destination::Destinations;
use crate::http::shares::Shares;
use types::EventTypes;

/// What the handlers of events need.
pub struct Events {
    pub db: Db,
    pub bus: Arc<dyn Bus>,
    pub types: Arc<EventTypes>,
    /// Say who got no delivery of an event.
    pub destinations: Arc<dyn Destinations>,
    /// Turns to publish a batch.
    pub batches: Shares,
    /// Memory for batches, each of which is held whole.
    pub batch_bytes: Shares,
    /// How long a batch waits for memory, and for its turn.
    pub batch_wait: Duration,
}
