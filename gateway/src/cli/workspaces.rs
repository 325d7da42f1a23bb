//! `gateway workspaces`.

use clap::Subcommand;

use super::{CommandError, Format, print, print_quietly};
use crate::audit::{Actor, Changes, Target, Work};
use crate::base::caller::WorkspaceId;
use crate::db::Db;
use crate::keys::workspace_store;

const MAX_NAME_CHARS: usize = 200;

#[derive(Debug, Subcommand)]
pub(super) enum WorkspacesCommand {
    /// Create a workspace.
    Create {
        /// 1 to 200 characters.
        name: String,
        #[command(flatten)]
        format: Format,
    },
    /// List all workspaces by name.
    List {
        #[command(flatten)]
        format: Format,
    },
}

impl WorkspacesCommand {
    /// Whether it changes anything.
    pub(super) const fn writes(&self) -> bool {
        !matches!(self, Self::List { .. })
    }
}

pub(super) async fn run(command: WorkspacesCommand, db: &Db) -> Result<(), CommandError> {
    match command {
        WorkspacesCommand::Create { name, format } => create(db, &name, &format).await,
        WorkspacesCommand::List { format } => list(db, &format).await,
    }
}

async fn create(db: &Db, name: &str, format: &Format) -> Result<(), CommandError> {
    if name.trim().is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return Err(CommandError::Refused("a name has 1 to 200 characters".into()));
    }
    let mut client = db.client().await?;
    // The audit entry belongs to the workspace that is made here.
    let work = Work::begin_as(&mut client, WorkspaceId(0), Actor::Operator).await?;
    let Some(id) = workspace_store::insert(work.transaction(), name).await? else {
        return Err(CommandError::Refused(format!("the workspace `{name}` exists")));
    };
    let work = work.in_workspace(id);
    let target = Target::new("workspace", name, Some(name));
    work.audit("workspace.created", &target, &Changes::default())
        .await?;
    work.commit_silently().await?;
    print(&match format.json {
        true => serde_json::json!({ "name": name }).to_string(),
        false => format!("Workspace `{name}` is created."),
    })
}

async fn list(db: &Db, format: &Format) -> Result<(), CommandError> {
    let client = db.client().await?;
    for workspace in workspace_store::list(&client).await? {
        print_quietly(&match format.json {
            true => serde_json::to_string(&workspace).unwrap_or_default(),
            false => workspace.name,
        })?;
    }
    Ok(())
}
