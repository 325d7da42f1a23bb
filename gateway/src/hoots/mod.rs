//! Hoots: badges and pages that tell readers whether what they look at can be trusted.
//!
//! A hoot shows the worst of its sentries, or what people have put in its place for a while. What the public sees is served
//! from memory (`registry`), which the change feed keeps fresh: a request asks no database. `verdict` decides what a hoot
//! says, `badge` and `page` draw it.

pub mod api;
mod badge;
mod draft;
pub mod editing;
mod escape;
mod icon;
pub mod model;
mod page;
pub mod public;
pub mod registry;
pub mod shown;
pub mod store;
mod verdict;

use std::sync::Arc;

use metrics::{Counter, counter};

use crate::config;
use crate::db::Db;
use crate::http::buckets::Buckets;
use crate::telemetry::names;
use registry::Registry;

const LEAST_BURST: u32 = 200;

/// What the handlers of hoots need.
#[derive(Clone)]
pub struct Hoots {
    pub db: Db,
    pub registry: Arc<Registry>,
    pub viewers: Arc<Viewers>,
    /// The origin of links; the request's own if absent.
    pub public_url: Option<Arc<str>>,
}

/// How often each network may ask without a key.
pub struct Viewers {
    networks: Buckets,
    per_second: u32,
    refused: Counter,
}

impl Viewers {
    /// Full buckets that refill as the settings say.
    pub fn new(settings: &config::Hoots) -> Self {
        let per_second = settings.max_per_second;
        Self {
            networks: Buckets::new(per_second, per_second.max(LEAST_BURST)),
            per_second,
            refused: counter!(names::HOOT_VIEWS_REFUSED),
        }
    }
}
