//! Where the instances of the bus on Apache Kafka meet: a topic, and a database beside it.

use gateway::facade::app;
use gateway::facade::base::Tasks;
use gateway::facade::bus::KafkaBus;
use gateway::facade::config::{BusKind, Config};
use gateway::facade::delivery::release;
use gateway::facade::telemetry::Health;

use super::instance::Instance;
use crate::admin::done_count;
use stage::{Cluster, Database, SOON, Settings, eventually};

/// A topic and a database of one test's own.
pub struct Place {
    pub database: Database,
    settings: Settings,
}

impl Place {
    pub async fn new() -> Self {
        Self {
            database: Cluster::shared().database().await,
            settings: Settings::shared().await,
        }
    }

    /// Waits until the brokers hold that so many events are done: their offsets are committed five times a second.
    pub async fn wait_until_done(&self, count: usize) {
        eventually("the brokers know what is done", SOON, || async {
            usize::try_from(done_count(&self.settings).await) == Ok(count)
        })
        .await;
    }

    /// One more instance.
    pub async fn instance(&self) -> Instance {
        let text = format!(
            "[bus]\nlease_seconds = 2\n[database]\npool_size = 8\nurl = \"{}\"\n",
            self.database.url()
        );
        let environment = self.settings.environment();
        let owned = environment
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let config = Config::parse(&text, owned).expect("valid");
        let db = app::database(&config).expect("an address");
        let tasks = Tasks::default();
        let BusKind::Kafka(kafka) = &config.bus.kind else {
            panic!("kafka")
        };
        let health = Health::default();
        let bus = KafkaBus::start(&db, &config.bus, kafka, release, &health, &tasks).await;
        let bus = bus.expect("a bus");
        Instance::new(bus, tasks, db).await
    }
}
