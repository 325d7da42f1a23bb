//! Reads the topic: one thread that fetches, commits offsets and takes part in rebalances.
//!
//! When a partition is revoked, its deliveries in flight get time to finish, so that its next owner repeats nothing.
//! When a partition is lost (the brokers took this instance for dead), the instance gives it up at once: it starts no
//! further deliveries of it, and late outcomes change nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use metrics::{counter, gauge};
use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::Offset;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::connection::{self, Listener};
use super::envelope;
use super::expiry::Expiry;
use super::intake::Chunk;
use super::window::Window;
use crate::base::clock::Millis;
use crate::base::fail_point::{self, Point};
use crate::bus::Ledger;
use crate::bus::table::archive::Damaged;
use crate::config::Kafka;
use crate::telemetry::names;

/// Members hear of a rebalance with a heartbeat, and until all have, what moves stands still: when instances are
/// restarted one after the other, twice for each.
const MAX_HEARTBEAT_MILLIS: u128 = 300;
const POLL: Duration = Duration::from_millis(50);
const COMMIT: Duration = Duration::from_millis(200);
/// What a partition that is asked back is given to finish. Slower attempts are parked within less.
const LAST_WORK: Duration = Duration::from_secs(2);
const MAX_FETCHED: usize = 1_000;
const MAX_BYTES: usize = 8 << 20;
/// A fetch is answered once this much has come, or after this long. Each answer costs the broker and the client library
/// what twenty events cost, so that under load they should carry many; docs/adr/0009 has the measurement.
const FETCH_BYTES: usize = 64 << 10;
const FETCH_WAIT: Duration = Duration::from_millis(4);
/// Events in memory beyond which nothing more is fetched of one partition.
const MAX_OF_PARTITION: usize = 4_000;
/// A shortage of room that lasts longer pauses the partitions; until then it is waited for.
const PATIENCE: Duration = Duration::from_millis(200);
const WAIT: Duration = Duration::from_millis(2);

/// What happens to partitions, heard within a poll.
pub(super) struct Rebalances {
    listener: Listener,
    expiry: Arc<Expiry>,
    window: Arc<Window>,
    ledger: Arc<Ledger>,
    topic: String,
}

impl ClientContext for Rebalances {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.listener.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.listener.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let partitions = statistics.topics.get(&self.topic).map(|topic| &topic.partitions);
        let lags = partitions
            .into_iter()
            .flatten()
            .map(|(_, partition)| partition.consumer_lag);
        let lag: i64 = lags.filter(|lag| *lag > 0).sum();
        gauge!(names::KAFKA_LAG).set(lag as f64);
    }
}

impl ConsumerContext for Rebalances {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(taken) = rebalance else {
            return;
        };
        let taken = partitions_of(taken);
        let is_lost = consumer.assignment_lost();
        if !is_lost {
            let until = Instant::now() + LAST_WORK;
            loop {
                commit(
                    consumer,
                    &self.topic,
                    self.window.advance(&self.ledger),
                    CommitMode::Sync,
                );
                if self.window.is_idle(&taken) || Instant::now() > until {
                    break;
                }
                std::thread::sleep(WAIT);
            }
        }
        self.expiry.forget(&taken);
        let left = self.window.revoke(taken.iter().copied());
        tracing::info!(partitions = ?taken, is_lost, unfinished = left.len(), "gave partitions up");
        for batch in left {
            self.ledger.abandon(batch);
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        counter!(names::KAFKA_REBALANCES).increment(1);
        match rebalance {
            Rebalance::Assign(given) => {
                let given = partitions_of(given);
                tracing::info!(partitions = ?given, "got partitions");
                self.window.assign(given);
            }
            Rebalance::Revoke(_) => {}
            Rebalance::Error(fault) => tracing::warn!(%fault, "a rebalance failed"),
        }
        gauge!(names::KAFKA_PARTITIONS).set(self.window.assigned().len() as f64);
    }
}

