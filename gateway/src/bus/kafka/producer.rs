//! Into the topic: an event is accepted when all in-sync replicas have it.
//!
//! The producer is idempotent, so that a retry within the client library writes nothing twice, and waits for nobody:
//! what arrives while a request is under way shares the next one.

use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use parking_lot::Mutex;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use uuid::Uuid;

use super::connection::{self, DEPENDENCY, Listener};
use super::envelope;
use crate::base::clock::Millis;
use crate::bus::ids::IdClock;
use crate::bus::{Event, NewEvent, PublishError};
use crate::config::Kafka;
use crate::telemetry::health::Health;
use crate::telemetry::names;

/// Bytes of events that may wait for their acknowledgement.
const MAX_WAITING_KILOBYTES: usize = 64 << 10;
/// Without an acknowledgement for this long the client gets a 503, within the time of its request.
const ACKNOWLEDGED: Duration = Duration::from_secs(3);

/// Writes events to the topic.
pub(super) struct Producer {
    client: FutureProducer<Listener>,
    topic: String,
    ids: Mutex<IdClock>,
}

impl Producer {
    /// A producer that lets `max_waiting` events wait.
    pub(super) fn new(settings: &Kafka, max_waiting: usize, listener: Listener) -> Result<Self, KafkaError> {
        let client = connection::client(settings)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("message.timeout.ms", ACKNOWLEDGED.as_millis().to_string())
            .set("request.timeout.ms", ACKNOWLEDGED.as_millis().to_string())
            .set("retry.backoff.ms", "50")
            .set("queue.buffering.max.messages", max_waiting.to_string())
            .set("queue.buffering.max.kbytes", MAX_WAITING_KILOBYTES.to_string())
            .create_with_context(listener)?;
        Ok(Self {
            client,
            topic: settings.topic.clone(),
            ids: Mutex::default(),
        })
    }

    /// An id for a new event.
    pub(super) fn next_id(&self) -> Uuid {
        self.ids.lock().next(Millis::now())
    }

    /// Writes an event; returns once it is durable.
    pub(super) async fn send(&self, event: &Event, is_stored: bool) -> Result<(), PublishError> {
        let started = Instant::now();
        let message = envelope::write(event, is_stored);
        let record = FutureRecord::to(&self.topic).payload(&message);
        let key = partition_key(&event.content);
        let record = match &key {
            Some(key) => record.key(key),
            None => record,
        };
        let acknowledged = match self.client.send_result(record) {
            Ok(acknowledged) => acknowledged,
            Err((fault, _)) => return Err(refusal(&fault)),
        };
        match acknowledged.await {
            Ok(Ok(_)) => {
                histogram!(names::COMMIT_SECONDS).record(started.elapsed());
                Ok(())
            }
            Ok(Err((fault, _))) => {
                tracing::debug!(%fault, "an event was not acknowledged");
                Err(refusal(&fault))
            }
            Err(_) => Err(PublishError::Closed),
        }
    }

    /// Asks the brokers for the topic now and then, so that one which is frozen is noticed too, and one that is back.
    pub(super) fn look(&self, health: &Health, has_joined: bool, limit: Duration) {
        let found = self.client.client().fetch_metadata(Some(&self.topic), limit);
        match found {
            Ok(metadata) => {
                let topic = metadata.topics().first();
                let partitions = topic.map(|topic| topic.partitions()).unwrap_or_default();
                let leaderless = partitions.iter().filter(|one| one.leader() < 0).count();
                if partitions.is_empty() {
                    health.down(DEPENDENCY, format!("the topic {} is gone", self.topic));
                } else if leaderless == partitions.len() {
                    health.down(DEPENDENCY, "no partition of the topic has a leader");
                } else if !has_joined {
                    health.down(DEPENDENCY, "the consumer group has not let this instance in yet");
                } else {
                    health.up(DEPENDENCY);
                }
            }
            Err(fault) => health.down(DEPENDENCY, fault.to_string()),
        }
    }
}

/// Events that belong together share a partition, and so their order; all others are spread.
fn partition_key(content: &NewEvent) -> Option<String> {
    // A repeat of an event follows its first, which a consumer that still has it in memory knows.
    let once_key = content.once_key.as_deref()?;
    Some(format!("{} {once_key}", content.workspace.0))
}

fn refusal(fault: &KafkaError) -> PublishError {
    counter!(names::EVENTS_REFUSED).increment(1);
    match fault.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => PublishError::Full,
        _ => PublishError::Away,
    }
}
