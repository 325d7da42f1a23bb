//! What rules are made of.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::StartError;
use crate::base::tasks::Tasks;
use crate::bus::Bus;
use crate::config::Config;
use crate::connections::{self, Connections};
use crate::connectors::catalogue::Catalogue;
use crate::db::Db;
use crate::delivery::destination::Destinations;
use crate::delivery::several::Several;
use crate::outbound::elsewhere::Elsewhere;
use crate::rules::Needs;
use crate::rules::destinations::RuleDestinations;
use crate::rules::mender::{Mender, Refusals, Refused};
use crate::rules::registry::Registry;
use crate::webhooks::destinations::Endpoints;

/// The rules in memory, and what deals with credentials that vendors refuse.
pub(super) struct RuleParts {
    pub registry: Arc<Registry>,
    refusals: Arc<Refusals>,
    refused: mpsc::Receiver<Refused>,
}

impl RuleParts {
    /// No rule yet.
    pub fn new(
        config: &Config,
        catalogue: &Arc<Catalogue>,
        credentials: &Arc<connections::registry::Registry>,
    ) -> Result<Self, StartError> {
        let (refusals, refused) = Refusals::new();
        let refusals = Arc::new(refusals);
        let registry = Registry::new(Needs {
            catalogue: catalogue.clone(),
            credentials: credentials.clone(),
            refusals: refusals.clone(),
            elsewhere: Elsewhere::new(&config.connectors.hosts)?,
            defaults: config.webhooks.clone(),
        });
        Ok(Self {
            registry: Arc::new(registry),
            refusals,
            refused,
        })
    }

    /// Rules beside webhooks, as all that events are delivered to.
    pub fn beside(&self, webhooks: Endpoints, db: &Db) -> Arc<dyn Destinations> {
        let rules = RuleDestinations::new(self.registry.clone(), db.clone());
        Arc::new(Several(vec![Arc::new(webhooks), Arc::new(rules)]))
    }

    /// Starts what deals with refused credentials; the rules.
    pub fn start(self, connections: Connections, bus: Arc<dyn Bus>, upkeep: &Tasks) -> Arc<Registry> {
        let mender = Mender {
            refusals: self.refusals,
            connections,
            bus,
        };
        upkeep.spawn("refused credentials", mender.run(self.refused, upkeep.stop()));
        self.registry
    }
}
