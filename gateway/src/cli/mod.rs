//! The command line.

mod cluster;
mod connectors;
mod console_link;
mod dev;
mod keys;
mod open_files;
mod secrets;
mod sentries;
mod serve;
mod signals;
mod workspaces;

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::app::{self, StartError};
use crate::config::{Config, ConfigError, Fault};
use crate::connectors::catalogue::CatalogueFault;
use crate::connectors::definition::DefinitionFault;
use crate::db::{self, Db, SchemaError};
use crate::routes::openapi;
use crate::telemetry::log;
use crate::vault::VaultError;

const EXAMPLES: &str = "\
Examples:
  gateway dev                                           try it: brings its own PostgreSQL
  GATEWAY_DATABASE__URL=postgres://… gateway serve      run it
  gateway keys create --name ci --scopes crm:read       print a new key, alone
  gateway keys list --json                              one JSON object a line
  GATEWAY_KEY=sk_… gateway sentries report sen_… --state sick --message 'Load failed'
  gateway connectors check own.toml                     run the vectors of a definition
  gateway console-link                                  print a link that signs in to the console once

Results go to standard output, everything else to standard error.
Exit codes: 0 done, 1 failed, 2 the command line was not understood, 141 nobody reads the results any more.";

/// API keys, signed webhooks and CSV ingest on PostgreSQL, in one binary.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, disable_help_subcommand = true, after_help = EXAMPLES)]
struct Line {
    #[command(subcommand)]
    command: Command,
    /// The configuration file; config/gateway.toml if it is there. Every setting has a default and can be set by
    /// environment as GATEWAY_SECTION__KEY.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway on the database that is configured.
    Serve,
    /// Run the gateway; without a configured database, on a PostgreSQL of its own in .gateway/.
    Dev,
    /// Bring the database's schema up to date.
    Migrate,
    /// Create, list and revoke API keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    ConsoleLink(console_link::ConsoleLinkCommand),
    /// Create and list workspaces.
    #[command(subcommand)]
    Workspaces(workspaces::WorkspacesCommand),
    /// Seal webhook secrets under a new key.
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    /// Report the state of a sentry.
    #[command(subcommand)]
    Sentries(sentries::SentriesCommand),
    /// List, show and check connectors' definitions.
    #[command(subcommand)]
    Connectors(connectors::ConnectorsCommand),
    /// Say what is wrong with the configuration, and with the database that it names; exit 1 if anything is. Nothing is
    /// changed.
    CheckConfig {
        /// Leave the database alone.
        #[arg(long)]
        offline: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Print the OpenAPI description.
    Openapi,
    /// Print the version.
    Version {
        #[command(flatten)]
        format: Format,
    },
}

/// Output that a script can read.
#[derive(Debug, Args)]
struct Format {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What can go wrong with a command, with messages for its user.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Start(#[from] StartError),
    #[error("{0}")]
    Schema(#[from] SchemaError),
    #[error("{0}")]
    Db(#[from] db::DbError),
    #[error("{0}")]
    Vault(#[from] VaultError),
    #[error("{0}")]
    Cluster(#[from] cluster::ClusterError),
    #[error("{0}")]
    Refused(String),
    /// Said quietly: whoever reads has seen enough.
    #[error("nobody reads standard output")]
    ReaderGone,
    #[error("standard output cannot be written: {0}")]
    Output(#[source] std::io::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// What the runtime's own threads are given to end.
const LAST_CALLS: Duration = Duration::from_millis(100);

/// What a shell gives for a program whose reader has gone, as in `gateway openapi | head`.
const READER_GONE: u8 = 141;

/// Parses the command line and runs it; `EXAMPLES` has the exit codes.
pub fn main() -> ExitCode {
    let ran = match Line::try_parse() {
        Ok(line) => run_to_end(line),
        Err(fault) if fault.use_stderr() => fault.exit(),
        // --help and --version.
        Err(asked) => print_quietly(asked.to_string().trim_end()),
    };
    let code = match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(CommandError::ReaderGone) => READER_GONE.into(),
        Err(fault) => {
            log::tell(&format!("gateway: {fault}"));
            ExitCode::FAILURE
        }
    };
    log::finish();
    code
}

fn run_to_end(line: Line) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ran = runtime.block_on(run(line));
    // A call that blocks, to a broker that is away say, is not waited for.
    runtime.shutdown_timeout(LAST_CALLS);
    ran
}

async fn run(line: Line) -> Result<(), CommandError> {
    let load = || Config::load(line.config.as_deref());
    match line.command {
        Command::Serve => {
            let stop = signals::hear()?;
            serve::serve(load()?, stop).await
        }
        Command::Dev => {
            let stop = signals::hear()?;
            Box::pin(dev::dev(load()?, stop)).await
        }
        Command::Migrate => {
            let config = load()?;
            log::start(&config.telemetry)?;
            db::migrate(&app::database(&config)?).await?;
            Ok(())
        }
        Command::Keys(command) => {
            let db = open(load()?, command.writes()).await?;
            keys::run(command, &db).await
        }
        Command::ConsoleLink(command) => {
            let config = load()?;
            let db = open(config.clone(), true).await?;
            console_link::run(command, &config, &db).await
        }
        Command::Workspaces(command) => {
            let db = open(load()?, command.writes()).await?;
            workspaces::run(command, &db).await
        }
        Command::Secrets(command) => {
            let config = load()?;
            let db = open(config.clone(), true).await?;
            secrets::run(command, &config, &db).await
        }
        Command::Sentries(command) => sentries::run(command, &load()?).await,
        Command::Connectors(command) => connectors::run(command, load),
        Command::CheckConfig { offline, format } => check_config(load(), offline, &format).await,
        Command::Openapi => print_quietly(openapi::text().trim_end()),
        Command::Version { format } => {
            let version = env!("CARGO_PKG_VERSION");
            print_quietly(&match format.json {
                true => serde_json::json!({"name": "gateway", "version": version}).to_string(),
                false => format!("gateway {version}"),
            })
        }
    }
}

async fn check_config(
    loaded: Result<Config, ConfigError>,
    offline: bool,
    format: &Format,
) -> Result<(), CommandError> {
    let checked = match loaded {
        Ok(config) => check_start(&config, offline).await,
        Err(fault) => Err(fault.into()),
    };
    if format.json {
        let at = |place: &str, fault: &CommandError| {
            vec![Fault {
                place: place.into(),
                message: fault.to_string(),
            }]
        };
        let faults = match &checked {
            Ok(()) => Vec::new(),
            Err(CommandError::Config(ConfigError::Faults(faults))) => faults.clone(),
            Err(CommandError::Start(StartError::Connectors(CatalogueFault(faults)))) => {
                faults.iter().map(placed).collect()
            }
            Err(fault @ CommandError::Config(_)) => at("file", fault),
            Err(fault @ CommandError::Schema(_)) => at("database.url", fault),
            Err(fault) => at("start", fault),
        };
        print_quietly(&serde_json::json!({"valid": faults.is_empty(), "faults": faults}).to_string())?;
    }
    checked?;
    match format.json {
        true => Ok(()),
        false => print_quietly("The configuration is valid."),
    }
}

/// The fault of a definition, as one of a setting.
fn placed(fault: &DefinitionFault) -> Fault {
    let place = match fault.key.as_str() {
        "" => format!("{}:{}", fault.file, fault.line),
        key => format!("{}:{}: {key}", fault.file, fault.line),
    };
    Fault {
        place,
        message: fault.message.clone(),
    }
}

/// Whether a gateway with these settings could start. Without a database `gateway dev` brings its own.
async fn check_start(config: &Config, offline: bool) -> Result<(), CommandError> {
    app::refuse_unbuilt(config)?;
    app::catalogue(config)?;
    if offline || config.database.url.is_none() {
        return Ok(());
    }
    let db = app::database(config)?;
    Ok(db::try_start(&db, config.database.migrate_on_start).await?)
}

/// The database, with a schema that fits. Only an empty one is filled, and only for commands that write.
async fn open(config: Config, writes: bool) -> Result<Db, CommandError> {
    let db = app::database(&config)?;
    match config.database.migrate_on_start && writes {
        true => db::migrate_if_empty(&db).await?,
        false => db::check_schema(&db).await?,
    }
    Ok(db)
}

/// Prints what changed nothing. A reader who is gone has seen enough of it.
fn print_quietly(text: &str) -> Result<(), CommandError> {
    print(text).map_err(|fault| match fault {
        CommandError::Output(fault) if fault.kind() == ErrorKind::BrokenPipe => CommandError::ReaderGone,
        other => other,
    })
}

/// Prints a result. A reader who is gone, or a disk that is full, is an error like any other.
fn print(text: &str) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    let printing = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n"));
    printing.and_then(|()| out.flush()).map_err(CommandError::Output)
}
