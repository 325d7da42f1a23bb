//! Connections whose credential a vendor refuses when it is used: a person has to connect them again.

use crate::audit::{Actor, Changes, Work};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::ConnectionId;
use crate::bus::Bus;
use crate::connections::editing::target_of;
use crate::connections::model::Status;
use crate::connections::notice::{RECONNECT_NEEDED, notice};
use crate::connections::{Connections, store};
use crate::db::DbError;
use crate::feed::ChangeKind;

impl Connections {
    /// Writes that the vendor refuses a connection's credential, and tells of it once.
    pub async fn need_reconnect(
        &self,
        bus: &dyn Bus,
        workspace: WorkspaceId,
        id: ConnectionId,
        detail: &str,
    ) -> Result<(), DbError> {
        let mut client = self.db.client().await?;
        let mut work = Work::begin_as(&mut client, workspace, Actor::System).await?;
        let Some(mut stored) = store::lock(work.transaction(), workspace, id).await? else {
            return Ok(());
        };
        if stored.status.holds_back() {
            return Ok(());
        }
        let (before, detail_before) = (stored.status, stored.status_detail.clone());
        stored.status = Status::Reconnect;
        stored.status_detail = Some(detail.to_owned());
        stored.updated_at = Millis::now();
        store::update(work.transaction(), &stored, false).await?;
        let mut changes = Changes::default();
        changes.note("status", &before.name(), &stored.status.name());
        changes.note("status_detail", &detail_before, &stored.status_detail);
        work.audit("connection.reconnect_needed", &target_of(&stored), &changes)
            .await?;
        work.emit(bus, vec![notice(RECONNECT_NEEDED, &stored)]).await?;
        work.changed(ChangeKind::Connection, id.uuid()).await?;
        work.commit_silently().await?;
        self.hold_at_once(&client, id).await;
        Ok(())
    }
}
