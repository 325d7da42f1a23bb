//! Connections: sealed credentials at vendors.
//!
//! Which fields a connection has, and where its requests may go, its connector's definition says. `draft` reads and checks
//! them, `values` holds them, sealed in `store` and opened into memory by `registry`, which the change feed keeps fresh.
//! `outgoing` sends what goes to vendors: to the definition's hosts alone, through the address guard, without redirects;
//! `testing` makes the connector's test call with it. `use_store` knows which rules and sources use a connection.

pub mod api;
pub mod authorize;
mod draft;
pub mod editing;
pub mod model;
mod notice;
pub mod outgoing;
pub mod refresh;
pub mod registry;
pub mod reseal;
pub mod store;
pub mod stored;
pub mod testing;
mod tokens;
pub mod use_store;
pub mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::App;
use crate::connectors::catalogue::Catalogue;
use crate::db::Db;
use outgoing::Outgoing;
use refresh::refusals::Refusals;
use refresh::renewal::Renewals;
use registry::Registry;

/// What the handlers of connections need.
#[derive(Clone)]
pub struct Connections {
    pub db: Db,
    pub catalogue: Arc<Catalogue>,
    pub registry: Arc<Registry>,
    pub outgoing: Outgoing,
    /// The operator's apps, by connector.
    pub apps: Arc<BTreeMap<String, App>>,
    pub renewals: Renewals,
    /// What rules tell of refusals.
    pub refusals: Refusals,
    /// What the address that vendors send people back to begins with; the request's own origin if absent.
    pub public_url: Option<Arc<str>>,
}
