//! All endpoints in memory, by workspace and event type, so that fanning out asks no database.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use uuid::Uuid;

use super::endpoint::{Endpoint, Selection};
use super::store;
use super::stored::StoredWebhook;
use crate::base::caller::WorkspaceId;
use crate::base::id::WebhookId;
use crate::config;
use crate::db::{Connection, DbError};
use crate::events::types::is_operational;
use crate::vault::Vault;

/// The endpoints of one workspace.
#[derive(Debug, Default)]
pub struct Subscriptions {
    every: Vec<Arc<Endpoint>>,
    by_type: HashMap<Box<str>, Vec<Arc<Endpoint>>>,
    /// By what a type begins with, its last dot included.
    by_prefix: HashMap<Box<str>, Vec<Arc<Endpoint>>>,
}

impl Subscriptions {
    fn of(endpoints: impl Iterator<Item = Arc<Endpoint>>) -> Self {
        let mut subscriptions = Self::default();
        for endpoint in endpoints.filter(|endpoint| endpoint.terms.is_enabled) {
            match &endpoint.selection {
                Selection::Every => subscriptions.every.push(endpoint),
                Selection::Some { names, prefixes } => {
                    for name in names {
                        let same = subscriptions.by_type.entry(name.clone()).or_default();
                        same.push(endpoint.clone());
                    }
                    for prefix in prefixes {
                        let same = subscriptions.by_prefix.entry(prefix.clone()).or_default();
                        same.push(endpoint.clone());
                    }
                }
            }
        }
        subscriptions
    }

    /// The enabled endpoints that want events of that type.
    pub fn wanting(&self, label: &str) -> impl Iterator<Item = &Arc<Endpoint>> {
        let by_type = self.by_type.get(label).into_iter().flatten();
        // `*` is every type of the product; the gateway's operational events are subscribed to by name.
        let every = if is_operational(label) { &[] } else { &*self.every };
        // An endpoint stands under one prefix of a name at most, and then not under the name.
        let prefixes = label.match_indices('.').map(|(dot, _)| &label[..=dot]);
        let by_prefix = prefixes
            .filter(|_| !self.by_prefix.is_empty())
            .filter_map(|prefix| self.by_prefix.get(prefix))
            .flatten();
        every.iter().chain(by_type).chain(by_prefix)
    }
}

#[derive(Default)]
struct Known {
    by_id: HashMap<Uuid, Arc<Endpoint>>,
    by_workspace: HashMap<WorkspaceId, HashSet<Uuid>>,
}

/// The endpoints of all workspaces.
pub struct Registry {
    vault: Vault,
    defaults: config::Webhooks,
    /// Changes are rare and made one after another; readers never wait for them.
    known: Mutex<Known>,
    /// Reads one after another, so that an older read never replaces a newer one.
    refreshing: tokio::sync::Mutex<()>,
    by_id: papaya::HashMap<Uuid, Arc<Endpoint>>,
    subscriptions: papaya::HashMap<WorkspaceId, Arc<ArcSwap<Subscriptions>>>,
}

impl Registry {
    /// An empty registry.
    pub fn new(vault: Vault, defaults: config::Webhooks) -> Self {
        Self {
            vault,
            defaults,
            known: Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
            by_id: papaya::HashMap::new(),
            subscriptions: papaya::HashMap::new(),
        }
    }

    /// What opens and seals endpoints' secrets.
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// One endpoint.
    pub fn find(&self, id: WebhookId) -> Option<Arc<Endpoint>> {
        self.by_id.pin().get(&id.uuid()).cloned()
    }

    /// The endpoints of a workspace.
    pub fn subscriptions(&self, workspace: WorkspaceId) -> Option<Arc<Subscriptions>> {
        let all = self.subscriptions.pin();
        all.get(&workspace).map(|current| current.load_full())
    }

    /// All endpoints of a workspace, oldest first.
    pub fn of_workspace(&self, workspace: WorkspaceId) -> Vec<Arc<Endpoint>> {
        let mut endpoints: Vec<Arc<Endpoint>> = {
            let known = self.known.lock();
            let ids = known.by_workspace.get(&workspace).into_iter().flatten();
            ids.filter_map(|id| known.by_id.get(id).cloned()).collect()
        };
        endpoints.sort_by_key(|endpoint| endpoint.id);
        endpoints
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
        let gone = {
            let known = self.known.lock();
            known
                .by_id
                .keys()
                .filter(|id| !present.contains(id))
                .copied()
                .collect::<Vec<_>>()
        };
        self.apply(&stored, &gone);
        Ok(())
    }

    fn apply(&self, stored: &[StoredWebhook], gone: &[Uuid]) {
        let mut known = self.known.lock();
        let mut touched = HashSet::new();
        for row in stored {
            let id = row.shown.id.uuid();
            let before = known.by_id.get(&id).cloned();
            match Endpoint::prepare(row, &self.vault, &self.defaults, before.as_deref()) {
                Ok(endpoint) => {
                    let endpoint = Arc::new(endpoint);
                    known.by_id.insert(id, endpoint.clone());
                    known.by_workspace.entry(row.workspace).or_default().insert(id);
                    self.by_id.pin().insert(id, endpoint);
                    touched.insert(row.workspace);
                }
                Err(fault) => {
                    tracing::error!(webhook = %row.shown.id, %fault, "an endpoint cannot be used");
                }
            }
        }
        for id in gone {
            if let Some(endpoint) = known.by_id.remove(id) {
                if let Some(ids) = known.by_workspace.get_mut(&endpoint.workspace) {
                    ids.remove(id);
                }
                self.by_id.pin().remove(id);
                touched.insert(endpoint.workspace);
            }
        }
        for workspace in touched {
            let ids = known.by_workspace.get(&workspace).into_iter().flatten();
            let endpoints = ids.filter_map(|id| known.by_id.get(id).cloned());
            let subscriptions = Arc::new(Subscriptions::of(endpoints));
            let all = self.subscriptions.pin();
            let current = all.get_or_insert_with(workspace, Arc::default);
            current.store(subscriptions);
        }
    }
}
