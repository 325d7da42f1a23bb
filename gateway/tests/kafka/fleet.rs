//! Gateways that share a topic and a database.

use stage::{Cluster, Database, Desk, Gateway, Settings};

/// Some gateways, and a desk at the first of them.
pub struct Fleet {
    pub database: Database,
    pub settings: Settings,
    pub gateways: Vec<Gateway>,
    pub desk: Desk,
}

impl Fleet {
    /// So many gateways at the broker that tests share.
    pub async fn start(count: usize) -> Self {
        Self::at(Settings::shared().await, count).await
    }

    /// So many gateways with these settings.
    pub async fn at(settings: Settings, count: usize) -> Self {
        let database = Cluster::shared().database().await;
        let mut gateways = Vec::new();
        for _ in 0..count {
            gateways.push(Gateway::start(&database.url(), &settings.environment()).await);
        }
        let desk = Desk::at(&gateways[0], &database).await;
        let fleet = Self {
            database,
            settings,
            gateways,
            desk,
        };
        fleet.database.wait_until_known().await;
        fleet
    }

    /// One more gateway.
    pub async fn join(&self) -> Gateway {
        let gateway = Gateway::start(&self.database.url(), &self.settings.environment()).await;
        self.database.wait_until_known().await;
        gateway
    }

    /// Partitions that a gateway has.
    pub async fn partitions_of(gateway: &Gateway) -> usize {
        let partitions = gateway.metric("gateway_kafka_partitions").await;
        partitions.map_or(0, |count| count as usize)
    }
}
