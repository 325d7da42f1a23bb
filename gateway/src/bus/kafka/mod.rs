//! The bus for loads beyond one database: the topic is the queue, and PostgreSQL keeps the events for later reads.
//!
//! `producer` writes an event into the topic, which is when it is accepted. `consumer` fetches, on whatever instance has
//! the partition; `intake` stores the events in chunks and hands them to the dispatcher; `window` knows which offsets
//! may be committed. The gateway's own events go through the outbox, which is the PostgreSQL bus with `relay` as its
//! only reader. docs/adr/0009 says why it is so.

mod claims;
mod connection;
mod consumer;
mod envelope;
mod expiry;
mod intake;
mod pacing;
mod partition;
mod producer;
mod relay;
mod topic;
mod window;

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use parking_lot::Mutex;
use rdkafka::error::KafkaError;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::postgres::{PostgresBus, Role};
use super::table::archive::{self, Archive};
use super::{Accepted, Answer, Batch, Bus, Emission, Event, Ledger, NewEvent, PublishError, Release};
use crate::base::tasks::Tasks;
use crate::config;
use crate::db::{Db, DbError, Transaction};
use crate::telemetry::health::Health;
use crate::telemetry::names;
use claims::{Claimed, Claims};
use connection::{DEPENDENCY, Listener};
use consumer::Consumer;
use intake::{Intake, State};
use producer::Producer;
pub use topic::TopicError;
use window::Window;

/// Groups of chunks between the fetching thread and the intake.
const FETCHED: usize = 2;
const LOOK: Duration = Duration::from_secs(2);
const START_PAUSE: Duration = Duration::from_millis(500);
/// How long a repeat waits for its first to be stored before it is sent again itself.
const FIRST_STORED: Duration = Duration::from_millis(1_500);
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// What leaving the group may take.
const LEAVE: Duration = Duration::from_secs(5);

/// Why the bus could not start.
#[derive(Debug, thiserror::Error)]
pub enum KafkaStartError {
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error("bus: {0}")]
    Client(#[from] KafkaError),
}

