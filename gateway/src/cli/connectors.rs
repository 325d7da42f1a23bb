//! `gateway connectors`: the definitions that are there, and the check of a file by its own vectors.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{CommandError, Format, print_quietly};
use crate::app;
use crate::config::Config;
use crate::connectors::definition::{DefinitionFault, line_of_key, read};
use crate::connectors::shown::ShownConnector;
use crate::connectors::vectors;
use crate::sources::intake;

/// What can be done with connectors.
#[derive(Debug, Subcommand)]
pub(super) enum ConnectorsCommand {
    /// List the built-in connectors and those of connectors.directory.
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Print what a connector takes in, needs and can do, as JSON.
    Show { name: String },
    /// Say what is wrong with definitions: faults by line and key, vectors that do not hold, and what has no vector. Exit 1
    /// if anything is.
    Check {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// Runs the command.
pub(super) fn run(
    command: ConnectorsCommand,
    load: impl FnOnce() -> Result<Config, crate::config::ConfigError>,
) -> Result<(), CommandError> {
    match command {
        ConnectorsCommand::List { format } => list(&load()?, &format),
        ConnectorsCommand::Show { name } => show(&load()?, &name),
        ConnectorsCommand::Check { files } => check(&files),
    }
}

fn list(config: &Config, format: &Format) -> Result<(), CommandError> {
    let catalogue = app::catalogue(config)?;
    let lines: Vec<String> = catalogue
        .all()
        .iter()
        .map(|(name, connector)| match format.json {
            true => serde_json::to_string(&ShownConnector::of(connector)).unwrap_or_default(),
            false => format!("{name}  {}", connector.definition.title),
        })
        .collect();
    print_quietly(&lines.join("\n"))
}

fn show(config: &Config, name: &str) -> Result<(), CommandError> {
    let catalogue = app::catalogue(config)?;
    let unknown = || CommandError::Refused(format!("there is no connector {name}"));
    let connector = catalogue.get(name).ok_or_else(unknown)?;
    let shown = serde_json::to_string_pretty(&ShownConnector::of(&connector)).unwrap_or_default();
    print_quietly(&shown)
}

fn check(files: &[PathBuf]) -> Result<(), CommandError> {
    let (mut told, mut faults) = (Vec::new(), Vec::new());
    for file in files {
        match check_file(file) {
            Ok(count) => told.push(format!("{}: {count} vectors hold.", file.display())),
            Err(found) => faults.extend(found),
        }
    }
    if !told.is_empty() {
        print_quietly(&told.join("\n"))?;
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(CommandError::Refused(faults.join("\n"))),
    }
}

/// How many vectors hold, or all that is wrong.
fn check_file(file: &Path) -> Result<usize, Vec<String>> {
    let name = file.display().to_string();
    let text =
        std::fs::read_to_string(file).map_err(|fault| vec![format!("{name}: cannot be read: {fault}")])?;
    let told =
        |faults: Vec<DefinitionFault>| faults.iter().map(DefinitionFault::to_string).collect::<Vec<_>>();
    let definition = read(&name, &text).map_err(told)?;
    // To the end of their way only where what they are signed with is right.
    let mut found = vectors::run(&definition);
    if found.is_empty() {
        found = intake::vectors::run(&definition);
    }
    let found = found.into_iter().chain(vectors::gaps(&definition));
    let faults: Vec<DefinitionFault> = found
        .map(|fault| DefinitionFault {
            file: name.clone(),
            line: line_of_key(&text, &fault.key),
            key: fault.key,
            message: fault.message,
        })
        .collect();
    match faults.is_empty() {
        true => Ok(definition.vector.count()),
        false => Err(told(faults)),
    }
}
