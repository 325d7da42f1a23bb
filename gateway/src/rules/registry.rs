//! All rules, ready to act.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use super::destination::LiveRule;
use super::model::StoredRule;
use super::{Needs, store};
use crate::base::caller::WorkspaceId;
use crate::base::id::RuleId;
use crate::db::{Connection, DbError};
use crate::events::directory::{Directory, Subscriptions};

/// The rules of all workspaces.
pub struct Registry {
    needs: Arc<Needs>,
    directory: Directory<LiveRule>,
    /// Reads one after another, so that an older read never replaces a newer one.
    refreshing: tokio::sync::Mutex<()>,
}

impl Registry {
    /// An empty registry.
    pub fn new(needs: Needs) -> Self {
        Self {
            needs: Arc::new(needs),
            directory: Directory::default(),
            refreshing: tokio::sync::Mutex::default(),
        }
    }

    /// What its rules need to act.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// One rule.
    pub fn find(&self, id: RuleId) -> Option<Arc<LiveRule>> {
        self.directory.find(id.uuid())
    }

    /// The rules of a workspace.
    pub fn subscriptions(&self, workspace: WorkspaceId) -> Option<Arc<Subscriptions<LiveRule>>> {
        self.directory.subscriptions(workspace)
    }

    /// Reads rules again from the database.
    pub async fn refresh(&self, client: &Connection, changed: &[(WorkspaceId, Uuid)]) -> Result<(), DbError> {
        let _turn = self.refreshing.lock().await;
        let ids: Vec<Uuid> = changed.iter().map(|(_, id)| *id).collect();
        let stored = store::load(client, Some(&ids)).await?;
        let present: HashSet<Uuid> = stored.iter().map(|row| row.shown.id.uuid()).collect();
        let gone: Vec<Uuid> = ids.into_iter().filter(|id| !present.contains(id)).collect();
        self.apply(&stored, &gone);
        Ok(())
    }

    /// Reads all rules from the database.
    pub async fn reload(&self, client: &Connection) -> Result<(), DbError> {
        let _turn = self.refreshing.lock().await;
        let stored = store::load(client, None).await?;
        let present: HashSet<Uuid> = stored.iter().map(|row| row.shown.id.uuid()).collect();
        let gone = self.directory.others(&present);
        self.apply(&stored, &gone);
        Ok(())
    }

    fn apply(&self, stored: &[StoredRule], gone: &[Uuid]) {
        let prepared = stored.iter().filter_map(|row| {
            let before = self.find(row.shown.id);
            match LiveRule::prepare(row, &self.needs, before.as_deref()) {
                Ok(rule) => Some(Arc::new(rule)),
                Err(fault) => {
                    tracing::error!(rule = %row.shown.id, %fault, "a rule cannot be used");
                    None
                }
            }
        });
        self.directory.apply(prepared.collect(), gone);
    }
}
