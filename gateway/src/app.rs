//! Builds a running gateway from its configuration, and stops it in order. Nothing is built elsewhere.

mod bound;
mod console_settings;
mod ending;
mod lane_settings;
mod reload;
mod start_error;
mod subscribe;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};

use crate::base::stop::Stop;
use crate::base::tasks::Tasks;
#[cfg(feature = "kafka")]
use crate::bus::kafka::KafkaBus;
use crate::bus::postgres::{PostgresBus, Role};
use crate::bus::{Bus, Release};
use crate::config::{BusKind, Config};
use crate::connections::outgoing::Outgoing;
use crate::connections::refresh::{Refresher, census, renewal::Renewals};
use crate::connections::{self, Connections};
use crate::connectors::catalogue::Catalogue;
use crate::console::Console;
use crate::db::{self, Db, Purpose};
use crate::delivery::destination::Destinations;
use crate::delivery::engine::fanout::Fanout;
use crate::delivery::engine::health::HealthWriter;
use crate::delivery::engine::lanes::Lanes;
use crate::delivery::engine::recorder::{self, Recorder};
use crate::delivery::schedule::ripe::Ripe;
use crate::delivery::schedule::store::{self as schedule_store, leases::Leases};
use crate::delivery::schedule::{Handout, Schedule};
use crate::delivery::stats::counters::Counters;
use crate::delivery::stats::writer::StatsWriter;
use crate::events::{Events, batch, types::EventTypes};
use crate::feed::bell::Bell;
use crate::feed::instance_store::Instance;
use crate::feed::{Feed, Freshness};
use crate::hoots::{self, Hoots, Viewers};
use crate::imports::{Imports, job::lifecycle};
use crate::keys::Keys;
use crate::maintenance::{self, Retention};
use crate::operations::Operations;
use crate::outbound::client::Client;
use crate::outbound::elsewhere::Elsewhere;
use crate::records::Records;
use crate::routes::dispatch::{Dispatcher, Settings};
use crate::routes::{Services, routes};
use crate::sentries::{Sentries, pace::Pace, timeout};
use crate::telemetry::health::Health;
use crate::telemetry::registry::Metrics;
use crate::vault::Vault;
use crate::webhooks::api::Webhooks;
use crate::webhooks::destinations::Endpoints;
use crate::webhooks::registry::Registry;
pub use bound::Bound;
pub use start_error::StartError;

/// Schedule, heartbeat, takeover and upkeep have connections of their own, so that no crowd of requests holds them up.
const BACKGROUND_CONNECTIONS: usize = 6;
/// While the start waits for the database, it says so this often.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
const DATABASE_PAUSE: Duration = Duration::from_millis(500);

/// The engine: everything behind the listeners.
struct Engine {
    services: Services,
    bus: Arc<dyn Bus>,
    lanes: Arc<Lanes>,
    freshness: Arc<Freshness>,
    /// In the order in which they end: what hands work to the lanes, what records it, what both need.
    intake: Tasks,
    recording: Tasks,
    upkeep: Tasks,
}

/// Runs a gateway on `bound` until `stop` is asked for, by a signal or by a task that failed, and drains it.
pub async fn run(config: Config, bound: Bound, stop: Stop) -> Result<(), StartError> {
    let drain = config.server.drain;
    tokio::select! {
        ran = Box::pin(run_and_drain(config, bound, &stop)) => ran?,
        () = ending::overdue(stop.clone(), drain) => tracing::warn!("not drained in time; a successor does the rest"),
    }
    stop.fault().map_or(Ok(()), |fault| Err(fault.into()))
}

