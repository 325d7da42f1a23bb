//! Writes events to the topic. An event is accepted when all in-sync replicas have it.
//!
//! Events that arrive while a message is under way share the next one, as commits are shared on the other bus: a
//! message holds many events, because each message costs the client library, the broker and the consumer far more than
//! an event in it does (docs/adr/0009 has the measurement). The producer is idempotent, so that a retry within the
//! library writes nothing twice.

use std::collections::BTreeMap;
use std::pin::Pin;
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
use super::pacing::{Pacing, Sent};
use super::partition::Partitions;
use crate::base::clock::Millis;
use crate::base::id::clock::IdClock;
use crate::bus::intake_queue::{IntakeQueue, WaitingBytes};
use crate::bus::{Event, NewEvent, PublishError};
use crate::config::Kafka;
use crate::telemetry::health::Health;
use crate::telemetry::names;

const MAX_EVENTS: usize = 1_000;
/// Beyond this a message takes no further event; the brokers' default limit is 1 MiB.
const MAX_MESSAGE: usize = 512 << 10;
/// Events that wait behind the message of a slow partition, and their bytes; those beyond are refused.
const MAX_KEPT: usize = 1_000;
const MAX_KEPT_BYTES: usize = 4 << 20;
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
    pacing: Pacing,
    /// The last offset that was acknowledged, of each partition.
    latest: BTreeMap<i32, i64>,
    /// What waits for slow partitions, by their numbers.
    kept: BTreeMap<i32, Kept>,
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
            pacing: Pacing::default(),
            latest: BTreeMap::new(),
            kept: BTreeMap::new(),
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

    /// Whether events such as this one can be written at the moment, as far as is known.
    pub(super) fn check(&self, content: &NewEvent) -> Result<(), PublishError> {
        let place = self.partitions.of(content, |_| false);
        place
            .map(drop)
            .inspect_err(|_| counter!(names::EVENTS_REFUSED).increment(1))
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
    /// too, and those that are back. Whether the topic is still the one that was checked.
    pub(super) fn look(&self, health: &Health, has_joined: bool, limit: Duration) -> bool {
        gauge!(names::BUS_WAITING).set(self.queue.len() as f64);
        let metadata = match self.client.client().fetch_metadata(Some(&self.topic), limit) {
            Ok(metadata) => metadata,
            Err(fault) => {
                health.down(DEPENDENCY, fault.to_string());
                return true;
            }
        };
        let topic = metadata.topics().first();
        let partitions = topic.map(|topic| topic.partitions()).unwrap_or_default();
        let led = partitions.iter().filter(|one| one.leader() >= 0);
        let led: Vec<i32> = led.map(|one| one.id()).collect();
        let mut copies: Vec<_> = partitions
            .iter()
            .map(|one| (one.id(), one.replicas().len()))
            .collect();
        copies.sort_unstable();
        let has_leader = !led.is_empty();
        let shape = copies.into_iter().map(|(_, copies)| copies).collect();
        if !self.partitions.set(shape, led) {
            return false;
        }
        if has_leader {
            match has_joined {
                true => health.up(DEPENDENCY),
                false => health.down(DEPENDENCY, "the consumer group has not let this instance in yet"),
            }
        } else {
            health.down(DEPENDENCY, "no partition of the topic has a leader");
        }
        true
    }

    /// Waits until the topic seems to be another one.
    pub(super) async fn doubted(&self) {
        self.partitions.doubted.notified().await;
    }

    /// Notes that the topic was checked, and may be used.
    pub(super) fn trust(&self) {
        self.partitions.trust();
    }
}

