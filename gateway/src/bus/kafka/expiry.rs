//! Detects messages that the topic deleted before they were read: those between the next expected offset and the first one
//! that still exists. The client library skips them silently.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::counter;
use parking_lot::Mutex;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::topic_partition_list::Offset;

use crate::telemetry::names;

/// The thread that fetches waits for the answer, once for each gap.
const ANSWER: Duration = Duration::from_secs(2);

/// What is expected next of each partition.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    expected: Mutex<BTreeMap<i32, i64>>,
}

impl Expiry {
    /// Notes that partitions were taken away: others read them now.
    pub(super) fn forget(&self, partitions: &[i32]) {
        self.expected.lock().retain(|one, _| !partitions.contains(one));
    }

    /// Notes a message, and counts what was deleted before it.
    pub(super) fn note<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        topic: &str,
        (partition, offset): (i32, i64),
    ) {
        let known = self.expected.lock().insert(partition, offset + 1);
        let expected = known.or_else(|| committed(consumer, topic, partition));
        // Others leave gaps too: the marks of transactions.
        let Some(from) = expected.filter(|from| offset > *from) else {
            return;
        };
        match consumer.fetch_watermarks(topic, partition, ANSWER) {
            Ok((low, _)) => {
                let count = deleted(from, offset, low);
                if count > 0 {
                    counter!(names::KAFKA_EXPIRED).increment(count);
                    tracing::error!(topic, partition, from, count, "messages expired unread");
                }
            }
            Err(fault) => tracing::warn!(%fault, partition, from, offset, "an unexplained gap of offsets"),
        }
    }
}

/// Where the group had come to when this instance got the partition; nothing of it was committed here yet.
fn committed<C: ConsumerContext>(consumer: &BaseConsumer<C>, topic: &str, partition: i32) -> Option<i64> {
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition(topic, partition);
    match consumer.committed_offsets(wanted, ANSWER) {
        Ok(found) => match found.find_partition(topic, partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        },
        Err(fault) => {
            tracing::debug!(%fault, partition, "where the group had come to is not known");
            None
        }
    }
}

/// How many offsets between `from`, which was expected, and `next`, which came, lie below `low`, the first that is left.
fn deleted(from: i64, next: i64, low: i64) -> u64 {
    u64::try_from(low.min(next) - from).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_the_first_offset_left_was_deleted() {
        assert_eq!(deleted(5, 10, 10), 5);
        assert_eq!(deleted(5, 10, 8), 3, "the rest are marks of transactions");
        assert_eq!(deleted(5, 10, 0), 0);
        assert_eq!(deleted(5, 10, 20), 5, "more was deleted since");
    }
}
