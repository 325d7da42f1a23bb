//! What a start opens first: the database, when it answers, and the connectors.

use std::time::{Duration, Instant};

use super::StartError;
use crate::config::{BusKind, Config};
use crate::connectors::catalogue::Catalogue;
use crate::db::{self, Db, Purpose};
use crate::telemetry::health::Health;

/// While the start waits for the database, it says so this often.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
const DATABASE_PAUSE: Duration = Duration::from_millis(500);

/// The database that is configured.
pub fn database(config: &Config) -> Result<Db, StartError> {
    let url = config.database.url.as_ref().ok_or(StartError::NoDatabase)?;
    let purpose = Purpose::Request(config.server.request_timeout);
    Ok(Db::new(
        url,
        config.database.pool_size,
        &config.database,
        purpose,
    )?)
}

/// The connectors: those that are built in, and the operator's.
pub fn catalogue(config: &Config) -> Result<Catalogue, StartError> {
    Ok(Catalogue::load(config.connectors.directory.as_deref())?)
}

/// Refuses what this program was built without, before anything is asked of anybody.
pub fn refuse_unbuilt(config: &Config) -> Result<(), StartError> {
    refuse_bus(&config.bus.kind, cfg!(feature = "kafka"))
}

fn refuse_bus(kind: &BusKind, has_kafka: bool) -> Result<(), StartError> {
    match kind {
        BusKind::Kafka(_) if !has_kafka => Err(StartError::NoKafka),
        BusKind::Kafka(_) | BusKind::Postgres => Ok(()),
    }
}

/// Migrates or checks the schema, waiting for the database as long as it takes.
pub(super) async fn wait_for_database(config: &Config, db: &Db, health: &Health) -> Result<(), StartError> {
    let mut last_logged: Option<Instant> = None;
    loop {
        let prepared = match config.database.migrate_on_start {
            true => db::migrate(db).await,
            false => db::check_schema(db).await,
        };
        match prepared {
            Ok(()) => return Ok(()),
            Err(fault) if fault.is_passing() => {
                if last_logged.is_none_or(|last| last.elapsed() >= LOG_INTERVAL) {
                    last_logged = Some(Instant::now());
                    tracing::warn!(%fault, "waiting for the database");
                }
                health.down("postgres", fault.to_string());
            }
            Err(fault) => return Err(fault.into()),
        }
        tokio::time::sleep(DATABASE_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_that_was_not_built_in_is_refused_with_words() {
        let text = "[bus]\nkind = \"kafka\"\nbrokers = \"broker:9092\"\n";
        let config = Config::parse(text, []).expect("valid");
        let kafka = &config.bus.kind;
        let refused = refuse_bus(kafka, false).expect_err("not built in").to_string();
        assert!(
            refused.contains("built without Kafka") && refused.contains("make build"),
            "{refused}"
        );
        assert!(refuse_bus(kafka, true).is_ok());
        assert!(refuse_bus(&BusKind::Postgres, false).is_ok());
    }
}
