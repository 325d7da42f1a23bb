//! The settings, with their defaults and bounds. `config/gateway.toml` explains each to operators.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::reader::DATABASE_URL;
use super::values::{
    address, between, cidrs, loopback, parsed, path, postgres_url, public_url, seconds_above_0,
};
use super::{Kafka, Reader, log_level};
use crate::base::secret::Secret;

/// The API's listener and what it allows a client.
#[derive(Debug, Clone)]
pub struct Server {
    pub listen: SocketAddr,
    /// Where clients and browsers reach the API and the console, if that is not the listen address.
    pub public_url: Option<Url>,
    pub drain: Duration,
    pub tls: Option<Tls>,
    /// From these addresses alone is `X-Forwarded-For` believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Connections from those addresses begin with a PROXY header.
    pub proxy_protocol: bool,
    pub max_connections: usize,
    /// From the first byte of a request's head to its last.
    pub head_timeout: Duration,
    /// The longest silence within a body.
    pub body_timeout: Duration,
    /// How long a connection may wait between requests.
    pub idle_timeout: Duration,
    /// The longest that a request may take whose work is bounded; beyond it the reply is 503.
    pub request_timeout: Duration,
}

/// The certificate chain and key that the listener shows, in PEM files; read again on SIGHUP.
#[derive(Debug, Clone)]
pub struct Tls {
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

/// The listener for probes and metrics.
#[derive(Debug, Clone)]
pub struct Operations {
    pub listen: SocketAddr,
}

/// The one database.
#[derive(Debug, Clone)]
pub struct Database {
    pub url: Option<Secret<String>>,
    /// The certificates that verify the server; the public authorities if absent.
    pub root_certificate_file: Option<PathBuf>,
    pub pool_size: usize,
    pub migrate_on_start: bool,
}

/// Which bus carries events.
#[derive(Debug, Clone)]
pub enum BusKind {
    Postgres,
    Kafka(Kafka),
}

/// The bus and how work is owned.
#[derive(Debug, Clone)]
pub struct Bus {
    pub kind: BusKind,
    /// An instance that is silent for this long has lost what it held.
    pub lease: Duration,
    /// Accepted events that may wait for their commit; beyond it the reply is 503.
    pub max_waiting: usize,
    /// How long a commit waits for more events to share it.
    pub gather: Duration,
}

/// What in-memory keys may lag behind the database.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Beyond this silence of the database, keys count as unconfirmed: unready, and callers get 503.
    pub stale_after: Duration,
    /// Credentials that one network (IPv4 /24, IPv6 /48) may get wrong: steadily …
    pub failures_per_second: u32,
    /// … and at once. Beyond that they are answered with 429, and slowly.
    pub failure_burst: u32,
}

/// What is kept of events.
#[derive(Debug, Clone)]
pub struct Events {
    pub retention_days: u32,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Which requests get a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLog {
    Off,
    Errors,
    All,
}

/// What operators see in the log.
#[derive(Debug, Clone)]
pub struct Telemetry {
    pub log_format: LogFormat,
    /// A filter such as `info` or `gateway=debug,warn`.
    pub log_level: String,
    pub access_log: AccessLog,
}

impl Server {
    /// The origin that links begin with, if it is set.
    pub fn public_origin(&self) -> Option<std::sync::Arc<str>> {
        let url = self.public_url.as_ref()?;
        Some(url.origin().ascii_serialization().into())
    }

