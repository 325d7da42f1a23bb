//! The only place where things are built: from a configuration to a running gateway, and down again in order.

mod lane_settings;
mod reload;
mod start_error;
mod subscribe;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::base::tasks::Tasks;
use crate::bus::Bus;
#[cfg(feature = "kafka")]
use crate::bus::kafka::KafkaBus;
use crate::bus::postgres::{PostgresBus, Role};
use crate::config::{BusKind, Config};
use crate::db::{self, Db, DbError, SchemaError};
use crate::delivery::destination::Destinations;
use crate::delivery::engine::fanout::Fanout;
use crate::delivery::engine::lanes::Lanes;
use crate::delivery::engine::recorder::{self, Recorder};
use crate::delivery::schedule::ripe::Ripe;
use crate::delivery::schedule::store::{self as schedule_store, leases::Leases};
use crate::delivery::schedule::{Handout, Schedule};
use crate::events::{Events, batch, types::EventTypes};
use crate::feed::instances::Instance;
use crate::feed::{Feed, Freshness};
use crate::http::listener::Listener;
use crate::http::timed_io::Waits;
use crate::http::tls::Certificate;
use crate::imports::{Imports, job::lifecycle};
use crate::keys::Keys;
use crate::maintenance::{self, Retention};
use crate::operations::Operations;
use crate::outbound::client::Client;
use crate::records::Records;
use crate::routes::dispatch::{Dispatcher, Settings};
use crate::routes::{Services, routes};
use crate::telemetry::health::Health;
use crate::telemetry::registry::Metrics;
use crate::webhooks::api::Webhooks;
use crate::webhooks::destinations::Endpoints;
use crate::webhooks::registry::Registry;
use crate::webhooks::vault::Vault;

pub use start_error::StartError;

/// Schedule, heartbeat, takeover and upkeep.
const BACKGROUND_CONNECTIONS: usize = 6;
const DATABASE_PAUSE: Duration = Duration::from_millis(500);
/// What is kept of the drain time for the last writes.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// Sockets that are bound before anything else happens, so that a port that is taken is told at once.
pub struct Bound {
    api: Listener,
    operations: Listener,
    certificate: Option<Certificate>,
}

impl Bound {
    /// Binds both listeners.
    pub fn bind(config: &Config) -> Result<Self, StartError> {
        let certificate = config.server.tls.as_ref().map(Certificate::load).transpose()?;
        let waits = Waits {
            head: config.server.head_timeout,
            idle: config.server.idle_timeout,
            write: config.server.body_timeout,
        };
        let bind = |what, setting, address, certificate| {
            Listener::bind(address, waits, config.server.max_connections, certificate).map_err(|source| {
                StartError::Bind {
                    what,
                    address,
                    setting,
                    source,
                }
            })
        };
        let listen = config.server.listen;
        let mut api = bind("the API", "GATEWAY_SERVER__LISTEN", listen, certificate.clone())?;
        if config.server.proxy_protocol {
            api = api.behind(config.server.trusted_proxies.clone());
        }
        let listen = config.operations.listen;
        let operations = bind("operations", "GATEWAY_OPERATIONS__LISTEN", listen, None)?;
        Ok(Self {
            api,
            operations,
            certificate,
        })
    }

    /// The addresses of the API and of operations.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.api.address()?, self.operations.address()?))
    }
}

/// The engine: everything behind the listeners.
struct Engine {
    services: Services,
    bus: Arc<dyn Bus>,
    lanes: Arc<Lanes>,
    freshness: Arc<Freshness>,
    /// Tasks that end before the bus is closed, and those that end after.
    intake: Tasks,
    upkeep: Tasks,
    recording: Recording,
}

/// How the recorder is told to finish, and tells that it has.
#[derive(Default)]
struct Recording {
    finish: CancellationToken,
    done: CancellationToken,
}

