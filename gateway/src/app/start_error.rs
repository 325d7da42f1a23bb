//! Errors of starting and running a gateway, with messages for its operator.

use std::net::SocketAddr;

use crate::base::stop::TaskFault;
#[cfg(feature = "kafka")]
use crate::bus::kafka::KafkaStartError;
use crate::connectors::catalogue::CatalogueFault;
use crate::db::{DbError, SchemaError, SetupError};
use crate::http::transport::tls::CertificateError;
use crate::outbound::client::ClientError;
use crate::outbound::target::UrlFault;
use crate::vault::VaultError;

/// Why a gateway could not start, or did not run until it was asked to stop.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "database.url is not set: set GATEWAY_DATABASE__URL (or DATABASE_URL), or run `gateway dev`, which brings its own"
    )]
    NoDatabase,
    #[error("{what} cannot listen on {address}: {source}; set {setting} to another address")]
    Bind {
        what: &'static str,
        address: SocketAddr,
        setting: &'static str,
        source: std::io::Error,
    },
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("connectors.hosts: a URL {0}")]
    Hosts(#[from] UrlFault),
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] KafkaStartError),
    #[error(
        "bus.kind is kafka, and this program was built without Kafka: build it with `make build`, or run `make run KAFKA=1`"
    )]
    NoKafka,
    #[error("TLS: {0}")]
    Certificate(#[from] CertificateError),
    #[error("connectors: {0}")]
    Connectors(#[from] CatalogueFault),
    #[error("two routes collide: {0}")]
    Routes(#[from] matchit::InsertError),
    #[error("the API's address cannot be told: {0}")]
    Address(#[source] std::io::Error),
    #[error("signals cannot be received: {0}")]
    Signals(#[source] std::io::Error),
    #[error(transparent)]
    Fault(#[from] TaskFault),
}