    pub(super) fn read(reader: &mut Reader) -> Self {
        let certificate = reader.get("server", "tls_certificate_file", None, path);
        let key = reader.get("server", "tls_key_file", None, path);
        if certificate.is_some() != key.is_some() {
            reader.fault(
                "server.tls_certificate_file".into(),
                "goes together with server.tls_key_file: set both or neither".into(),
            );
        }
        let trusted_proxies = reader.get("server", "trusted_proxies", Vec::new(), cidrs);
        let proxy_protocol = reader.get("server", "proxy_protocol", false, parsed("true or false"));
        if proxy_protocol && trusted_proxies.is_empty() {
            reader.fault(
                "server.proxy_protocol".into(),
                "needs server.trusted_proxies, the addresses whose PROXY headers are believed".into(),
            );
        }
        let seconds = |reader: &mut Reader, key, default| {
            reader.get("server", key, Duration::from_secs(default), seconds_above_0)
        };
        Self {
            listen: reader.get("server", "listen", loopback(8080), address),
            public_url: reader.get("server", "public_url", None, public_url),
            drain: seconds(reader, "drain_seconds", 30),
            tls: certificate.zip(key).map(|(certificate_file, key_file)| Tls {
                certificate_file,
                key_file,
            }),
            trusted_proxies,
            proxy_protocol,
            max_connections: reader.get("server", "max_connections", 10_000, between(1, 1_000_000)),
            head_timeout: seconds(reader, "head_timeout_seconds", 10),
            body_timeout: seconds(reader, "body_timeout_seconds", 30),
            idle_timeout: seconds(reader, "idle_timeout_seconds", 75),
            request_timeout: reader.get(
                "server",
                "request_timeout_seconds",
                Duration::from_secs(4),
                seconds_above_0,
            ),
        }
    }
}

impl Operations {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            listen: reader.get("operations", "listen", loopback(8081), address),
        }
    }
}

impl Database {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let written = reader.get("database", "url", None, |text| postgres_url(text).map(Some));
        // Platforms set it empty where they mean none.
        let usual = reader.environment(DATABASE_URL).filter(|url| !url.is_empty());
        let usual = usual.map(str::to_owned);
        // GATEWAY_DATABASE__URL over DATABASE_URL over the file.
        let url = match usual {
            Some(usual) if !reader.is_in_environment("database", "url") => match postgres_url(&usual) {
                Ok(url) => Some(url),
                Err(expected) => {
                    reader.fault(DATABASE_URL.into(), format!("expected {expected}"));
                    None
                }
            },
            _ => written,
        };
        Self {
            url,
            root_certificate_file: reader.get("database", "root_certificate_file", None, path),
            pool_size: reader.get("database", "pool_size", 16, between(2, 1000)),
            migrate_on_start: reader.get("database", "migrate_on_start", true, parsed("true or false")),
        }
    }
}

impl Bus {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let is_kafka = reader.get("bus", "kind", false, |text| match text {
            "postgres" => Ok(false),
            "kafka" => Ok(true),
            _ => Err("postgres or kafka".into()),
        });
        Self {
            kind: Kafka::read(reader, is_kafka).map_or(BusKind::Postgres, BusKind::Kafka),
            lease: reader.get("bus", "lease_seconds", Duration::from_secs(10), seconds_above_0),
            max_waiting: reader.get("bus", "max_waiting", 20_000, between(1, 1_000_000)),
            gather: Duration::from_millis(reader.get("bus", "gather_milliseconds", 0, between(0, 1_000))),
        }
    }
}

impl Keys {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            stale_after: reader.get(
                "keys",
                "stale_after_seconds",
                Duration::from_secs(4),
                seconds_above_0,
            ),
            failures_per_second: reader.get("keys", "failures_per_second", 100, between(1, 1_000_000)),
            failure_burst: reader.get("keys", "failure_burst", 1_000, between(1, 10_000_000)),
        }
    }
}

impl Events {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            retention_days: reader.get("events", "retention_days", 30, between(1, 3650)),
        }
    }
}

impl Telemetry {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            log_format: reader.get("telemetry", "log_format", LogFormat::Text, |text| match text {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("text or json".into()),
            }),
            log_level: reader.get("telemetry", "log_level", "info".into(), log_level::parse),
            access_log: reader.get("telemetry", "access_log", AccessLog::Errors, |text| match text {
                "off" => Ok(AccessLog::Off),
                "errors" => Ok(AccessLog::Errors),
                "all" => Ok(AccessLog::All),
                _ => Err("off, errors or all".into()),
            }),
        }
    }
}