/// The bus on Apache Kafka.
pub struct KafkaBus {
    db: Db,
    outbox: Arc<PostgresBus>,
    producer: Arc<Producer>,
    claims: Claims,
    intake: Intake,
    ledger: Arc<Ledger>,
    /// Ends the fetching thread.
    stop: CancellationToken,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl KafkaBus {
    /// Waits for the brokers, checks the topic, and starts producing and fetching.
    pub async fn start(
        db: &Db,
        settings: &config::Bus,
        kafka: &config::Kafka,
        release: Release,
        health: &Health,
        tasks: &Tasks,
    ) -> Result<Arc<Self>, KafkaStartError> {
        health.expect(DEPENDENCY);
        loop {
            match topic::ensure(kafka).await {
                Ok(()) => break,
                Err(TopicError::Away(fault)) => health.down(DEPENDENCY, fault.to_string()),
                Err(other) => return Err(other.into()),
            }
            tokio::time::sleep(START_PAUSE).await;
        }
        let listener = Listener {
            health: health.clone(),
        };
        let (producer, writer) = Producer::new(kafka, settings.max_waiting, listener.clone())?;
        let producer = Arc::new(producer);
        // Before the first event comes the partitions are known.
        look(&producer, kafka, health, false).await;
        let (ledger, window) = (Arc::<Ledger>::default(), Arc::<Window>::default());
        let (fetched, waiting) = mpsc::channel(FETCHED);
        let consumer = Consumer::new(kafka, listener, window.clone(), ledger.clone(), fetched)?;
        let outbox = PostgresBus::start(db, settings, Role::Outbox, release, health, tasks);
        let (claims, claiming) = Claims::new(db.clone(), tasks.stop());
        tasks.spawn("claims", claiming);
        tasks.spawn("producer", writer.run(tasks.stop()));
        tasks.spawn(
            "relay",
            relay::run(outbox.clone(), producer.clone(), tasks.stop()),
        );
        tasks.spawn(
            "watch over the brokers",
            watch(
                producer.clone(),
                kafka.clone(),
                outbox.clone(),
                ledger.clone(),
                window.clone(),
                health.clone(),
                tasks.stop(),
            ),
        );
        let stop = tasks.stop().child_token();
        let thread_stop = stop.clone();
        let thread = tasks
            .spawn_thread("kafka", consumer, move |consumer| consumer.run(&thread_stop))
            .map_err(|fault| KafkaError::ClientCreation(fault.to_string()))?;
        Ok(Arc::new(Self {
            db: db.clone(),
            outbox,
            producer,
            claims,
            intake: Intake {
                ledger: ledger.clone(),
                window,
                stop: stop.clone(),
                state: AsyncMutex::new(State {
                    archive: Archive::new(db.clone()),
                    fetched: waiting,
                    ready: Vec::new(),
                }),
            },
            ledger,
            stop,
            thread: Mutex::new(Some(thread)),
        }))
    }

    async fn publish_event(&self, content: NewEvent) -> Result<Accepted, PublishError> {
        // Before its id is claimed: the claim of an event that is refused makes its repeat wait.
        self.producer.check(&content)?;
        let id = self.producer.next_id();
        let event = match &content.once_key {
            None => Event { id, content },
            Some(once_key) => match self.claims.claim(content.workspace, once_key, id).await? {
                Claimed::Fresh => Event { id, content },
                Claimed::Before { id, label } => {
                    let label = match label {
                        Some(label) => Some(label),
                        None => self.first_stored(id).await?,
                    };
                    if let Some(label) = label {
                        counter!(names::EVENTS_REPEATED).increment(1);
                        return Ok(Accepted {
                            id,
                            label,
                            is_repeat: true,
                        });
                    }
                    // The first was claimed and never heard of: its instance died, or the topic refused it.
                    Event { id, content }
                }
            },
        };
        let accepted = Accepted {
            id: event.id,
            label: event.content.label.clone(),
            is_repeat: false,
        };
        self.producer.send(event, false).await?;
        counter!(names::EVENTS_ACCEPTED).increment(1);
        Ok(accepted)
    }

    /// The type of a claimed event, once it is stored.
    async fn first_stored(&self, id: uuid::Uuid) -> Result<Option<Arc<str>>, PublishError> {
        let until = tokio::time::Instant::now() + FIRST_STORED;
        loop {
            match archive::label_of(&self.db, id).await {
                Ok(Some(label)) => return Ok(Some(label.into())),
                Ok(None) => {}
                Err(_) => return Err(PublishError::Away),
            }
            if tokio::time::Instant::now() > until {
                return Ok(None);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn leave(&self) {
        self.stop.cancel();
        let Some(thread) = self.thread.lock().take() else {
            return;
        };
        let joined = tokio::task::spawn_blocking(move || thread.join());
        if tokio::time::timeout(LEAVE, joined).await.is_err() {
            tracing::warn!("the group could not be left in time; its session runs out by itself");
        }
    }
}

/// Asks the brokers; the library's call blocks, so it has a thread of its own. A topic that is another one is checked first.
async fn look(producer: &Arc<Producer>, kafka: &config::Kafka, health: &Health, has_joined: bool) {
    for _ in 0..2 {
        if is_known(producer, health, has_joined).await {
            return;
        }
        if let Err(fault) = topic::check_again(kafka).await {
            return health.down(DEPENDENCY, fault.to_string());
        }
        tracing::warn!(topic = kafka.topic, "the topic is another one; it was checked");
        producer.trust();
    }
}

/// Looks once. Whether the topic is the one that was checked.
async fn is_known(producer: &Arc<Producer>, health: &Health, has_joined: bool) -> bool {
    let (asked, told) = (producer.clone(), health.clone());
    let looked = tokio::task::spawn_blocking(move || asked.look(&told, has_joined, LOOK));
    looked.await.unwrap_or_else(|fault| {
        tracing::debug!(%fault, "no look at the brokers");
        true
    })
}

/// Asks the brokers now and then, and measures.
async fn watch(
    producer: Arc<Producer>,
    kafka: config::Kafka,
    outbox: Arc<PostgresBus>,
    ledger: Arc<Ledger>,
    window: Arc<Window>,
    health: Health,
    stop: CancellationToken,
) {
    loop {
        look(&producer, &kafka, &health, window.has_joined()).await;
        if let Some(fault) = producer.fatal() {
            // It would refuse every event from now on. That the watch ends stops the gateway.
            tracing::error!(fault, "the producer is broken for good");
            return;
        }
        ledger.observe();
        relay::observe(&outbox);
        let pause = if window.has_joined() { LOOK } else { START_PAUSE };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = producer.doubted() => {}
            () = stop.cancelled() => return,
        }
    }
}

impl Bus for KafkaBus {
    fn publish(&self, event: NewEvent) -> Answer<'_, Result<Accepted, PublishError>> {
        Box::pin(self.publish_event(event))
    }

    fn emit<'a>(
        &'a self,
        transaction: &'a Transaction<'_>,
        events: Vec<NewEvent>,
    ) -> Answer<'a, Result<Emission, DbError>> {
        self.outbox.emit(transaction, events)
    }

    fn receive(&self) -> Answer<'_, Option<Batch>> {
        Box::pin(self.intake.receive())
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn acknowledge<'a>(&'a self, transaction: &'a Transaction<'_>) -> Answer<'a, Result<(), DbError>> {
        // What came from the topic is acknowledged there.
        self.outbox.acknowledge(transaction)
    }

    fn owner(&self) -> i32 {
        self.outbox.owner()
    }

    fn settles_within(&self) -> Duration {
        FIRST_STORED
    }

    fn close(&self) {
        self.stop.cancel();
        self.outbox.close();
    }

    fn retire(&self) -> Answer<'_, Result<(), DbError>> {
        Box::pin(async {
            self.leave().await;
            self.outbox.retire().await
        })
    }
}
