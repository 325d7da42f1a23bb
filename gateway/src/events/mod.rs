//! Events: something that happened in a product, accepted once durable, then delivered to the endpoints that want its type.

pub mod api;
pub mod batch;
pub mod examples;
pub mod model;
pub mod store;
pub mod type_api;
pub mod types;

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::bus::Bus;
use crate::db::Db;
use types::EventTypes;

/// What the handlers of events need.
#[derive(Clone)]
pub struct Events {
    pub db: Db,
    pub bus: Arc<dyn Bus>,
    pub types: Arc<EventTypes>,
    /// Turns for batches, which are held in memory whole.
    pub batches: Arc<Semaphore>,
}