/// Runs a gateway on `bound` until `stop`, and drains it.
pub async fn run(config: Config, bound: Bound, stop: CancellationToken) -> Result<(), StartError> {
    let health = Health::default();
    for dependency in ["postgres", "feed", "bus"] {
        health.expect(dependency);
    }
    let metrics = Metrics::install();
    let operations = Operations::new(health.clone(), metrics.clone());
    let operations_stop = CancellationToken::new();
    let serving = bound
        .operations
        .serve(operations, operations_stop.clone(), Duration::from_secs(1));
    let operations_task = tokio::spawn(serving);
    let db = database(&config)?;
    let Some(()) = wait_for_database(&config, &db, &health, &stop).await? else {
        return Ok(());
    };
    health.up("postgres");
    let background = background_database(&config)?;
    let engine = tokio::select! {
        engine = Engine::start(&config, db, background, &health, metrics) => engine?,
        () = stop.cancelled() => return Ok(()),
    };
    let settings = Settings {
        body_silence: config.server.body_timeout,
        request_timeout: config.server.request_timeout,
        trusted_proxies: config.server.trusted_proxies.clone(),
        access_log: config.telemetry.access_log,
        freshness: engine.freshness.clone(),
        stale_after: config.keys.stale_after,
    };
    let dispatcher = Dispatcher::new(routes(), engine.services.clone(), settings)?;
    let reloading = tokio::spawn(reload::reload_on_hangup(bound.certificate));
    let stop = either(stop, engine.upkeep.stop());
    bound.api.serve(dispatcher, stop, config.server.drain).await;
    health.down("server", "draining");
    engine.drain(config.server.drain).await;
    reloading.abort();
    operations_stop.cancel();
    let _ = operations_task.await;
    Ok(())
}

/// The database that is configured.
pub fn database(config: &Config) -> Result<Db, StartError> {
    let url = config.database.url.as_ref().ok_or(StartError::NoDatabase)?;
    Ok(Db::new(url, config.database.pool_size, &config.database)?)
}

/// The same database with connections of its own, so that no crowd of requests holds up the engine.
fn background_database(config: &Config) -> Result<Db, StartError> {
    let url = config.database.url.as_ref().ok_or(StartError::NoDatabase)?;
    Ok(Db::new(url, BACKGROUND_CONNECTIONS, &config.database)?)
}

/// Migrates or checks the schema, waiting for the database as long as it takes; `None` if `stop` came first.
async fn wait_for_database(
    config: &Config,
    db: &Db,
    health: &Health,
    stop: &CancellationToken,
) -> Result<Option<()>, StartError> {
    loop {
        let prepared = match config.database.migrate_on_start {
            true => db::migrate(db).await,
            false => db::check_schema(db).await,
        };
        match prepared {
            Ok(()) => return Ok(Some(())),
            Err(SchemaError::Db(DbError::Away(cause))) => health.down("postgres", cause),
            Err(fault) => return Err(fault.into()),
        }
        tokio::select! {
            () = tokio::time::sleep(DATABASE_PAUSE) => {}
            () = stop.cancelled() => return Ok(None),
        }
    }
}

/// A token that is cancelled when either of two is.
fn either(one: CancellationToken, other: CancellationToken) -> CancellationToken {
    let both = CancellationToken::new();
    let joined = both.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = one.cancelled() => {}
            () = other.cancelled() => {}
        }
        joined.cancel();
    });
    both
}

