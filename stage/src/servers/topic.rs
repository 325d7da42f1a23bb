//! A topic on Apache Kafka of a test's own, as a gateway is told of it.

use super::broker::Broker;

/// What a gateway is told so that it finds its broker and a topic of its own.
pub struct Settings {
    pairs: Vec<(String, String)>,
}

impl Settings {
    /// A topic of a test's own at `broker`.
    pub fn new(broker: &str) -> Self {
        let topic = format!("t{}", uuid::Uuid::now_v7().simple());
        let pairs = [
            ("KIND", "kafka"),
            ("BROKERS", broker),
            ("TOPIC", &topic),
            ("GROUP", &topic),
            ("PARTITIONS", "6"),
        ];
        let pairs = pairs.map(|(key, value)| (format!("GATEWAY_BUS__{key}"), value.to_owned()));
        Self { pairs: pairs.into() }
    }

    /// A topic of a test's own at the broker that tests share.
    pub async fn shared() -> Self {
        // Its start takes seconds, and this thread may have others to serve.
        let starting = tokio::task::spawn_blocking(Broker::shared);
        Self::new(starting.await.expect("a broker").address())
    }

    /// The same with one more setting of the bus.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.pairs.push((format!("GATEWAY_BUS__{key}"), value.to_owned()));
        self
    }

    /// Where the brokers are.
    pub fn brokers(&self) -> &str {
        &self.pairs[1].1
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.pairs[2].1
    }

    /// As an environment.
    pub fn environment(&self) -> Vec<(&str, &str)> {
        self.pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }
}