/// Fetches until it is asked to stop. The group is left when it is dropped.
pub(super) struct Consumer {
    /// Dropped before the consumer, so that the dispatch does not wait for that.
    fetched: mpsc::Sender<Vec<Chunk>>,
    /// Leaving the group asks every partition back, which is where its work is waited for.
    consumer: BaseConsumer<Rebalances>,
    expiry: Arc<Expiry>,
    topic: String,
    window: Arc<Window>,
    ledger: Arc<Ledger>,
    /// Chunks that the intake had no place for.
    kept: Option<Vec<Chunk>>,
    paused: BTreeSet<i32>,
    short_since: Option<Instant>,
    committed: Instant,
}

impl Consumer {
    pub(super) fn new(
        settings: &Kafka,
        listener: Listener,
        window: Arc<Window>,
        ledger: Arc<Ledger>,
        fetched: mpsc::Sender<Vec<Chunk>>,
    ) -> Result<Self, KafkaError> {
        let session = settings.session_timeout.as_millis();
        let heartbeat = (session / 3).min(MAX_HEARTBEAT_MILLIS);
        let expiry = Arc::<Expiry>::default();
        let context = Rebalances {
            listener,
            expiry: expiry.clone(),
            window: window.clone(),
            ledger: ledger.clone(),
            topic: settings.topic.clone(),
        };
        let consumer: BaseConsumer<Rebalances> = connection::client(settings)
            .set("group.id", &settings.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A group that begins, or whose offsets ran out, misses nothing.
            .set("auto.offset.reset", "earliest")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", session.to_string())
            .set("heartbeat.interval.ms", heartbeat.to_string())
            .set("fetch.min.bytes", FETCH_BYTES.to_string())
            .set("fetch.wait.max.ms", FETCH_WAIT.as_millis().to_string())
            .set("queued.max.messages.kbytes", "16384")
            .set("queued.min.messages", "4000")
            .set("fetch.queue.backoff.ms", "10")
            .set("statistics.interval.ms", "2000")
            .create_with_context(context)?;
        consumer.subscribe(&[&settings.topic])?;
        Ok(Self {
            fetched,
            consumer,
            expiry,
            topic: settings.topic.clone(),
            window,
            ledger,
            kept: None,
            paused: BTreeSet::new(),
            short_since: None,
            committed: Instant::now(),
        })
    }

    /// Fetches until `stop`. Ends earlier if the consumer breaks for good.
    pub(super) fn run(&mut self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if fail_point::reach(Point::Fetching) {
                break;
            }
            if self.committed.elapsed() > COMMIT {
                self.committed = Instant::now();
                if let Some((code, reason)) = self.consumer.client().fatal_error() {
                    tracing::error!(%code, reason, "the consumer is broken for good");
                    break;
                }
                commit(
                    &self.consumer,
                    &self.topic,
                    self.window.advance(&self.ledger),
                    CommitMode::Async,
                );
            }
            self.hand_over_kept();
            if !self.has_room() {
                continue;
            }
            let chunks = self.fetch(POLL);
            self.hand_over(chunks);
        }
    }

    /// Whether more may be fetched. Without room for long, partitions are paused, and only the group is kept up.
    fn has_room(&mut self) -> bool {
        let is_full = self.kept.is_some() || !self.ledger.has_room(1);
        let assigned = self.window.assigned();
        let mut wanted = BTreeSet::new();
        if is_full {
            let since = *self.short_since.get_or_insert_with(Instant::now);
            if since.elapsed() < PATIENCE {
                std::thread::sleep(WAIT);
                return false;
            }
            wanted.extend(&assigned);
        } else {
            self.short_since = None;
            let is_behind = |partition: &&i32| self.window.in_flight(**partition) >= MAX_OF_PARTITION;
            wanted.extend(assigned.iter().filter(is_behind));
        }
        self.pause(wanted);
        if is_full {
            // Serves the group, and may still find a message of a partition that came just now.
            let chunks = self.fetch(WAIT * 5);
            match &mut self.kept {
                Some(kept) => kept.extend(chunks),
                None => self.hand_over(chunks),
            }
            return false;
        }
        true
    }