impl Engine {
    async fn start(
        config: &Config,
        db: Db,
        background: Db,
        health: &Health,
        metrics: Option<Metrics>,
    ) -> Result<Self, StartError> {
        let (intake, upkeep) = (Tasks::default(), Tasks::default());
        let vault = Vault::open(&db, &config.webhooks).await?;
        let client = Client::new(&config.webhooks)?;
        let instance = Instance::new(config.keys.stale_after);
        let keys = Keys::new(db.clone(), instance.id(), &config.keys);
        let types = Arc::new(EventTypes::default());
        let endpoints = Arc::new(Registry::new(vault, config.webhooks.clone()));

        let mut feed = Feed::new(
            background.clone(),
            health.clone(),
            config.keys.stale_after,
            instance,
        );
        subscribe::subscribe(&mut feed, &keys, &types, &endpoints);
        let freshness = feed.freshness();
        upkeep.spawn("feed", feed.run(upkeep.stop()));
        // Nothing is dispatched before memory knows who wants what.
        while freshness.age() > config.keys.stale_after {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }

        let bus: Arc<dyn Bus> = match &config.bus.kind {
            #[cfg(not(feature = "kafka"))]
            BusKind::Kafka(_) => return Err(StartError::NoKafka),
            #[cfg(feature = "kafka")]
            BusKind::Kafka(kafka) => {
                KafkaBus::start(&background, &config.bus, kafka, health, &upkeep).await?
            }
            BusKind::Postgres => PostgresBus::start(&background, &config.bus, Role::Bus, health, &upkeep),
        };
        let (outcomes, waiting) = mpsc::channel(recorder::QUEUE);
        let destinations: Arc<dyn Destinations> =
            Arc::new(Endpoints::new(endpoints.clone(), background.clone(), bus.clone()));
        let lanes = Arc::new(Lanes::new(
            destinations.clone(),
            client.clone(),
            outcomes,
            background.clone(),
            bus.clone(),
            lane_settings::lane_settings(&config.webhooks),
        ));
        let wake = Arc::new(Notify::new());
        let ripe = Arc::new(Ripe::default());
        let recording = Recording::default();
        let owner_of = |bus: &Arc<dyn Bus>| {
            let bus = bus.clone();
            Box::new(move || bus.owner())
        };
        let recorder = Recorder {
            db: background.clone(),
            bus: bus.clone(),
            owner: owner_of(&bus),
            destinations: destinations.clone(),
            ripe: ripe.clone(),
        };
        tokio::spawn(recorder.run(waiting, recording.finish.clone(), recording.done.clone()));
        let fanout = Fanout {
            bus: bus.clone(),
            destinations: destinations.clone(),
            lanes: lanes.clone(),
            db: background.clone(),
        };
        intake.spawn("fanout", fanout.run());
        let schedule = Schedule {
            handout: Handout {
                leases: Leases::new(background.clone()),
                db: background.clone(),
                destinations,
                lanes: lanes.clone(),
                owner: owner_of(&bus),
            },
            wake: wake.clone(),
            ripe,
        };
        intake.spawn("schedule", schedule.run(intake.stop()));
        intake.spawn("lanes", lanes.clone().run_sweeper(intake.stop()));
        upkeep.spawn("last used", keys.clone().run_flusher(upkeep.stop()));
        upkeep.spawn(
            "maintenance",
            maintenance::run(background.clone(), Retention::of(config), metrics, upkeep.stop()),
        );

        let imports = Imports::new(db.clone(), bus.clone(), config.imports.clone());
        upkeep.spawn("imports", lifecycle::sweep(imports.clone(), upkeep.stop()));
        let services = Services {
            db: db.clone(),
            imports,
            keys,
            events: Arc::new(Events {
                db: db.clone(),
                bus: bus.clone(),
                types: types.clone(),
                batches: Arc::new(Semaphore::new(batch::MAX_AT_ONCE)),
            }),
            records: Records {
                db: db.clone(),
                bus: bus.clone(),
            },
            webhooks: Webhooks {
                db,
                registry: endpoints,
                lanes: lanes.clone(),
                client,
                types,
                wake,
            },
        };
        Ok(Self {
            services,
            bus,
            lanes,
            freshness,
            intake,
            upkeep,
            recording,
        })
    }

    /// Ends everything in the order in which work flows: no more batches, no more attempts, the last outcomes, the lock.
    async fn drain(self, limit: Duration) {
        self.services
            .imports
            .drain(limit.saturating_sub(LAST_WRITES))
            .await;
        self.bus.close();
        self.intake.shut_down().await;
        self.lanes.drain(limit.saturating_sub(LAST_WRITES)).await;
        self.recording.finish.cancel();
        let recorded = self.recording.done.cancelled();
        if tokio::time::timeout(LAST_WRITES * 2, recorded).await.is_err() {
            tracing::warn!("the last outcomes could not be written; a successor attempts them again");
        }
        // Attempts that were cut are due again at once, not when their leases run out.
        let owner = self.bus.owner();
        if let Err(fault) = schedule_store::hand_back(&self.services.db, owner).await {
            tracing::warn!(%fault, "leases run out by themselves");
        }
        self.upkeep.shut_down().await;
        if let Err(fault) = self.bus.retire().await {
            tracing::debug!(%fault, "ownership is left to a successor");
        }
    }
}
