//! The connection to the brokers: their messages go to the log, their state to `/readyz`.

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::config::{Kafka, KafkaSecurity};
use crate::feed::instance_store::instance_name;
use crate::telemetry::health::Health;

/// The name of the brokers in `/readyz`.
pub(super) const DEPENDENCY: &str = "bus";
/// New partitions and moved leaders are known after at most this long.
const METADATA_MILLIS: u32 = 10_000;

/// The settings of every client of the brokers.
pub(super) fn client(settings: &Kafka) -> ClientConfig {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", &settings.brokers)
        .set("client.id", format!("gateway {}", instance_name()))
        .set("socket.keepalive.enable", "true")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000")
        .set("topic.metadata.refresh.interval.ms", METADATA_MILLIS.to_string())
        .set(
            "security.protocol",
            match settings.security {
                KafkaSecurity::Plaintext => "plaintext",
                KafkaSecurity::Tls => "ssl",
                KafkaSecurity::SaslPlaintext => "sasl_plaintext",
                KafkaSecurity::SaslTls => "sasl_ssl",
            },
        );
    if let Some(file) = &settings.root_certificate_file {
        client.set("ssl.ca.location", file.to_string_lossy());
    }
    if let Some(login) = &settings.login {
        client
            .set("sasl.mechanism", login.mechanism)
            .set("sasl.username", &login.username)
            .set("sasl.password", login.password.expose());
    }
    client.set_log_level(RDKafkaLogLevel::Warning);
    client
}

/// Hears what the client library has to say.
#[derive(Debug, Clone)]
pub(super) struct Listener {
    pub health: Health,
}

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => tracing::warn!(facility, "kafka: {message}"),
            _ => tracing::debug!(facility, "kafka: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                self.health
                    .down(DEPENDENCY, format!("no broker answers: {reason}"));
            }
            Some(RDKafkaErrorCode::Authentication) => {
                self.health
                    .down(DEPENDENCY, format!("the brokers refuse the login: {reason}"));
            }
            _ => tracing::debug!(%error, reason, "kafka"),
        }
    }
}
