//! Rules: what is to be done when an event comes, by the action of a connector.
//!
//! A rule is a destination of `delivery`: `registry` holds all in memory, `destinations` connects them to the engine, and
//! `destination` makes the request of an attempt and judges its answer. `plan` is a rule's action with its templates,
//! compiled when the rule is saved; it renders what is sent from what templates `view` of an event. `draft` reads a
//! request, `store` has the SQL, and the files called `…api` are the handlers.

pub mod api;
pub mod deliveries_api;
pub mod destination;
pub mod destinations;
mod draft;
mod gate;
mod masks;
pub mod mender;
pub mod model;
mod plan;
pub mod registry;
pub mod store;
pub mod try_api;
mod view;

use std::sync::Arc;

use tokio::sync::Notify;

use crate::config;
use crate::connections::registry::Registry as Credentials;
use crate::connectors::catalogue::Catalogue;
use crate::db::Db;
use crate::delivery::engine::lanes::Lanes;
use crate::events::types::EventTypes;
use crate::outbound::client::Client;
use crate::outbound::elsewhere::Elsewhere;
use mender::Refusals;
use registry::Registry;

/// What every rule needs to act.
pub struct Needs {
    pub catalogue: Arc<Catalogue>,
    pub credentials: Arc<Credentials>,
    /// Hears of credentials that vendors refuse.
    pub refusals: Arc<Refusals>,
    /// Where requests go whose hosts the operator sends elsewhere.
    pub elsewhere: Elsewhere,
    /// The settings of those that have none of their own.
    pub defaults: config::Webhooks,
}

/// What the handlers of rules need.
#[derive(Clone)]
pub struct Rules {
    pub db: Db,
    pub registry: Arc<Registry>,
    pub lanes: Arc<Lanes>,
    pub client: Client,
    pub types: Arc<EventTypes>,
    /// Rings the scheduler.
    pub wake: Arc<Notify>,
}
