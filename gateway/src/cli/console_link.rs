//! `gateway console-link`.

use std::time::Duration;

use clap::Args;

use super::{CommandError, print};
use crate::audit::{Actor, Work};
use crate::base::id::KeyId;
use crate::config::Config;
use crate::console::access::links::{self, DEFAULT_SESSION_HOURS, Wanted};
use crate::console::access::store;
use crate::console::site;
use crate::db::Db;

const DEFAULT_WORKSPACE: &str = "default";
const LONGEST: Duration = Duration::from_secs(604_800);

/// Print a link that signs in to the console once.
#[derive(Debug, Args)]
pub(super) struct ConsoleLinkCommand {
    /// The key that the session speaks for; the newest live key of `default` with all scopes if absent.
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// How long the link can be used: seconds, minutes or hours, such as 90s, 10m, 2h.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = read_time)]
    expires: Duration,
    /// Where the browser reaches the gateway; server.public_url or the listen address if absent.
    #[arg(long, value_name = "BASE")]
    url: Option<String>,
}

fn read_time(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time such as 90s, 10m or 2h, at most 168h".to_owned();
    let unit = text.chars().last().ok_or_else(expected)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return Err(expected()),
    };
    let count: u64 = text[..text.len() - unit.len_utf8()]
        .parse()
        .map_err(|_| expected())?;
    let time = Duration::from_secs(count.saturating_mul(seconds));
    match time.is_zero() || time > LONGEST {
        true => Err(expected()),
        false => Ok(time),
    }
}

pub(super) async fn run(command: ConsoleLinkCommand, config: &Config, db: &Db) -> Result<(), CommandError> {
    let base = command.url.unwrap_or_else(|| base(config));
    let base = base.trim_end_matches('/').to_owned();
    let key = match command.key {
        Some(text) => {
            let unknown = || CommandError::Refused(format!("there is no key `{text}`"));
            KeyId::parse(&text).ok_or_else(unknown)?
        }
        None => {
            let client = db.client().await?;
            let found = store::widest_key(&client, DEFAULT_WORKSPACE).await?;
            let none = "no live key of the workspace `default` has all scopes; name one with --key, or create it: \
                        gateway keys create --name console --scopes '*'";
            found.ok_or_else(|| CommandError::Refused(none.into()))?
        }
    };
    make(db, key, &base, command.expires, print).await
}

/// Where a browser on this machine reaches the gateway.
pub(super) fn base(config: &Config) -> String {
    site::base(
        config.server.public_url.as_ref(),
        config.server.listen,
        config.server.tls.is_some(),
    )
}

/// Makes a link for a key in the name of the operator. `show` prints it before the commit: a link that could not be
/// printed is not made.
pub(super) async fn make(
    db: &Db,
    key: KeyId,
    base: &str,
    expires: Duration,
    show: impl FnOnce(&str) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let mut client = db.client().await?;
    let found = store::live_key(&client, key).await?;
    let ended = || CommandError::Refused(format!("the key `{key}` does not exist or has ended"));
    let (workspace, scopes) = found.ok_or_else(ended)?;
    let work = Work::begin_as(&mut client, workspace, Actor::Operator).await?;
    let wanted = Wanted {
        workspace,
        key_id: key,
        label: Some("gateway console-link".into()),
        scopes,
        next: None,
        session_hours: DEFAULT_SESSION_HOURS,
        seconds: expires.as_secs_f64(),
    };
    let made = links::make(&work, wanted).await;
    let (_, ticket) = made.map_err(|problem| CommandError::Refused(problem.summary()))?;
    show(&links::url(base, &ticket))?;
    work.commit_silently().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_seconds_minutes_and_hours() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("2h", 7200), ("168h", 604_800)] {
            assert_eq!(read_time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "10", "m", "0s", "-1m", "1.5h", "169h", "10d", "5µ"] {
            assert!(read_time(text).is_err(), "{text}");
        }
    }
}
