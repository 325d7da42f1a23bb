//! `gateway secrets`.

use clap::Subcommand;

use super::{CommandError, Format, print};
use crate::config::Config;
use crate::db::Db;
use crate::vault::Vault;
use crate::{connections, sources, webhooks};

#[derive(Debug, Subcommand)]
pub(super) enum SecretsCommand {
    /// Seal all secrets of webhooks, connections and sources again under the present webhooks.secret_key.
    ///
    /// Set webhooks.secret_key to the new key and webhooks.previous_secret_key to the old one, restart every instance,
    /// run this, then take the old key out. It may be run again at any time. Exits with 1 if something could not be
    /// opened with either key.
    Rotate {
        #[command(flatten)]
        format: Format,
    },
}

/// What was done, as JSON: of webhooks at the top, as before there was more.
#[derive(serde::Serialize)]
struct Done<'a> {
    #[serde(flatten)]
    webhooks: &'a webhooks::reseal::Resealed,
    connections: &'a connections::reseal::Resealed,
    sources: &'a sources::reseal::Resealed,
}

pub(super) async fn run(command: SecretsCommand, config: &Config, db: &Db) -> Result<(), CommandError> {
    let SecretsCommand::Rotate { format } = command;
    if config.webhooks.secret_key.is_none() {
        let message = "webhooks.secret_key is not set, so there is no key to seal with";
        return Err(CommandError::Refused(message.into()));
    }
    let vault = Vault::open(db, &config.webhooks).await?;
    let webhooks = webhooks::reseal::reseal(db, &vault).await?;
    let connections = connections::reseal::reseal(db, &vault).await?;
    let sources = sources::reseal::reseal(db, &vault).await?;
    let done = Done {
        webhooks: &webhooks,
        connections: &connections,
        sources: &sources,
    };
    print(&match format.json {
        true => serde_json::to_string(&done).unwrap_or_default(),
        false => format!(
            "{} webhooks are sealed again; {} were sealed with the present key.\n\
             {} connections are sealed again; {} were sealed with the present key.\n\
             {} sources are sealed again; {} were sealed with the present key.",
            webhooks.resealed,
            webhooks.unchanged,
            connections.resealed,
            connections.unchanged,
            sources.resealed,
            sources.unchanged
        ),
    })?;
    let of_webhooks = webhooks.failed.iter().map(ToString::to_string);
    let failed: Vec<String> = of_webhooks
        .chain(connections.failed.iter().map(ToString::to_string))
        .chain(sources.failed.iter().map(ToString::to_string))
        .collect();
    match failed.len() {
        0 => Ok(()),
        count => {
            let ids = failed.join(", ");
            let message = format!("{count} open with neither key, and stay as they are: {ids}");
            Err(CommandError::Refused(message))
        }
    }
}