    fn pause(&mut self, wanted: BTreeSet<i32>) {
        if wanted == self.paused {
            return;
        }
        let of = |partitions: Vec<&i32>| {
            let mut list = TopicPartitionList::new();
            for partition in partitions {
                list.add_partition(&self.topic, *partition);
            }
            list
        };
        let stopped = of(wanted.difference(&self.paused).collect());
        let resumed = of(self.paused.difference(&wanted).collect());
        for (done, what) in [
            (self.consumer.pause(&stopped), "pause"),
            (self.consumer.resume(&resumed), "resume"),
        ] {
            if let Err(fault) = done {
                tracing::debug!(%fault, what, "partitions");
            }
        }
        gauge!(names::KAFKA_PAUSED).set(wanted.len() as f64);
        self.paused = wanted;
    }

    /// Fetches what is there, and waits for the first message for at most `wait`.
    fn fetch(&self, wait: Duration) -> Vec<Chunk> {
        let mut pending: Vec<Pending> = Vec::new();
        let mut byte_count = 0;
        let mut wait = wait;
        let event_count = |pending: &[Pending]| pending.iter().map(|one| one.events.len()).sum::<usize>();
        while event_count(&pending) < MAX_FETCHED && byte_count < MAX_BYTES {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    let place = (message.partition(), message.offset());
                    self.expiry.note(&self.consumer, &self.topic, place);
                    byte_count += message.payload_len();
                    Pending::add(&mut pending, &message);
                }
                Some(Err(fault)) => {
                    tracing::debug!(%fault, "nothing fetched");
                    break;
                }
                None => break,
            }
            wait = Duration::ZERO;
        }
        pending
            .into_iter()
            .filter_map(|pending| pending.note(&self.window))
            .collect()
    }

    fn hand_over(&mut self, chunks: Vec<Chunk>) {
        if chunks.is_empty() {
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(chunks)) = self.fetched.try_send(chunks) {
            self.kept = Some(chunks);
        }
    }

    fn hand_over_kept(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.hand_over(kept);
        }
    }
}

/// The messages of one partition, not noted yet.
struct Pending {
    partition: i32,
    next_offset: i64,
    events: Vec<envelope::Delivered>,
    damaged: Vec<Damaged>,
}

impl Pending {
    fn add(all: &mut Vec<Self>, message: &BorrowedMessage<'_>) {
        let partition = message.partition();
        let at = all.iter().position(|pending| pending.partition == partition);
        let at = at.unwrap_or_else(|| {
            all.push(Self {
                partition,
                next_offset: 0,
                events: Vec::new(),
                damaged: Vec::new(),
            });
            all.len() - 1
        });
        let Some(pending) = all.get_mut(at) else { return };
        pending.next_offset = message.offset() + 1;
        let value = message.payload().unwrap_or_default();
        for read in envelope::read_all(&Bytes::copy_from_slice(value), Millis::now()) {
            match read {
                Ok(delivered) => pending.events.push(delivered),
                Err(fault) => {
                    pending.damaged.push(Damaged {
                        topic: message.topic().to_owned(),
                        partition,
                        offset: message.offset(),
                        value: value.to_vec(),
                        fault: fault.to_string(),
                    });
                    break;
                }
            }
        }
    }

    fn note(self, window: &Window) -> Option<Chunk> {
        let id = window.fetched(self.partition, self.events.len(), self.next_offset)?;
        Some(Chunk {
            id,
            events: self.events,
            damaged: self.damaged,
        })
    }
}

fn partitions_of(list: &TopicPartitionList) -> Vec<i32> {
    list.elements()
        .iter()
        .map(|element| element.partition())
        .collect()
}

fn commit(consumer: &BaseConsumer<Rebalances>, topic: &str, offsets: Vec<(i32, i64)>, mode: CommitMode) {
    if offsets.is_empty() {
        return;
    }
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        if let Err(fault) = list.add_partition_offset(topic, partition, Offset::Offset(offset)) {
            tracing::warn!(%fault, partition, offset, "an offset that cannot be committed");
        }
    }
    if let Err(fault) = consumer.commit(&list, mode) {
        // What is not committed comes again, and is known by its id.
        tracing::warn!(%fault, "offsets could not be committed");
    }
}
