//! Into the topic: an event is accepted when all in-sync replicas have it.
//!
//! Whoever arrives while a message is under way shares the next one, as commits are shared on the other bus: a message
//! holds many events, because each message costs the client library, the broker and the consumer far more than an event
//! in it does (docs/adr/0009 has the measurement). The producer is idempotent, so that a retry within the library writes
//! nothing twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use metrics::{counter, gauge, histogram};
use parking_lot::Mutex;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::connection::{self, DEPENDENCY, Listener};
use super::envelope;
use super::partition::Partitions;
use crate::base::clock::Millis;
use crate::bus::ids::IdClock;
use crate::bus::intake_queue::{IntakeQueue, WaitingBytes};
use crate::bus::{Event, PublishError};
use crate::config::Kafka;
use crate::telemetry::health::Health;
use crate::telemetry::names;

const MAX_EVENTS: usize = 1_000;
/// Beyond this a message takes no further event; brokers take 1 MiB unless told otherwise.
const MAX_MESSAGE: usize = 512 << 10;
/// Groups that are under way at once: while one waits for its acknowledgement the next is on its way …
const UNDER_WAY: usize = 2;
/// … unless it holds so many events that the next is better for waiting too: fewer messages cost less.
const MANY: usize = 16;
/// Without an acknowledgement for this long the client gets a 503, within the time of its request.
const ACKNOWLEDGED: Duration = Duration::from_secs(3);

type Reply = oneshot::Sender<Result<(), PublishError>>;

struct Waiting {
    event: Event,
    is_stored: bool,
    reply: Reply,
}

/// Takes events for the topic.
pub(super) struct Producer {
    queue: IntakeQueue<Waiting>,
    ids: Mutex<IdClock>,
    client: FutureProducer<Listener>,
    topic: String,
    partitions: Arc<Partitions>,
}

/// Writes them, in groups.
pub(super) struct Writer {
    waiting: mpsc::Receiver<Waiting>,
    waiting_bytes: WaitingBytes,
    client: FutureProducer<Listener>,
    topic: String,
    partitions: Arc<Partitions>,
}

impl Producer {
    /// A producer that lets `max_waiting` events wait, and what writes for it.
    pub(super) fn new(
        settings: &Kafka,
        max_waiting: usize,
        listener: Listener,
    ) -> Result<(Self, Writer), KafkaError> {
        let client: FutureProducer<Listener> = connection::client(settings)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("message.timeout.ms", ACKNOWLEDGED.as_millis().to_string())
            .set("request.timeout.ms", ACKNOWLEDGED.as_millis().to_string())
            .set("retry.backoff.ms", "50")
            .create_with_context(listener)?;
        let (queue, waiting, waiting_bytes) = IntakeQueue::new(max_waiting);
        let partitions = Arc::<Partitions>::default();
        let topic = settings.topic.clone();
        let writer = Writer {
            waiting,
            waiting_bytes,
            client: client.clone(),
            topic: topic.clone(),
            partitions: partitions.clone(),
        };
        let producer = Self {
            queue,
            ids: Mutex::default(),
            client,
            topic,
            partitions,
        };
        Ok((producer, writer))
    }

    /// An id for a new event.
    pub(super) fn next_id(&self) -> Uuid {
        self.ids.lock().next(Millis::now())
    }

    /// Writes an event; returns once it is durable.
    pub(super) async fn send(&self, event: Event, is_stored: bool) -> Result<(), PublishError> {
        let weight = event.weight();
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting {
            event,
            is_stored,
            reply,
        };
        self.queue.put(waiting, weight)?;
        // A message has a time limit of its own, so an answer comes. If the writer is gone it is this one.
        answer.await.unwrap_or(Err(PublishError::Closed))
    }

    /// What broke the client library's producer for good, if anything did.
    pub(super) fn fatal(&self) -> Option<String> {
        let (code, reason) = self.client.client().fatal_error()?;
        Some(format!("{code}: {reason}"))
    }

