//! `gateway keys`.

use clap::Subcommand;

use super::{CommandError, Format, print, print_quietly};
use crate::audit::{Actor, Changes, Target, Work};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::KeyId;
use crate::base::network::parse_network;
use crate::base::page::Page;
use crate::base::scope::{Scope, Scopes};
use crate::db::{self, Db};
use crate::feed::{self, ChangeKind, confirmation};
use crate::keys::model::{ApiKey, CreatedApiKey, NewKey, RevokedApiKey};
use crate::keys::token::Token;
use crate::keys::{store, workspace_store};

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Create a key and print it; it is shown this once.
    Create {
        #[arg(long, default_value = "default")]
        workspace: String,
        /// What people call the key.
        #[arg(long)]
        name: String,
        /// Scopes separated by commas, such as crm:read,crm:write; * is all of them.
        #[arg(long)]
        scopes: String,
        /// When the key ends, such as 2027-01-01T00:00:00Z.
        #[arg(long, value_name = "TIME", value_parser = read_expiry)]
        expires_at: Option<Millis>,
        /// Addresses or networks, separated by commas, from which alone the key may be used.
        #[arg(long, value_name = "CIDRS", value_delimiter = ',', value_parser = read_net)]
        ip_allowlist: Vec<String>,
        /// Requests a second, on each instance.
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        rate_limit: Option<u32>,
        #[command(flatten)]
        format: Format,
    },
    /// List the keys of a workspace, newest first.
    List {
        #[arg(long, default_value = "default")]
        workspace: String,
        #[command(flatten)]
        format: Format,
    },
    /// Revoke a key: it stops working everywhere within a second.
    Revoke {
        /// key_…
        id: String,
        #[command(flatten)]
        format: Format,
    },
}

impl KeysCommand {
    /// Whether it changes anything.
    pub(super) const fn writes(&self) -> bool {
        !matches!(self, Self::List { .. })
    }
}

pub(super) async fn run(command: KeysCommand, db: &Db) -> Result<(), CommandError> {
    match command {
        KeysCommand::Create {
            workspace,
            name,
            scopes,
            expires_at,
            ip_allowlist,
            rate_limit,
            format,
        } => {
            let new = NewKey {
                expires_at,
                ip_allowlist: Some(ip_allowlist).filter(|nets| !nets.is_empty()),
                rate_limit_per_second: rate_limit,
                ..read_new(name, &scopes)?
            };
            create(db, &workspace, new, &format).await
        }
        KeysCommand::List { workspace, format } => list(db, &workspace, &format).await,
        KeysCommand::Revoke { id, format } => revoke(db, &id, &format).await,
    }
}

fn read_expiry(text: &str) -> Result<Millis, String> {
    Millis::parse(text).ok_or_else(|| "expected a time such as 2027-01-01T00:00:00Z".into())
}

fn read_net(text: &str) -> Result<String, String> {
    let expected = || "expected an address or a network such as 192.0.2.0/24".to_owned();
    parse_network(text).map(|_| text.to_owned()).ok_or_else(expected)
}

fn read_new(name: String, scopes: &str) -> Result<NewKey, CommandError> {
    let refused = |message: String| CommandError::Refused(message);
    if name.trim().is_empty() || name.chars().count() > 200 {
        return Err(refused("--name takes 1 to 200 characters".into()));
    }
    let scopes: Scopes = match scopes {
        "*" => Scopes::all(),
        list => {
            let unknown = |word: &str| {
                let known: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
                refused(format!(
                    "`{word}` is not a scope; the scopes are: * {}",
                    known.join(" ")
                ))
            };
            let words = list.split(',').map(str::trim);
            let scopes = words.map(|word| Scope::parse(word).ok_or_else(|| unknown(word)));
            scopes.collect::<Result<_, _>>()?
        }
    };
    Ok(NewKey {
        name,
        scopes,
        expires_at: None,
        ip_allowlist: None,
        rate_limit_per_second: None,
        rotated_from: None,
    })
}

async fn find_workspace(db: &Db, name: &str) -> Result<WorkspaceId, CommandError> {
    let client = db.client().await?;
    let found = workspace_store::find(&client, name).await?;
    found.ok_or_else(|| CommandError::Refused(format!("there is no workspace `{name}`")))
}