impl Writer {
    /// Writes until `stop` and nothing waits any more.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut under_way = FuturesUnordered::<Acknowledgement>::new();
        let mut group = Vec::with_capacity(MAX_EVENTS);
        let mut is_open = true;
        while is_open || !under_way.is_empty() {
            let patient_until = self.pacing.patient_until();
            tokio::select! {
                biased;
                Some((sent, offset)) = under_way.next(), if !under_way.is_empty() => {
                    let is_acknowledged = offset.is_some();
                    self.latest.extend(offset.map(|offset| (sent.partition, offset)));
                    self.pacing.ended(sent, is_acknowledged);
                    under_way.extend(self.release(sent.partition, is_acknowledged));
                }
                count = self.waiting.recv_many(&mut group, MAX_EVENTS), if is_open && self.pacing.has_place() => {
                    is_open = count > 0;
                    histogram!(names::COMMIT_ROWS).record(count as f64);
                    self.pacing.begin(count);
                    under_way.extend(self.write(std::mem::take(&mut group)));
                    group.reserve(MAX_EVENTS.min(count * 2));
                }
                () = sleep_until(patient_until), if patient_until.is_some() => self.pacing.look(Instant::now()),
                () = stop.cancelled(), if under_way.is_empty() => break,
            }
        }
    }

    /// What waited behind a message of `partition` that has ended: it goes on its way, or shares its failure.
    fn release(&mut self, partition: i32, is_acknowledged: bool) -> Vec<Acknowledgement> {
        let Some(kept) = self.kept.remove(&partition) else {
            return Vec::new();
        };
        if is_acknowledged {
            return self.write(kept.events);
        }
        for waiting in kept.events {
            self.refuse(waiting, PublishError::Away);
        }
        Vec::new()
    }

    /// Hands a group to the library at once, but for what must wait; each future waits for one acknowledgement.
    fn write(&mut self, group: Vec<Waiting>) -> Vec<Acknowledgement> {
        let mut messages: Vec<Message> = Vec::with_capacity(1);
        for waiting in group {
            let pacing = &self.pacing;
            let place = self
                .partitions
                .of(&waiting.event.content, |partition| pacing.is_slow(partition));
            let partition = match place {
                Ok(partition) => partition,
                // Any partition would do for most, but not for those that have an order.
                Err(refusal) => {
                    self.refuse(waiting, refusal);
                    continue;
                }
            };
            if pacing.is_held(partition) {
                self.keep(partition, waiting);
                continue;
            }
            self.waiting_bytes.take_off(waiting.event.weight());
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
        messages.into_iter().map(|message| self.send(message)).collect()
    }

    /// Has an event wait until the message that its partition has under way has ended.
    fn keep(&mut self, partition: i32, waiting: Waiting) {
        let kept = self.kept.entry(partition).or_default();
        let weight = waiting.event.weight();
        if kept.events.len() == MAX_KEPT || kept.byte_count + weight > MAX_KEPT_BYTES {
            return self.refuse(waiting, PublishError::Full);
        }
        kept.byte_count += weight;
        kept.events.push(waiting);
    }

    fn refuse(&self, waiting: Waiting, refusal: PublishError) {
        self.waiting_bytes.take_off(waiting.event.weight());
        counter!(names::EVENTS_REFUSED).increment(1);
        let _ = waiting.reply.send(Err(refusal));
    }

    fn send(&mut self, message: Message) -> Acknowledgement {
        let started = Instant::now();
        let under_way = self.pacing.sent(message.partition, started);
        let record: FutureRecord<'_, (), Vec<u8>> = FutureRecord::to(&self.topic).payload(&message.value);
        let record = record.partition(message.partition);
        let sent = self
            .client
            .send_result(record)
            .map_err(|(fault, _)| refusal(&fault));
        let replies = message.replies;
        let latest = self.latest.get(&message.partition).copied().unwrap_or_default();
        let partitions = self.partitions.clone();
        Box::pin(async move {
            let answer = match sent {
                Ok(acknowledged) => outcome(acknowledged).await,
                Err(refusal) => Err(refusal),
            };
            // An acknowledgement may be without an offset, which is then negative.
            if answer.is_ok_and(|offset| (0..latest).contains(&offset)) {
                tracing::warn!(
                    partition = under_way.partition,
                    "offsets began anew: the topic is another one"
                );
                partitions.doubt();
            }
            let (offset, answer) = (answer.ok(), answer.map(drop));
            match answer {
                Ok(()) => histogram!(names::COMMIT_SECONDS).record(started.elapsed()),
                Err(_) => counter!(names::EVENTS_REFUSED).increment(replies.len() as u64),
            }
            for reply in replies {
                // The client may have hung up; the event is accepted all the same.
                let _ = reply.send(answer);
            }
            (under_way, offset)
        })
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// Answers those who wait for a message, and tells which it was, and its offset if it is durable.
type Acknowledgement = Pin<Box<dyn Future<Output = (Sent, Option<i64>)> + Send>>;

/// Events that wait for a slow partition.
#[derive(Default)]
struct Kept {
    events: Vec<Waiting>,
    byte_count: usize,
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

async fn outcome(acknowledged: DeliveryFuture) -> Result<i64, PublishError> {
    match acknowledged.await {
        Ok(Ok(delivery)) => Ok(delivery.offset),
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
