//! The console: server-rendered pages under `/integrations`, for the operators and the people of a workspace.
//!
//! A page is four things. A **route** in `routes/pages/table.rs`: method, path and scope, as for the API. A **handler** in
//! the folder of its group here (`api_keys/` shows all kinds): it takes what it needs of the features and a [`Visit`].
//! To show, it reads by the features' own functions and fills a **template** beside it, which extends `layout.html` and
//! uses the macros of `macros.html`, by [`Visit::show`] ([`Visit::show_list`] if it is live). To change, it reads the
//! [`form::Form`], makes of it the body that the API's handler takes, and calls that with [`Visit::api_call`]: so page
//! and API validate, audit and repeat alike. [`alert::Alert`] shows its faults at the fields; [`Visit::see_other`] ends
//! with a notice. A **test** in `tests/it/console/`; those in `every_page/` hold for each row of its list, so add one.
//!
//! A page has at most three queries, that of its session included. Nothing is marked `safe` (`tests/laws/templates.rs`).

pub mod access;
pub mod alert;
pub mod api_keys;
pub mod assets;
pub mod audit;
pub mod chart;
pub mod coming;
mod cookies;
pub mod deliveries;
pub mod destination;
pub mod events;
mod filter;
pub mod form;
pub mod frame;
pub mod hoots;
pub mod imports;
pub mod overview;
pub mod page;
pub mod recovery;
pub mod sentries;
pub mod sign_in;
pub mod site;
mod visit;
pub mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use crate::db::Db;
use crate::feed::Freshness;
use crate::keys::Keys;
use access::recent::Recent;
use site::HostRules;

pub use visit::{Arrival, Visit, see_other};

/// What the settings say about the console.
#[derive(Debug, Clone)]
pub struct Settings {
    pub is_enabled: bool,
    pub hosts: HostRules,
    /// Whether the listener itself speaks TLS.
    pub is_tls: bool,
    pub idle: Duration,
    pub session: Duration,
    pub stale_after: Duration,
}

/// What all pages share.
#[derive(Clone)]
pub struct Console(Arc<Shared>);

/// See [`Console`].
pub struct Shared {
    pub db: Db,
    pub keys: Keys,
    pub settings: Settings,
    pub freshness: Arc<Freshness>,
    pub recent: Recent,
    /// What operators know this process by.
    pub instance: String,
}

impl std::ops::Deref for Console {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Console {
    /// The console of this process.
    pub fn new(db: Db, keys: Keys, freshness: Arc<Freshness>, settings: Settings) -> Self {
        Self(Arc::new(Shared {
            db,
            keys,
            settings,
            freshness,
            recent: Recent::default(),
            instance: crate::feed::instance_store::instance_name(),
        }))
    }
}