async fn run_and_drain(config: Config, bound: Bound, stop: &Stop) -> Result<(), StartError> {
    let health = Health::default();
    for dependency in ["postgres", "feed", "bus"] {
        health.expect(dependency);
    }
    let metrics = Metrics::install();
    let operations = Operations::new(health.clone(), metrics.clone());
    let probes = Tasks::of(stop);
    let serving = bound
        .operations
        .serve(operations, probes.stop(), Duration::from_secs(1));
    probes.spawn("operations", serving);
    let catalogue = Arc::new(catalogue(&config)?);
    let hangups = signal(SignalKind::hangup()).map_err(StartError::Signals)?;
    probes.spawn(
        "reload",
        reload::reload_on_hangup(hangups, bound.certificate, catalogue.clone(), probes.stop()),
    );
    let db = database(&config)?;
    let starting = async {
        wait_for_database(&config, &db, &health).await?;
        health.up("postgres");
        let background = db.with_own_pool("engine", BACKGROUND_CONNECTIONS, Purpose::Background)?;
        Engine::start(&config, db.clone(), background, &health, metrics, catalogue, stop).await
    };
    let engine = tokio::select! {
        engine = starting => engine?,
        _ = stop.asked() => return Ok(()),
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
    let drain = config.server.drain;
    let report = async {
        stop.asked().await;
        health.down("server", "draining");
    };
    tokio::join!(bound.api.serve(dispatcher, stop.token(), drain), report);
    engine.drain(stop.asked().await + drain).await;
    probes.shut_down().await;
    Ok(())
}

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
    match config.bus.kind {
        BusKind::Kafka(_) if !cfg!(feature = "kafka") => Err(StartError::NoKafka),
        BusKind::Kafka(_) | BusKind::Postgres => Ok(()),
    }
}

