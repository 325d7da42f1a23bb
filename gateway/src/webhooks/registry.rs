//! All endpoints, ready to be sent to.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use super::endpoint::Endpoint;
use super::store;
use super::stored::StoredWebhook;
use crate::base::caller::WorkspaceId;
use crate::base::id::WebhookId;
use crate::config;
use crate::db::{Connection, DbError};
use crate::events::directory::{Directory, Subscriptions};
use crate::vault::Vault;

/// The endpoints of all workspaces.
pub struct Registry {
    vault: Vault,
    defaults: config::Webhooks,
    directory: Directory<Endpoint>,
    /// Reads one after another, so that an older read never replaces a newer one.
    refreshing: tokio::sync::Mutex<()>,
}

impl Registry {
    /// An empty registry.
    pub fn new(vault: Vault, defaults: config::Webhooks) -> Self {
        Self {
            vault,
            defaults,
            directory: Directory::default(),
            refreshing: tokio::sync::Mutex::default(),
        }
    }

    /// What opens and seals endpoints' secrets.
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// One endpoint.
    pub fn find(&self, id: WebhookId) -> Option<Arc<Endpoint>> {
        self.directory.find(id.uuid())
    }

    /// The endpoints of a workspace.
    pub fn subscriptions(&self, workspace: WorkspaceId) -> Option<Arc<Subscriptions<Endpoint>>> {
        self.directory.subscriptions(workspace)
    }

    /// All endpoints of a workspace, oldest first.
    pub fn of_workspace(&self, workspace: WorkspaceId) -> Vec<Arc<Endpoint>> {
        self.directory.of_workspace(workspace)
    }

    /// Reads endpoints again from the database.
    pub async fn refresh(&self, client: &Connection, changed: &[(WorkspaceId, Uuid)]) -> Result<(), DbError> {
        let _turn = self.refreshing.lock().await;
        let ids: Vec<Uuid> = changed.iter().map(|(_, id)| *id).collect();
        let stored = store::load(client, Some(&ids)).await?;
        let present: HashSet<Uuid> = stored.iter().map(|row| row.shown.id.uuid()).collect();
        let gone: Vec<Uuid> = ids.into_iter().filter(|id| !present.contains(id)).collect();
        self.apply(&stored, &gone);
        Ok(())
    }

    /// Reads all endpoints from the database.
    pub async fn reload(&self, client: &Connection) -> Result<(), DbError> {
        let _turn = self.refreshing.lock().await;
        let stored = store::load(client, None).await?;
        let present: HashSet<Uuid> = stored.iter().map(|row| row.shown.id.uuid()).collect();
        let gone = self.directory.others(&present);
        self.apply(&stored, &gone);
        Ok(())
    }

    fn apply(&self, stored: &[StoredWebhook], gone: &[Uuid]) {
        let prepared = stored.iter().filter_map(|row| {
            let before = self.directory.find(row.shown.id.uuid());
            match Endpoint::prepare(row, &self.vault, &self.defaults, before.as_deref()) {
                Ok(endpoint) => Some(Arc::new(endpoint)),
                Err(fault) => {
                    tracing::error!(webhook = %row.shown.id, %fault, "an endpoint cannot be used");
                    None
                }
            }
        });
        self.directory.apply(prepared.collect(), gone);
    }
}
