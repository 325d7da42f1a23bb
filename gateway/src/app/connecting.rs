//! Builds what connections need: what sends to vendors, and what keeps tokens fresh.

use std::sync::Arc;

use tokio::sync::Notify;

use super::StartError;
use crate::bus::Bus;
use crate::config::Config;
use crate::connections::Connections;
use crate::connections::outgoing::Outgoing;
use crate::connections::refresh::{Refresher, refusals::Refusals, renewal::Renewals};
use crate::connections::registry::Registry;
use crate::connectors::catalogue::Catalogue;
use crate::db::Db;
use crate::feed::bell::Bell;
use crate::outbound::client::Client;
use crate::outbound::elsewhere::Elsewhere;

/// What is there already.
pub(super) struct Parts {
    pub db: Db,
    pub background: Db,
    pub client: Client,
    pub catalogue: Arc<Catalogue>,
    pub registry: Arc<Registry>,
    pub bus: Arc<dyn Bus>,
    pub bell: Arc<Bell>,
}

/// What handlers of connections are given, and what refreshes tokens.
pub(super) fn connecting(config: &Config, parts: Parts) -> Result<(Connections, Refresher), StartError> {
    let wake = Arc::new(Notify::new());
    let (refusals, waiting) = Refusals::new();
    let connections = Connections {
        db: parts.db.clone(),
        catalogue: parts.catalogue,
        registry: parts.registry.clone(),
        outgoing: Outgoing::new(parts.client, Elsewhere::new(&config.connectors.hosts)?),
        apps: Arc::new(config.connectors.apps.clone()),
        renewals: Renewals {
            db: parts.db,
            registry: parts.registry,
            wake: wake.clone(),
        },
        refusals,
        public_url: config.server.public_url.as_ref().map(|url| url.as_str().into()),
    };
    let refresher = Refresher {
        connections: Connections {
            db: parts.background,
            ..connections.clone()
        },
        bus: parts.bus,
        bell: parts.bell,
        wake,
        refusals: waiting,
    };
    Ok((connections, refresher))
}
