//! Where the instances of the bus on PostgreSQL meet: a database.

use gateway::facade::app;
use gateway::facade::base::Tasks;
use gateway::facade::bus::{PostgresBus, Role};
use gateway::facade::config::Config;
use gateway::facade::delivery::release;
use gateway::facade::telemetry::Health;

use super::instance::Instance;
use stage::{Cluster, Database};

/// A database of one test's own.
pub struct Place {
    pub database: Database,
}

impl Place {
    pub async fn new() -> Self {
        Self {
            database: Cluster::shared().database().await,
        }
    }

    /// The transaction that acknowledges notes what is done, so there is nothing to wait for.
    #[allow(clippy::unused_async, reason = "other buses wait")]
    pub async fn wait_until_done(&self, _count: usize) {}

    /// One more instance.
    pub async fn instance(&self) -> Instance {
        let text = format!(
            "[bus]\nlease_seconds = 2\n[database]\npool_size = 8\nurl = \"{}\"\n",
            self.database.url()
        );
        let config = Config::parse(&text, []).expect("valid");
        let db = app::database(&config).expect("an address");
        let tasks = Tasks::default();
        let health = Health::default();
        let bus = PostgresBus::start(&db, &config.bus, Role::Bus, release, &health, &tasks);
        Instance::new(bus, tasks, db).await
    }
}
