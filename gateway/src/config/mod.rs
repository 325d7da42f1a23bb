//! Every setting: one struct a concern, read from a TOML file and from the environment, which wins.
//!
//! All faults are reported at once, and an unknown name is a fault, so that a typo is noticed.

mod audit;
mod connectors;
mod console;
mod imports;
mod kafka;
mod log_level;
mod postgres_address;
mod reader;
mod sections;
mod sentries;
mod sources;
mod values;
mod webhooks;

use std::ffi::OsString;
use std::path::Path;

pub use audit::Audit;
pub use connectors::{App, Connectors};
pub use console::Console;
pub use imports::Imports;
pub use kafka::{Kafka, KafkaSecurity};
pub use postgres_address::{PostgresAddress, Roots, TlsMode};
pub use reader::{Fault, Reader};
pub use sections::{
    AccessLog, Bus, BusKind, Database, Events, Keys, LogFormat, Operations, Server, Telemetry, Tls,
};
pub use sentries::{Hoots, Sentries};
pub use sources::Sources;
pub use webhooks::Webhooks;

/// Where the file is looked for when the command line does not say.
pub const DEFAULT_FILE: &str = "config/gateway.toml";

/// The whole configuration, valid.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: Server,
    pub operations: Operations,
    pub database: Database,
    pub bus: Bus,
    pub keys: Keys,
    pub audit: Audit,
    pub connectors: Connectors,
    pub console: Console,
    pub events: Events,
    pub imports: Imports,
    pub sentries: Sentries,
    pub hoots: Hoots,
    pub sources: Sources,
    pub webhooks: Webhooks,
    pub telemetry: Telemetry,
}

/// Why the configuration is invalid.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path} cannot be read: {source}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("{path} is not TOML: {message}")]
    NotToml { path: String, message: String },
    #[error("{}", list(.0))]
    Faults(Vec<Fault>),
}

/// The variables that are text, and a fault for each of ours that is not. What is no text and not ours is not read.
fn split_environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> (Vec<(String, String)>, Vec<Fault>) {
    let (mut texts, mut faults) = (Vec::new(), Vec::new());
    for (name, value) in variables {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => texts.push((name, value)),
            (name, _) => {
                let place = name.unwrap_or_else(|name| name.to_string_lossy().into_owned());
                if Reader::is_read(&place) {
                    let message = "is not UTF-8".into();
                    faults.push(Fault { place, message });
                }
            }
        }
    }
    (texts, faults)
}

fn list(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    lines.join("\n")
}

impl Config {
    /// Reads `file` (the default one may be absent, a named one may not) and the process's environment.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(fault) if file.is_none() && fault.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => {
                return Err(ConfigError::Unreadable {
                    path: path.display().to_string(),
                    source,
                });
            }
        };
        let (environment, unreadable) = split_environment(std::env::vars_os());
        let parsed = Self::parse(&text, environment).map_err(|fault| match fault {
            ConfigError::NotToml { message, .. } => ConfigError::NotToml {
                path: path.display().to_string(),
                message,
            },
            other => other,
        });
        if unreadable.is_empty() {
            return parsed;
        }
        Err(match parsed {
            Err(ConfigError::Faults(others)) => {
                ConfigError::Faults(unreadable.into_iter().chain(others).collect())
            }
            Err(other) => other,
            Ok(_) => ConfigError::Faults(unreadable),
        })
    }

    /// Reads the text of a file and a set of environment variables.
    pub fn parse(
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let table: toml::Table = text
            .parse()
            .map_err(|fault: toml::de::Error| ConfigError::NotToml {
                path: "the configuration".into(),
                message: fault.to_string(),
            })?;
        let mut reader = Reader::new(table, environment);
        let config = Self {
            server: Server::read(&mut reader),
            operations: Operations::read(&mut reader),
            database: Database::read(&mut reader),
            bus: Bus::read(&mut reader),
            keys: Keys::read(&mut reader),
            audit: Audit::read(&mut reader),
            connectors: Connectors::read(&mut reader),
            console: Console::read(&mut reader),
            events: Events::read(&mut reader),
            imports: Imports::read(&mut reader),
            sentries: Sentries::read(&mut reader),
            hoots: Hoots::read(&mut reader),
            sources: Sources::read(&mut reader),
            webhooks: Webhooks::read(&mut reader),
            telemetry: Telemetry::read(&mut reader),
        };
        let faults = reader.finish();
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Faults(faults))
        }
    }
}

#[cfg(test)]
mod tests;
