//! The settings of deliveries and their endpoints.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::Reader;
use super::values::{between, cidrs, parsed, path, sealing_key, seconds_above_0};
use crate::base::secret::Secret;

/// How deliveries are made.
#[derive(Debug, Clone)]
pub struct Webhooks {
    pub allow_cidrs: Vec<IpNet>,
    /// Certificates that verify endpoints, in addition to the public authorities.
    pub extra_ca_file: Option<PathBuf>,
    /// The DNS server for endpoints' names; the system's if absent.
    pub resolver: Option<SocketAddr>,
    pub timeout: Duration,
    pub max_attempts: u32,
    pub retry_base: Duration,
    /// For how many days the log of deliveries is kept.
    pub retention_days: u32,
    /// Attempts that one endpoint may have under way at once.
    pub lane_concurrency: usize,
    /// Deliveries that may wait in memory for one endpoint; the rest waits in the database.
    pub lane_queue: usize,
    /// What is being sent, or waits to be, to all endpoints together, in bytes.
    pub max_memory_bytes: usize,
    /// Attempts that may be under way at once, to all endpoints together.
    pub max_attempts_at_once: usize,
    /// Connections to all endpoints together that may be open and idle.
    pub max_idle_connections: usize,
    pub breaker_after: Duration,
    pub breaker_failures: u32,
    pub breaker_probe: Duration,
    pub secret_key: Option<Secret<[u8; 32]>>,
    /// Opens what was sealed before `secret_key` was changed, until `gateway secrets rotate` has sealed it again.
    pub previous_secret_key: Option<Secret<[u8; 32]>>,
}

impl Webhooks {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut seconds =
            |key, default| reader.get("webhooks", key, Duration::from_secs(default), seconds_above_0);
        let timeout = seconds("timeout_seconds", 10);
        let retry_base = seconds("retry_base_seconds", 5);
        let breaker_after = seconds("breaker_after_seconds", 300);
        let breaker_probe = seconds("breaker_probe_seconds", 30);
        Self {
            allow_cidrs: reader.get("webhooks", "allow_cidrs", Vec::new(), cidrs),
            extra_ca_file: reader.get("webhooks", "extra_ca_file", None, path),
            resolver: reader.get("webhooks", "resolver", None, |text| {
                parsed("the address and port of a DNS server such as 127.0.0.1:53")(text).map(Some)
            }),
            timeout,
            max_attempts: reader.get("webhooks", "max_attempts", 5, between(1, 50)),
            retry_base,
            retention_days: reader.get("webhooks", "retention_days", 30, between(1, 3650)),
            lane_concurrency: reader.get("webhooks", "lane_concurrency", 32, between(1, 10_000)),
            lane_queue: reader.get("webhooks", "lane_queue", 8_000, between(1, 1_000_000)),
            max_memory_bytes: reader.get(
                "webhooks",
                "max_memory_bytes",
                64 << 20,
                between(4 << 20, 1 << 40),
            ),
            max_attempts_at_once: reader.get("webhooks", "max_attempts_at_once", 2_000, between(1, 100_000)),
            max_idle_connections: reader.get("webhooks", "max_idle_connections", 1_000, between(0, 100_000)),
            breaker_after,
            breaker_failures: reader.get("webhooks", "breaker_failures", 20, between(1, 100_000)),
            breaker_probe,
            secret_key: reader.get("webhooks", "secret_key", None, |text| sealing_key(text).map(Some)),
            previous_secret_key: reader.get("webhooks", "previous_secret_key", None, |text| {
                sealing_key(text).map(Some)
            }),
        }
    }
}
