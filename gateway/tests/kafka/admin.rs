//! What an administrator, or anyone who may write, does to a topic.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use stage::Settings;

const ANSWER: Duration = Duration::from_secs(10);

fn admin(settings: &Settings) -> AdminClient<DefaultClientContext> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", settings.brokers());
    client.create().expect("a client")
}

/// Makes the topic by hand, with one partition.
pub async fn make_topic(settings: &Settings, values: &[(&str, &str)]) {
    let mut topic = NewTopic::new(settings.topic(), 1, TopicReplication::Fixed(1));
    for (name, value) in values {
        topic = topic.set(name, value);
    }
    let made = admin(settings)
        .create_topics(&[topic], &AdminOptions::new())
        .await;
    made.expect("answered").remove(0).expect("made");
}

/// Raises the number of partitions.
pub async fn add_partitions(settings: &Settings, count: usize) {
    let wanted = NewPartitions::new(settings.topic(), count);
    let added = admin(settings)
        .create_partitions(&[wanted], &AdminOptions::new())
        .await;
    added.expect("answered").remove(0).expect("added");
}

/// Writes a message into the topic, as anyone could.
pub async fn produce(settings: &Settings, message: &str) {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", settings.brokers());
    let producer: FutureProducer = client.create().expect("a client");
    let record: FutureRecord<'_, (), str> = FutureRecord::to(settings.topic()).payload(message);
    let sent = producer.send(record, ANSWER).await;
    sent.map_err(|(fault, _)| fault).expect("written");
}

/// Deletes the topic, with all that is in it.
pub async fn delete_topic(settings: &Settings) {
    let deleted = admin(settings)
        .delete_topics(&[settings.topic()], &AdminOptions::new())
        .await;
    deleted.expect("answered").remove(0).expect("deleted");
}

/// Deletes the messages of the first partition before `offset`, as its retention does.
pub async fn delete_messages(settings: &Settings, offset: i64) {
    let mut before = TopicPartitionList::new();
    let added = before.add_partition_offset(settings.topic(), 0, Offset::Offset(offset));
    added.expect("an offset");
    let deleted = admin(settings)
        .delete_records(&before, &AdminOptions::new())
        .await;
    deleted.expect("deleted");
}

/// How many messages the gateways' group has said to be done, over all partitions.
pub async fn done_count(settings: &Settings) -> i64 {
    let topic = settings.topic().to_owned();
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", settings.brokers());
    // The group has the topic's name.
    client.set("group.id", &topic);
    let counting = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = client.create().expect("a client");
        let metadata = consumer.fetch_metadata(Some(&topic), ANSWER).expect("answered");
        let mut wanted = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            wanted.add_partition(&topic, partition.id());
        }
        let committed = consumer.committed_offsets(wanted, ANSWER).expect("answered");
        let offsets = committed.elements().into_iter().map(|one| one.offset());
        offsets
            .filter_map(|offset| match offset {
                Offset::Offset(count) => Some(count),
                _ => None,
            })
            .sum()
    });
    counting.await.expect("no panic")
}
