//! The events about connections, for those who subscribe to them by name.

use std::sync::Arc;

use serde_json::json;

use super::stored::StoredConnection;
use crate::bus::NewEvent;

/// A person has to connect it again.
pub const RECONNECT_NEEDED: &str = "connection.reconnect_needed";
/// It ends within a week, and cannot be renewed by itself.
pub const EXPIRING: &str = "connection.expiring";

/// The event `label` about a connection as it is now.
pub fn notice(label: &'static str, connection: &StoredConnection) -> NewEvent {
    let mut data = json!({
        "connection_id": connection.id,
        "name": connection.name,
        "connector": connection.connector,
        "status_detail": connection.status_detail,
    });
    if label == EXPIRING {
        data["expires_at"] = json!(connection.expires_at);
    }
    NewEvent::own(connection.workspace, Arc::from(label), data.to_string().into())
}