/// Migrates or checks the schema, waiting for the database as long as it takes.
async fn wait_for_database(config: &Config, db: &Db, health: &Health) -> Result<(), StartError> {
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

impl Engine {
    async fn start(
        config: &Config,
        db: Db,
        background: Db,
        health: &Health,
        metrics: Option<Metrics>,
        catalogue: Arc<Catalogue>,
        stop: &Stop,
    ) -> Result<Self, StartError> {
        let (intake, recording, upkeep) = (Tasks::of(stop), Tasks::of(stop), Tasks::of(stop));
        let vault = Vault::open(&db, &config.webhooks).await?;
        let client = Client::new(&config.webhooks)?;
        let instance = Instance::new(config.keys.stale_after);
        let instance_id = instance.id();
        let keys = Keys::new(db.clone(), instance.id(), &config.keys);
        let types = Arc::new(EventTypes::default());
        let credentials = Arc::new(connections::registry::Registry::new(vault.clone()));
        let endpoints = Arc::new(Registry::new(vault, config.webhooks.clone()));

        let mut feed = Feed::new(
            background.clone(),
            health.clone(),
            config.keys.stale_after,
            instance,
        );
        let shown_hoots = Arc::new(hoots::registry::Registry::new(background.clone()));
        subscribe::subscribe(&mut feed, &keys, &types, &endpoints, &shown_hoots, &credentials);
        upkeep.spawn("hoots", shown_hoots.clone().follow(upkeep.stop()));
        let freshness = feed.freshness();
        upkeep.spawn("feed", feed.run(upkeep.stop()));
        // Nothing is dispatched before memory knows who wants what.
        while freshness.age() > config.keys.stale_after {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Nor is a badge that there is called unknown.
        shown_hoots.is_loaded().await;

        let release: Release = schedule_store::release;
        let bus: Arc<dyn Bus> = match &config.bus.kind {
            #[cfg(not(feature = "kafka"))]
            BusKind::Kafka(_) => return Err(StartError::NoKafka),
            #[cfg(feature = "kafka")]
            BusKind::Kafka(kafka) => {
                KafkaBus::start(&background, &config.bus, kafka, release, health, &upkeep).await?
            }
            BusKind::Postgres => {
                PostgresBus::start(&background, &config.bus, Role::Bus, release, health, &upkeep)
            }
        };
        let (outcomes, waiting) = mpsc::channel(recorder::QUEUE);
        let destinations: Arc<dyn Destinations> =
            Arc::new(Endpoints::new(endpoints.clone(), background.clone(), bus.clone()));
        let of_events = destinations.clone();
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
        let owner_of = |bus: &Arc<dyn Bus>| {
            let bus = bus.clone();
            Box::new(move || bus.owner())
        };
        let counters = Arc::new(Counters::default());
        let recorder = Recorder {
            db: background.clone(),
            bus: bus.clone(),
            owner: owner_of(&bus),
            destinations: destinations.clone(),
            ripe: ripe.clone(),
            stats: counters.clone(),
        };
        recording.spawn("recorder", recorder.run(waiting, recording.stop()));
        let health_writer = HealthWriter {
            lanes: lanes.clone(),
            destinations: destinations.clone(),
        };
        recording.spawn("health", health_writer.run(recording.stop()));
        let fanout = Fanout {
            bus: bus.clone(),
            destinations: destinations.clone(),
            lanes: lanes.clone(),
            db: background.clone(),
        };
        intake.spawn("fanout", fanout.run());
        let schedule = Schedule {
            handout: Handout {
                leases: Leases::new(background.clone(), lanes.budget().clone()),
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
        let stats_writer = StatsWriter {
            db: background.clone(),
            counters,
            instance: instance_id,
        };
        // Its last write comes after the recorder's.
        upkeep.spawn("delivery stats", stats_writer.run(upkeep.stop()));
        upkeep.spawn("last used", keys.clone().run_flusher(upkeep.stop()));
        upkeep.spawn(
            "maintenance",
            maintenance::run(
                background.clone(),
                db.clone(),
                Retention::of(config),
                metrics,
                upkeep.stop(),
            ),
        );

        let imports = Imports::new(db.clone(), bus.clone(), instance_id, config.imports.clone());
        upkeep.spawn("imports", lifecycle::sweep(imports.clone(), upkeep.stop()));
        let bell = Arc::new(Bell::default());
        upkeep.spawn("bell", bell.clone().run(background.clone(), upkeep.stop()));
        let sweeping = timeout::sweep(background.clone(), bus.clone(), bell.clone(), upkeep.stop());
        upkeep.spawn("sentries", sweeping);
        upkeep.spawn("connections", census::run(background.clone(), upkeep.stop()));
        let refresh_wake = Arc::new(Notify::new());
        let connections = Connections {
            db: db.clone(),
            catalogue: catalogue.clone(),
            registry: credentials.clone(),
            outgoing: Outgoing::new(client.clone(), Elsewhere::new(&config.connectors.hosts)?),
            apps: Arc::new(config.connectors.apps.clone()),
            renewals: Renewals {
                db: db.clone(),
                registry: credentials,
                wake: refresh_wake.clone(),
            },
        };
        let refresher = Refresher {
            connections: Connections {
                db: background.clone(),
                ..connections.clone()
            },
            bus: bus.clone(),
            bell: bell.clone(),
            wake: refresh_wake,
        };
        upkeep.spawn("token refresh", refresher.run(upkeep.stop()));
        let console = Console::new(
            db.clone(),
            keys.clone(),
            freshness.clone(),
            console_settings::console_settings(config),
        );
        let services = Services {
            db: db.clone(),
            catalogue,
            console,
            imports,
            sentries: Sentries {
                db: db.clone(),
                bus: bus.clone(),
                pace: Arc::new(Pace::new(&config.sentries)),
                bell,
                public_url: config.server.public_origin(),
            },
            hoots: Hoots {
                db: db.clone(),
                registry: shown_hoots,
                viewers: Arc::new(Viewers::new(&config.hoots)),
                public_url: config.server.public_origin(),
            },
            keys,
            events: Arc::new(Events {
                db: db.clone(),
                bus: bus.clone(),
                types: types.clone(),
                destinations: of_events,
                batches: batch::turns(),
                batch_bytes: batch::memory(),
                batch_wait: config.server.request_timeout,
            }),
            records: Records {
                db: db.clone(),
                bus: bus.clone(),
            },
            connections,
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
            recording,
            upkeep,
        })
    }
}
