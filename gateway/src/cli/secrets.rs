//! `gateway secrets`.

use clap::Subcommand;

use super::{CommandError, Format, print};
use crate::config::Config;
use crate::db::Db;
use crate::webhooks::reseal;
use crate::webhooks::vault::Vault;

#[derive(Debug, Subcommand)]
pub(super) enum SecretsCommand {
    /// Seal all webhook secrets and headers again under the present webhooks.secret_key.
    ///
    /// Set webhooks.secret_key to the new key and webhooks.previous_secret_key to the old one, restart every instance,
    /// run this, then take the old key out. It may be run again at any time. Exits with 1 if something could not be
    /// opened with either key.
    Rotate {
        #[command(flatten)]
        format: Format,
    },
}

pub(super) async fn run(command: SecretsCommand, config: &Config, db: &Db) -> Result<(), CommandError> {
    let SecretsCommand::Rotate { format } = command;
    if config.webhooks.secret_key.is_none() {
        let message = "webhooks.secret_key is not set, so there is no key to seal with";
        return Err(CommandError::Refused(message.into()));
    }
    let vault = Vault::open(db, &config.webhooks).await?;
    let done = reseal::reseal(db, &vault).await?;
    print(&match format.json {
        true => serde_json::to_string(&done).unwrap_or_default(),
        false => format!(
            "{} webhooks are sealed again; {} were sealed with the present key.",
            done.resealed, done.unchanged
        ),
    })?;
    match done.failed.len() {
        0 => Ok(()),
        count => {
            let ids: Vec<String> = done.failed.iter().map(ToString::to_string).collect();
            let ids = ids.join(", ");
            let message = format!("{count} webhooks open with neither key, and stay as they are: {ids}");
            Err(CommandError::Refused(message))
        }
    }
}
