//! A connection as the database keeps it.

use super::model::{Connection, Status, UsedBy};
use super::values::{Values, ValuesError};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::ConnectionId;
use crate::connectors::definition::{self, ConnectionKind};
use crate::vault::Vault;

/// A row, with what is sealed.
#[derive(Debug, Clone)]
pub struct StoredConnection {
    pub id: ConnectionId,
    pub workspace: WorkspaceId,
    pub name: String,
    pub connector: String,
    /// The name of a [`ConnectionKind`].
    pub kind: String,
    pub fields: Vec<u8>,
    pub tokens: Option<Vec<u8>>,
    pub scopes: Vec<String>,
    pub account: Option<String>,
    pub status: Status,
    pub status_detail: Option<String>,
    pub expires_at: Option<Millis>,
    pub refreshed_at: Option<Millis>,
    pub created_at: Millis,
    pub updated_at: Millis,
}

impl StoredConnection {
    /// The values of its fields.
    pub fn values(&self, vault: &Vault) -> Result<Values, ValuesError> {
        Values::open(vault, self.id, &self.fields)
    }

    /// What the API shows. `known` is the connector's kind of connection; without it all values are taken for secrets.
    pub fn shown(
        self,
        values: &Values,
        known: Option<&definition::Connection>,
        used_by: UsedBy,
    ) -> Connection {
        let known = known.map(definition::Connection::all_fields).unwrap_or_default();
        Connection {
            id: self.id,
            name: self.name,
            connector: self.connector,
            kind: self.kind,
            fields: values.shown(&known),
            account: self.account,
            scopes: self.scopes,
            status: self.status,
            status_detail: self.status_detail,
            expires_at: self.expires_at,
            refreshed_at: self.refreshed_at,
            used_by,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// The kind of that name.
pub fn kind_of(name: &str) -> Option<ConnectionKind> {
    use ConnectionKind::{ApiKey, Basic, Bearer, ClientCredentials, Oauth2, ServiceAccount, Url};
    let all = [
        Url,
        Bearer,
        ApiKey,
        Basic,
        Oauth2,
        ClientCredentials,
        ServiceAccount,
    ];
    all.into_iter().find(|kind| kind.name() == name)
}
