//! Builds what takes requests of outside systems in.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::base::tasks::Tasks;
use crate::bus::Bus;
use crate::config::{self, Config};
use crate::connections::outgoing::Outgoing;
use crate::db::Db;
use crate::events::types::EventTypes;
use crate::sources::intake::flood::Floods;
use crate::sources::intake::key_sets::KeySets;
use crate::sources::receipts::journal::Journal;
use crate::sources::registry::Registry;
use crate::sources::{Sources, bodies};

/// What sources are built of.
pub(super) struct SourceParts {
    pub db: Db,
    pub background: Db,
    pub bus: Arc<dyn Bus>,
    pub registry: Arc<Registry>,
    pub types: Arc<EventTypes>,
    pub base_url: Arc<str>,
    pub outgoing: Outgoing,
}

impl SourceParts {
    /// Starts what writes receipts and what follows the catalogue of connectors.
    pub(super) fn start(self, settings: &config::Sources, upkeep: &Tasks) -> Sources {
        let following = self
            .registry
            .clone()
            .follow(self.background.clone(), upkeep.stop());
        upkeep.spawn("connectors of sources", following);
        let journal = Arc::new(Journal::new(self.background));
        upkeep.spawn("receipts", journal.clone().run(upkeep.stop()));
        Sources {
            db: self.db,
            bus: self.bus,
            connectors: self.registry.connectors().clone(),
            registry: self.registry,
            types: self.types,
            journal,
            key_sets: Arc::new(KeySets::new(self.outgoing)),
            floods: Arc::new(Floods::new(settings)),
            bodies: bodies(),
            base_url: self.base_url,
            max_body_bytes: settings.max_body_bytes,
        }
    }
}

/// What the URLs of sources begin with: the public URL, else where the API listens.
pub(super) fn base_url(config: &Config, listen: SocketAddr) -> Arc<str> {
    if let Some(url) = &config.server.public_url {
        return url.as_str().trim_end_matches('/').into();
    }
    let scheme = if config.server.tls.is_some() {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{listen}").into()
}
