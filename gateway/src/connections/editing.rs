//! What several handlers need: a connection that is locked, its kind, its client, and memory that follows at once.

use super::Connections;
use super::store;
use super::stored::{StoredConnection, kind_of};
use super::values::Values;
use crate::audit::{Target, Work};
use crate::base::id::ConnectionId;
use crate::connectors::definition::{self, Definition};
use crate::connectors::token::Client;
use crate::db;
use crate::feed;
use crate::http::problem::Problem;

/// A connection's kind, as its connector defines it.
pub fn kind_in<'d>(
    definition: &'d Definition,
    stored: &StoredConnection,
) -> Option<&'d definition::Connection> {
    definition.find_connection(kind_of(&stored.kind)?)
}

/// The connection of the change's workspace, locked until its end.
pub(super) async fn lock(work: &Work<'_>, id: ConnectionId) -> Result<StoredConnection, Problem> {
    let found = store::lock(work.transaction(), work.workspace(), id).await?;
    found.ok_or_else(Problem::not_found)
}

/// A connection, as the audit trail names it.
pub fn target_of(stored: &StoredConnection) -> Target {
    Target::new("connection", stored.id, Some(&stored.name))
}

impl Connections {
    /// Has a change hold on this instance at once; the others hear of it by the feed.
    pub(super) async fn hold_at_once(&self, client: &db::Client, id: ConnectionId) {
        feed::left_to_feed(self.registry.refresh(client, &[id.uuid()]).await);
    }

    /// The values of a connection's fields.
    pub(super) fn values(&self, stored: &StoredConnection) -> Result<Values, Problem> {
        let values = stored.values(self.registry.vault());
        values.map_err(|fault| Problem::internal(&fault))
    }

    /// The app at the vendor: the connection's own, else the operator's.
    pub(super) fn client_of(&self, connector: &str, values: &Values) -> Option<Client> {
        match (values.get("client_id"), values.get("client_secret")) {
            (Some(id), Some(secret)) => Some(Client {
                id: id.expose().clone(),
                secret: secret.clone(),
            }),
            _ => self.apps.get(connector).map(|app| Client {
                id: app.client_id.clone(),
                secret: app.client_secret.clone(),
            }),
        }
    }
}
