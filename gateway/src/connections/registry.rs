//! All connections in memory, opened, so that no delivery asks the database for a credential.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use uuid::Uuid;

use super::model::Status;
use super::store;
use super::stored::{StoredConnection, kind_of};
use super::tokens::Tokens;
use super::values::{Values, ValuesError};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::ConnectionId;
use crate::connectors::credential::{ACCESS_TOKEN, Credential};
use crate::connectors::definition::ConnectionKind;
use crate::db::{Connection, DbError};
use crate::vault::Vault;

/// A connection, ready to be used.
#[derive(Debug)]
pub struct Live {
    pub id: ConnectionId,
    pub workspace: WorkspaceId,
    pub name: String,
    pub connector: String,
    /// `None` where the database holds a kind that this version does not know.
    pub kind: Option<ConnectionKind>,
    pub status: Status,
    pub status_detail: Option<String>,
    pub values: Values,
    /// Absent for kinds without, and where none came yet.
    pub tokens: Option<Tokens>,
    /// When the access token ends, where the vendor says so.
    pub expires_at: Option<Millis>,
    /// When it came.
    pub refreshed_at: Option<Millis>,
    pub updated_at: Millis,
}

impl Live {
    /// Opens a stored connection.
    pub fn prepare(stored: &StoredConnection, vault: &Vault) -> Result<Self, ValuesError> {
        Ok(Self {
            id: stored.id,
            workspace: stored.workspace,
            name: stored.name.clone(),
            connector: stored.connector.clone(),
            kind: kind_of(&stored.kind),
            status: stored.status,
            status_detail: stored.status_detail.clone(),
            values: stored.values(vault)?,
            tokens: match &stored.tokens {
                Some(sealed) => Some(Tokens::open(vault, stored.id, sealed)?),
                None => None,
            },
            expires_at: stored.expires_at,
            refreshed_at: stored.refreshed_at,
            updated_at: stored.updated_at,
        })
    }

    /// What requests are made with; `None` where its kind is unknown.
    pub fn credential(&self) -> Option<Credential> {
        let mut fields = self.values.to_map();
        if let Some(tokens) = &self.tokens {
            fields.insert(ACCESS_TOKEN.to_owned(), tokens.access.clone());
        }
        self.kind.map(|kind| Credential { kind, fields })
    }

    /// Whether requests are made with the same secret as with another reading of the connection.
    pub fn is_same_credential(&self, other: &Self) -> bool {
        self.values == other.values && self.tokens == other.tokens
    }

    /// Whether requests can be made with it now: nothing is missing, and its token has not ended.
    pub fn is_usable(&self) -> bool {
        let needs_token = self.kind.is_some_and(ConnectionKind::has_access_token);
        let has_ended = self.expires_at.is_some_and(|end| end <= Millis::now());
        let has_token = self.tokens.is_some() && !has_ended;
        self.kind.is_some() && !self.status.holds_back() && (has_token || !needs_token)
    }
}

/// The connections of all workspaces.
pub struct Registry {
    vault: Vault,
    by_id: papaya::HashMap<Uuid, Arc<Live>>,
    /// Reads one after another, so that an older read never replaces a newer one.
    refreshing: tokio::sync::Mutex<()>,
    changed: Notify,
}

impl Registry {
    /// An empty registry.
    pub fn new(vault: Vault) -> Self {
        Self {
            vault,
            by_id: papaya::HashMap::new(),
            refreshing: tokio::sync::Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// What opens and seals the values of connections.
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// A connection of a workspace.
    pub fn find(&self, workspace: WorkspaceId, id: ConnectionId) -> Option<Arc<Live>> {
        let found = self.by_id.pin().get(&id.uuid()).cloned();
        found.filter(|live| live.workspace == workspace)
    }

    /// Ends when something has changed since this call.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Reads connections again from the database.
    pub async fn refresh(&self, client: &Connection, changed: &[Uuid]) -> Result<(), DbError> {
        let _turn = self.refreshing.lock().await;
        let stored = store::load(client, Some(changed)).await?;
        self.apply(&stored, changed);
        Ok(())
    }

    /// Reads all connections from the database.
    pub async fn reload(&self, client: &Connection) -> Result<(), DbError> {
        let _turn = self.refreshing.lock().await;
        let stored = store::load(client, None).await?;
        let known: Vec<Uuid> = self.by_id.pin().keys().copied().collect();
        self.apply(&stored, &known);
        Ok(())
    }

    /// Puts in what was read; of `asked` goes what was not found.
    fn apply(&self, stored: &[StoredConnection], asked: &[Uuid]) {
        let by_id = self.by_id.pin();
        let present: HashSet<Uuid> = stored.iter().map(|row| row.id.uuid()).collect();
        for row in stored {
            match Live::prepare(row, &self.vault) {
                Ok(live) => drop(by_id.insert(row.id.uuid(), Arc::new(live))),
                Err(fault) => {
                    tracing::error!(connection = %row.id, %fault, "a connection cannot be used");
                    by_id.remove(&row.id.uuid());
                }
            }
        }
        for id in asked.iter().filter(|id| !present.contains(id)) {
            by_id.remove(id);
        }
        self.changed.notify_waiters();
    }
}