/// Makes a key in the name of the operator. `show` prints it before the commit: a key that could not be printed is not
/// made.
pub(super) async fn make(
    db: &Db,
    workspace: WorkspaceId,
    new: &NewKey,
    show: impl FnOnce(&ApiKey, &Token) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let token = Token::generate().map_err(|fault| CommandError::Refused(fault.to_string()))?;
    let mut client = db.client().await?;
    let work = Work::begin_as(&mut client, workspace, Actor::Operator).await?;
    let key = store::insert(work.transaction(), workspace, new, &token).await?;
    let target = Target::new("api_key", key.id, Some(&key.name));
    work.audit("api_key.created", &target, &Changes::default())
        .await?;
    work.changed(ChangeKind::ApiKey, key.id.uuid()).await?;
    show(&key, &token)?;
    work.commit_silently().await?;
    Ok(())
}

async fn create(db: &Db, workspace: &str, new: NewKey, format: &Format) -> Result<(), CommandError> {
    let workspace = find_workspace(db, workspace).await?;
    if let Some(end) = new.expires_at
        && end <= db::now(&**db.client().await?).await?
    {
        return Err(CommandError::Refused("--expires-at takes a time to come".into()));
    }
    let show = |key: &ApiKey, token: &Token| {
        if !format.json {
            return print(token.expose());
        }
        let shown = CreatedApiKey {
            object: key.clone(),
            key: Some(token.expose().to_owned()),
        };
        print(&serde_json::to_string(&shown).unwrap_or_default())
    };
    make(db, workspace, &new, show).await
}

async fn list(db: &Db, workspace: &str, format: &Format) -> Result<(), CommandError> {
    const PAGE: u32 = 200;
    let workspace = find_workspace(db, workspace).await?;
    let client = db.client().await?;
    let now = db::now(&**client).await?;
    let mut after = None;
    loop {
        let page = Page {
            limit: PAGE,
            after: after.take(),
            list: String::new(),
        };
        let mut keys = store::list(&client, workspace, &page).await?;
        let has_more = keys.len() > PAGE as usize;
        keys.truncate(PAGE as usize);
        for key in &keys {
            print_quietly(&line(key, now, format))?;
        }
        match keys.last() {
            Some(last) if has_more => after = Some(last.id.to_string()),
            _ => return Ok(()),
        }
    }
}

fn line(key: &ApiKey, now: Millis, format: &Format) -> String {
    if format.json {
        return serde_json::to_string(key).unwrap_or_default();
    }
    let state = match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if end <= now => "expired",
        _ => "live",
    };
    format!(
        "{}  {}  {state:7}  {}  {}",
        key.id,
        key.hint,
        key.scopes.join(","),
        key.name
    )
}

async fn revoke(db: &Db, id: &str, format: &Format) -> Result<(), CommandError> {
    let unknown = || CommandError::Refused(format!("there is no key `{id}`"));
    let id = KeyId::parse(id).ok_or_else(unknown)?;
    let mut client = db.client().await?;
    let workspace = store::workspace_of(&client, id).await?.ok_or_else(unknown)?;
    let work = Work::begin_as(&mut client, workspace, Actor::Operator).await?;
    let before = store::lock(work.transaction(), workspace, id)
        .await?
        .ok_or_else(unknown)?;
    let after = store::revoke(work.transaction(), id).await?;
    if before.revoked_at.is_none() {
        let mut changes = Changes::default();
        changes.note("revoked_at", &before.revoked_at, &after.revoked_at);
        let target = Target::new("api_key", id, Some(&after.name));
        work.audit("api_key.revoked", &target, &changes).await?;
    }
    work.changed(ChangeKind::ApiKey, id.uuid()).await?;
    let change = feed::transaction_id(work.transaction()).await?;
    work.commit_silently().await?;
    let confirmed = confirmation::confirm(&client, None, &change).await;
    print(&match (format.json, confirmed) {
        (true, confirmed) => {
            let reply = RevokedApiKey {
                object: after,
                confirmed,
            };
            serde_json::to_string(&reply).unwrap_or_default()
        }
        (false, Some(seen)) => format!(
            "{id} is revoked; confirmed on {} of {} instances in {} ms.",
            seen.instances, seen.of, seen.milliseconds
        ),
        (false, None) => format!("{id} is revoked."),
    })
}
