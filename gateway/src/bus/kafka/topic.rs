//! The topic: made at the first start, and checked at each. One on which an acknowledged event could be lost is refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::connection;
use crate::config::Kafka;

const ANSWER: Duration = Duration::from_secs(5);
/// The largest event is 256 KiB of data; the rest is its envelope.
const LEAST_MESSAGE_BYTES: i64 = 300 << 10;
/// Messages that are deleted sooner may not outlast a short outage.
const LEAST_RETENTION_MILLIS: i64 = 60 * 60 * 1_000;
/// Seven days, which is Kafka's own default; brokers may have another.
const MADE_RETENTION_MILLIS: &str = "604800000";
const SECOND_LOOKS: u32 = 10;
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Without an answer to the contrary this many copies are made.
const USUAL_COPIES: usize = 3;

/// Why the topic cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// It may be well later.
    #[error("the brokers are away: {0}")]
    Away(KafkaError),
    #[error("the topic {topic} could not be made: {code}; make it by hand, or give this user the right to")]
    NotMade { topic: String, code: RDKafkaErrorCode },
    #[error("the topic {topic} is gone")]
    Gone { topic: String },
    #[error("the topic {topic} cannot carry events: {faults}")]
    Unfit { topic: String, faults: String },
}

/// Makes the topic if it is missing, and checks it.
pub(super) async fn ensure(settings: &Kafka) -> Result<(), TopicError> {
    let admin: AdminClient<DefaultClientContext> =
        connection::client(settings).create().map_err(TopicError::Away)?;
    let admin = Arc::new(admin);
    let found = find(admin.clone(), settings.topic.clone()).await?;
    let copies = match found {
        Found::Copies(copies) => copies,
        Found::Missing { brokers } => {
            let copies = settings
                .replication
                .map_or(brokers.clamp(1, USUAL_COPIES), usize::from);
            make(&admin, settings, copies).await?;
            copies
        }
    };
    // A broker that has not heard of a new topic's settings yet tells its own defaults instead.
    for _ in 0..SECOND_LOOKS {
        match check(&admin, settings, copies).await {
            Err(TopicError::Unfit { .. }) => tokio::time::sleep(LOOK_AGAIN).await,
            checked => return checked,
        }
    }
    check(&admin, settings, copies).await
}

/// Checks a topic that seems to be another one than was checked before; it is not made here, as somebody deleted it.
pub(super) async fn check_again(settings: &Kafka) -> Result<(), TopicError> {
    let admin: AdminClient<DefaultClientContext> =
        connection::client(settings).create().map_err(TopicError::Away)?;
    let admin = Arc::new(admin);
    match find(admin.clone(), settings.topic.clone()).await? {
        Found::Copies(copies) => check(&admin, settings, copies).await,
        Found::Missing { .. } => Err(TopicError::Gone {
            topic: settings.topic.clone(),
        }),
    }
}

enum Found {
    /// The fewest copies that a partition has.
    Copies(usize),
    Missing {
        brokers: usize,
    },
}

/// Looks for the topic in the list of all: asking for it by name would make brokers that are so inclined create it, with
/// settings of their own.
///
/// The library's call blocks, so it has a thread of its own.
async fn find(admin: Arc<AdminClient<DefaultClientContext>>, name: String) -> Result<Found, TopicError> {
    let finding = tokio::task::spawn_blocking(move || {
        let metadata = admin.inner().fetch_metadata(None, ANSWER)?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == name);
        let copies = topic.and_then(|topic| {
            let counts = topic
                .partitions()
                .iter()
                .map(|partition| partition.replicas().len());
            counts.min()
        });
        Ok(match copies {
            Some(copies) => Found::Copies(copies),
            None => Found::Missing {
                brokers: metadata.brokers().len(),
            },
        })
    });
    match finding.await {
        Ok(found) => found.map_err(TopicError::Away),
        Err(fault) => Err(TopicError::Away(KafkaError::AdminOpCreation(fault.to_string()))),
    }
}

async fn make(
    admin: &AdminClient<DefaultClientContext>,
    settings: &Kafka,
    copies: usize,
) -> Result<(), TopicError> {
    let replication = TopicReplication::Fixed(i32::try_from(copies).unwrap_or(i32::MAX));
    let least = least_in_sync(copies).to_string();
    let topic = NewTopic::new(&settings.topic, i32::from(settings.partitions), replication)
        .set("min.insync.replicas", &least)
        .set("cleanup.policy", "delete")
        .set("retention.ms", MADE_RETENTION_MILLIS)
        .set("retention.bytes", "-1");
    let made = admin.create_topics(&[topic], &options()).await;
    match made.map_err(TopicError::Away)?.into_iter().next() {
        // Another instance that starts at the same time may have been faster.
        None | Some(Ok(_)) | Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => {
            tracing::info!(
                topic = settings.topic,
                partitions = settings.partitions,
                copies,
                "made the topic"
            );
            Ok(())
        }
        Some(Err((topic, code))) => Err(TopicError::NotMade { topic, code }),
    }
}