    /// Asks the brokers for the topic now and then: for its partitions, and so that brokers which are frozen are noticed
    /// too, and those that are back.
    pub(super) fn look(&self, health: &Health, has_joined: bool, limit: Duration) {
        gauge!(names::BUS_WAITING).set(self.queue.len() as f64);
        let metadata = match self.client.client().fetch_metadata(Some(&self.topic), limit) {
            Ok(metadata) => metadata,
            Err(fault) => return health.down(DEPENDENCY, fault.to_string()),
        };
        let topic = metadata.topics().first();
        let partitions = topic.map(|topic| topic.partitions()).unwrap_or_default();
        let led = partitions.iter().filter(|one| one.leader() >= 0);
        let led: Vec<i32> = led.map(|one| one.id()).collect();
        if partitions.is_empty() {
            health.down(DEPENDENCY, format!("the topic {} is gone", self.topic));
        } else if led.is_empty() {
            health.down(DEPENDENCY, "no partition of the topic has a leader");
        } else {
            self.partitions.set(partitions.len(), led);
            match has_joined {
                true => health.up(DEPENDENCY),
                false => health.down(DEPENDENCY, "the consumer group has not let this instance in yet"),
            }
        }
    }
}

impl Writer {
    /// Writes until `stop` and nothing waits any more.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut under_way = FuturesUnordered::new();
        let mut group = Vec::with_capacity(MAX_EVENTS);
        let mut places = UNDER_WAY;
        loop {
            tokio::select! {
                biased;
                Some(()) = under_way.next(), if !under_way.is_empty() => {}
                count = self.waiting.recv_many(&mut group, MAX_EVENTS), if under_way.len() < places => {
                    if count == 0 {
                        break;
                    }
                    places = if count < MANY { UNDER_WAY } else { 1 };
                    under_way.push(self.write(std::mem::take(&mut group)));
                    group.reserve(MAX_EVENTS.min(count * 2));
                }
                () = stop.cancelled(), if under_way.is_empty() => break,
            }
        }
        while let Some(()) = under_way.next().await {}
    }

    /// Hands a group to the library at once; the future waits for the acknowledgements.
    fn write(&self, group: Vec<Waiting>) -> impl Future<Output = ()> + use<> {
        histogram!(names::COMMIT_ROWS).record(group.len() as f64);
        let started = Instant::now();
        let mut messages: Vec<Message> = Vec::with_capacity(1);
        for waiting in group {
            self.waiting_bytes.take_off(waiting.event.weight());
            let Some(partition) = self.partitions.of(&waiting.event.content) else {
                // Any partition would do for most, but not for those that have an order.
                counter!(names::EVENTS_REFUSED).increment(1);
                let _ = waiting.reply.send(Err(PublishError::Away));
                continue;
            };
            let open = messages
                .iter_mut()
                .find(|message| message.partition == partition && message.value.len() < MAX_MESSAGE);
            match open {
                Some(message) => message.add(waiting),
                None => {
                    let mut message = Message::to(partition);
                    message.add(waiting);
                    messages.push(message);
                }
            }
        }
        let sent: Vec<_> = messages.into_iter().map(|message| self.send(message)).collect();
        async move {
            for (replies, acknowledged) in sent {
                let answer = match acknowledged {
                    Ok(acknowledged) => outcome(acknowledged).await,
                    Err(refusal) => Err(refusal),
                };
                match answer {
                    Ok(()) => histogram!(names::COMMIT_SECONDS).record(started.elapsed()),
                    Err(_) => counter!(names::EVENTS_REFUSED).increment(replies.len() as u64),
                }
                for reply in replies {
                    // Whoever hung up does not change that the event is accepted.
                    let _ = reply.send(answer);
                }
            }
        }
    }

    fn send(&self, message: Message) -> (Vec<Reply>, Result<DeliveryFuture, PublishError>) {
        let record: FutureRecord<'_, (), Vec<u8>> = FutureRecord::to(&self.topic).payload(&message.value);
        let record = record.partition(message.partition);
        let sent = self
            .client
            .send_result(record)
            .map_err(|(fault, _)| refusal(&fault));
        (message.replies, sent)
    }
}

/// Events that go to one partition together.
struct Message {
    partition: i32,
    value: Vec<u8>,
    replies: Vec<Reply>,
}

impl Message {
    const fn to(partition: i32) -> Self {
        Self {
            partition,
            value: Vec::new(),
            replies: Vec::new(),
        }
    }

    fn add(&mut self, waiting: Waiting) {
        envelope::write(&mut self.value, &waiting.event, waiting.is_stored);
        self.replies.push(waiting.reply);
    }
}

async fn outcome(acknowledged: DeliveryFuture) -> Result<(), PublishError> {
    match acknowledged.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((fault, _))) => {
            tracing::debug!(%fault, "events were not acknowledged");
            Err(refusal(&fault))
        }
        Err(_) => Err(PublishError::Closed),
    }
}

fn refusal(fault: &KafkaError) -> PublishError {
    match fault.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => PublishError::Full,
        _ => PublishError::Away,
    }
}
