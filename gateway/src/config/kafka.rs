//! The settings of `bus.kind = "kafka"`, which stand in `[bus]` beside the others.

use std::path::PathBuf;
use std::time::Duration;

use super::Reader;
use super::values::{between, parsed, path};
use crate::base::secret::Secret;

/// How connections to the brokers are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaSecurity {
    Plaintext,
    Tls,
    SaslPlaintext,
    SaslTls,
}

/// How this gateway proves who it is.
#[derive(Debug, Clone)]
pub struct KafkaLogin {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: &'static str,
    pub username: String,
    pub password: Secret<String>,
}

/// The brokers and what is expected of them.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// `host:port`, several with commas between.
    pub brokers: String,
    pub topic: String,
    pub group: String,
    /// Partitions of the topic where the gateway makes it.
    pub partitions: u16,
    /// Copies of each partition where the gateway makes the topic; as many as there are brokers, up to 3, without it.
    pub replication: Option<u16>,
    pub security: KafkaSecurity,
    pub login: Option<KafkaLogin>,
    /// The certificates that verify the brokers; the system's if absent.
    pub root_certificate_file: Option<PathBuf>,
    /// Takes a topic that may drop events before they are read.
    pub allow_short_retention: bool,
    /// An instance that the brokers have not heard of for this long loses its partitions.
    pub session_timeout: Duration,
}

impl Kafka {
    /// Reads the settings; `None` unless the bus is Kafka. They are checked in any case.
    pub(super) fn read(reader: &mut Reader, is_wanted: bool) -> Option<Self> {
        let brokers = reader.get("bus", "brokers", String::new(), addresses);
        if is_wanted && brokers.is_empty() {
            reader.fault(
                "bus.brokers".into(),
                "is needed with bus.kind = \"kafka\": host:port, separated by commas".into(),
            );
        }
        let security = reader.get("bus", "security", KafkaSecurity::Plaintext, |text| match text {
            "plaintext" => Ok(KafkaSecurity::Plaintext),
            "tls" => Ok(KafkaSecurity::Tls),
            "sasl_plaintext" => Ok(KafkaSecurity::SaslPlaintext),
            "sasl_tls" => Ok(KafkaSecurity::SaslTls),
            _ => Err("plaintext, tls, sasl_plaintext or sasl_tls".into()),
        });
        let settings = Self {
            brokers,
            topic: reader.get("bus", "topic", "gateway-events".into(), topic),
            group: reader.get("bus", "group", "gateway".into(), topic),
            partitions: reader.get("bus", "partitions", 12, between(1, 10_000)),
            replication: reader.get("bus", "replication", None, |text| between(1, 100)(text).map(Some)),
            security,
            login: read_login(reader, security),
            root_certificate_file: reader.get("bus", "root_certificate_file", None, path),
            allow_short_retention: reader.get("bus", "allow_short_retention", false, parsed("true or false")),
            session_timeout: Duration::from_secs(reader.get(
                "bus",
                "session_timeout_seconds",
                6,
                between(6, 300),
            )),
        };
        is_wanted.then_some(settings)
    }
}

fn read_login(reader: &mut Reader, security: KafkaSecurity) -> Option<KafkaLogin> {
    let mechanism = reader.get("bus", "sasl_mechanism", "SCRAM-SHA-512", |text| match text {
        "PLAIN" => Ok("PLAIN"),
        "SCRAM-SHA-256" => Ok("SCRAM-SHA-256"),
        "SCRAM-SHA-512" => Ok("SCRAM-SHA-512"),
        _ => Err("PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512".into()),
    });
    let given = |text: &str| Ok(Some(text.to_owned()));
    let username = reader.get("bus", "sasl_username", None, given);
    let password = reader.get("bus", "sasl_password", None, given);
    let is_wanted = matches!(security, KafkaSecurity::SaslPlaintext | KafkaSecurity::SaslTls);
    match (is_wanted, username, password) {
        (true, Some(username), Some(password)) => Some(KafkaLogin {
            mechanism,
            username,
            password: Secret::new(password),
        }),
        (true, _, _) => {
            reader.fault(
                "bus.security".into(),
                "needs bus.sasl_username and bus.sasl_password".into(),
            );
            None
        }
        (false, None, None) => None,
        (false, _, _) => {
            reader.fault(
                "bus.sasl_username".into(),
                "is used only with bus.security = \"sasl_plaintext\" or \"sasl_tls\"".into(),
            );
            None
        }
    }
}

fn addresses(text: &str) -> Result<String, String> {
    let is_address = |item: &str| {
        let parts = item.rsplit_once(':');
        parts.is_some_and(|(host, port)| {
            !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
    };
    let items: Vec<&str> = text.split(',').map(str::trim).collect();
    match items.iter().all(|item| is_address(item)) {
        true => Ok(items.join(",")),
        false => Err("host:port, separated by commas".into()),
    }
}

/// Kafka's own rule for the names of topics.
fn topic(text: &str) -> Result<String, String> {
    let is_name = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    match is_name && (1..=249).contains(&text.len()) && text != "." && text != ".." {
        true => Ok(text.to_owned()),
        false => Err("1 to 249 letters, digits, dots, underscores and dashes".into()),
    }
}