/// With three copies two must have an event before it counts as acknowledged, so that one broker may be lost.
const fn least_in_sync(copies: usize) -> usize {
    if copies >= USUAL_COPIES { 2 } else { 1 }
}

async fn check(
    admin: &AdminClient<DefaultClientContext>,
    settings: &Kafka,
    copies: usize,
) -> Result<(), TopicError> {
    let wanted = [ResourceSpecifier::Topic(&settings.topic)];
    let described = admin.describe_configs(&wanted, &options()).await;
    let config = match described.map_err(TopicError::Away)?.into_iter().next() {
        Some(Ok(config)) => config,
        // An operator who may not read it is trusted to have set it up.
        Some(Err(code)) => {
            tracing::warn!(topic = settings.topic, %code, "the topic's settings cannot be read");
            return Ok(());
        }
        None => return Ok(()),
    };
    let values: BTreeMap<&str, &str> = config
        .entries
        .iter()
        .filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)))
        .collect();
    let mut faults = faults(&values, copies);
    if !settings.allow_short_retention {
        faults.extend(losses(&values));
    }
    if faults.is_empty() {
        if copies < 2 {
            tracing::warn!(
                topic = settings.topic,
                "one broker keeps each event: its loss is theirs"
            );
        }
        return Ok(());
    }
    Err(TopicError::Unfit {
        topic: settings.topic.clone(),
        faults: faults.join("; "),
    })
}

/// What is wrong with a topic's settings, each with its cure.
fn faults(values: &BTreeMap<&str, &str>, copies: usize) -> Vec<String> {
    let number = |name: &str| values.get(name).and_then(|value| value.parse::<i64>().ok());
    let mut faults = Vec::new();
    let least = number("min.insync.replicas").unwrap_or(1);
    if copies >= USUAL_COPIES && least < 2 {
        faults.push(format!(
            "min.insync.replicas is {least}, so one broker could acknowledge an event alone; set it to 2"
        ));
    }
    if usize::try_from(least).is_ok_and(|least| least > copies) {
        faults.push(format!(
            "min.insync.replicas is {least} but a partition has {copies} copies; give it more, or lower the setting"
        ));
    }
    if values
        .get("cleanup.policy")
        .is_some_and(|policy| policy.contains("compact"))
    {
        faults.push("cleanup.policy is compact, which drops events; set it to delete".into());
    }
    if let Some(most) = number("max.message.bytes").filter(|most| *most < LEAST_MESSAGE_BYTES) {
        faults.push(format!(
            "max.message.bytes is {most}, and an event takes up to {LEAST_MESSAGE_BYTES}"
        ));
    }
    faults
}

/// By what a topic drops events that were not read yet, each with its cure.
fn losses(values: &BTreeMap<&str, &str>) -> Vec<String> {
    let number = |name: &str| values.get(name).and_then(|value| value.parse::<i64>().ok());
    let mut losses = Vec::new();
    // Negative is for ever.
    if let Some(kept) = number("retention.ms").filter(|kept| (0..LEAST_RETENTION_MILLIS).contains(kept)) {
        losses.push(format!(
            "retention.ms is {kept}, so events that wait longer are lost; set it to at least {LEAST_RETENTION_MILLIS}, \
             or bus.allow_short_retention to true"
        ));
    }
    if let Some(kept) = number("retention.bytes").filter(|kept| *kept >= 0) {
        losses.push(format!(
            "retention.bytes is {kept}, so events are lost while many wait; set it to -1, \
             or bus.allow_short_retention to true"
        ));
    }
    losses
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(ANSWER))
        .operation_timeout(Some(ANSWER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_could_lose_events_is_told_why() {
        let good = BTreeMap::from([
            ("min.insync.replicas", "2"),
            ("cleanup.policy", "delete"),
            ("max.message.bytes", "1048588"),
        ]);
        assert!(faults(&good, 3).is_empty());
        let with = |name, value| {
            let mut values = good.clone();
            values.insert(name, value);
            values
        };
        assert_eq!(faults(&with("min.insync.replicas", "1"), 3).len(), 1);
        assert!(faults(&with("min.insync.replicas", "1"), 1).is_empty());
        assert_eq!(faults(&with("min.insync.replicas", "2"), 1).len(), 1);
        assert_eq!(faults(&with("cleanup.policy", "compact,delete"), 3).len(), 1);
        assert_eq!(faults(&with("max.message.bytes", "1000"), 3).len(), 1);
    }

    #[test]
    fn a_topic_that_drops_what_was_not_read_is_told_why() {
        let good = BTreeMap::from([("retention.ms", "3600000"), ("retention.bytes", "-1")]);
        assert!(losses(&good).is_empty());
        let with = |name, value| {
            let mut values = good.clone();
            values.insert(name, value);
            losses(&values).len()
        };
        assert_eq!(with("retention.ms", "-1"), 0);
        assert_eq!(with("retention.ms", "3599999"), 1);
        assert_eq!(with("retention.bytes", "1073741824"), 1);
    }
}
