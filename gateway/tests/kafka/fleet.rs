//! Gateways that share a topic and a database.

use stage::{Broker, Settings};
use stage::{Cluster, Database, Desk, Gateway, SOON, eventually};

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
        // It takes seconds, and this thread may have others to serve.
        let broker = tokio::task::spawn_blocking(Broker::shared)
            .await
            .expect("a broker");
        Self::at(Settings::new(broker.address()), count).await
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
        for gateway in &fleet.gateways {
            fleet.wait_for_key(gateway).await;
        }
        fleet
    }

    /// One more gateway.
    pub async fn join(&self) -> Gateway {
        let gateway = Gateway::start(&self.database.url(), &self.settings.environment()).await;
        self.wait_for_key(&gateway).await;
        gateway
    }

    async fn wait_for_key(&self, gateway: &Gateway) {
        let api = self.desk.seen_from(gateway);
        eventually("every instance knows the key", SOON, || async {
            api.get("/v1/whoami").await.status == 200
        })
        .await;
    }

    /// Partitions that a gateway has.
    pub async fn partitions_of(gateway: &Gateway) -> usize {
        let reply = gateway.operations("/metrics").await;
        let metrics = reply.text();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("gateway_kafka_partitions "));
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        value.map_or(0, |value| value as usize)
    }
}
