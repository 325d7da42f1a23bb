//! Builds a running gateway from its configuration, and stops it in order. Nothing is built elsewhere.

mod bound;
mod connecting;
mod console_settings;
mod ending;
mod lane_settings;
mod opening;
mod reload;
mod rule_parts;
mod source_parts;
mod start_error;
mod subscribe;

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};

use crate::base::stop::Stop;
use crate::base::tasks::Tasks;
#[cfg(feature = "kafka")]
use crate::bus::kafka::KafkaBus;
use crate::bus::postgres::{PostgresBus, Role};
use crate::bus::{Bus, Release};
use crate::config::{BusKind, Config};
use crate::connections::{self, refresh::census};
use crate::connectors::catalogue::Catalogue;
use crate::console::Console;
use crate::db::{Db, Purpose};
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
use crate::records::Records;
use crate::routes::dispatch::{Dispatcher, Settings};
use crate::routes::{Services, routes};
use crate::rules::Rules;
use crate::sentries::{Sentries, pace::Pace, timeout};
use crate::sources::{self, connector::Connectors};
use crate::telemetry::health::Health;
use crate::telemetry::registry::Metrics;
use crate::telemetry::supervisor;
use crate::vault::Vault;
use crate::webhooks::api::Webhooks;
use crate::webhooks::destinations::Endpoints;
use crate::webhooks::registry::Registry;
pub use bound::Bound;
pub use opening::{catalogue, database, refuse_unbuilt};
use rule_parts::RuleParts;
use source_parts::SourceParts;
pub use start_error::StartError;

/// Schedule, heartbeat, takeover and upkeep have connections of their own, so that no crowd of requests holds them up.
const BACKGROUND_CONNECTIONS: usize = 6;

/// What is there before the database answers.
struct Outside {
    catalogue: Arc<Catalogue>,
    /// What the URLs of sources begin with.
    base_url: Arc<str>,
    metrics: Option<Metrics>,
}

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
    let listen = bound.api.address().map_err(StartError::Address)?;
    if supervisor::is_there() {
        let telling = supervisor::keep_telling(health.clone(), stop.clone(), probes.stop());
        probes.spawn("supervisor", telling);
    }
    let db = database(&config)?;
    let starting = async {
        opening::wait_for_database(&config, &db, &health).await?;
        health.up("postgres");
        let background = db.with_own_pool("engine", BACKGROUND_CONNECTIONS, Purpose::Background)?;
        let outside = Outside {
            base_url: source_parts::base_url(&config, listen),
            catalogue,
            metrics,
        };
        Engine::start(&config, db.clone(), background, &health, outside, stop).await
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
    let of_sources = async {
        if let Some(listener) = bound.sources {
            let dispatcher = dispatcher.for_sources_alone();
            listener.serve(dispatcher, stop.token(), drain).await;
        }
    };
    let of_api = bound.api.serve(dispatcher.clone(), stop.token(), drain);
    tokio::join!(of_api, of_sources, report);
    engine.drain(stop.asked().await + drain).await;
    probes.shut_down().await;
    Ok(())
}

impl Engine {
    async fn start(
        config: &Config,
        db: Db,
        background: Db,
        health: &Health,
        outside: Outside,
        stop: &Stop,
    ) -> Result<Self, StartError> {
        let (intake, recording, upkeep) = (Tasks::of(stop), Tasks::of(stop), Tasks::of(stop));
        let vault = Vault::open(&db, &config.webhooks).await?;
        let Outside {
            catalogue,
            base_url,
            metrics,
        } = outside;
        let connectors = Arc::new(Connectors::new(catalogue.clone()));
        let live_sources = Arc::new(sources::registry::Registry::new(connectors, vault.clone()));
        let client = Client::new(&config.webhooks)?;
        let instance = Instance::new(config.keys.stale_after);
        let instance_id = instance.id();
        let keys = Keys::new(db.clone(), instance.id(), &config.keys);
        let types = Arc::new(EventTypes::default());
        let credentials = Arc::new(connections::registry::Registry::new(vault.clone()));
        let endpoints = Arc::new(Registry::new(vault, config.webhooks.clone()));
        let rule_parts = RuleParts::new(config, &catalogue, &credentials)?;
        let known_rules = rule_parts.registry.clone();

        let mut feed = Feed::new(
            background.clone(),
            health.clone(),
            config.keys.stale_after,
            instance,
        );
        let shown_hoots = Arc::new(hoots::registry::Registry::new(background.clone()));
        subscribe::subscribe(&mut feed, &keys, &types, &endpoints, &shown_hoots);
        subscribe::subscribe_integrations(&mut feed, &types, &credentials, &live_sources, &known_rules);
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
        let webhooks = Endpoints::new(endpoints.clone(), background.clone(), bus.clone());
        let destinations = rule_parts.beside(webhooks, &background);
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
        let (connections, refresher) = connecting::connecting(
            config,
            connecting::Parts {
                db: db.clone(),
                background: background.clone(),
                client: client.clone(),
                catalogue: catalogue.clone(),
                registry: credentials,
                bus: bus.clone(),
                bell: bell.clone(),
            },
        )?;
        let known_rules = rule_parts.start(connections.clone(), bus.clone(), &upkeep);
        let sources = SourceParts {
            db: db.clone(),
            background: background.clone(),
            bus: bus.clone(),
            registry: live_sources,
            types: types.clone(),
            base_url,
            outgoing: connections.outgoing.clone(),
        };
        let sources = sources.start(&config.sources, &upkeep);
        upkeep.spawn("token refresh", refresher.run(upkeep.stop()));
        let console = Console::new(
            db.clone(),
            keys.clone(),
            freshness.clone(),
            console_settings::console_settings(config),
        );
        let services = Services {
            db: db.clone(),
            catalogue: catalogue.clone(),
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
            sources,
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
            rules: Rules {
                db: db.clone(),
                registry: known_rules,
                lanes: lanes.clone(),
                client: client.clone(),
                types: types.clone(),
                wake: wake.clone(),
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
            recording,
            upkeep,
        })
    }
}
