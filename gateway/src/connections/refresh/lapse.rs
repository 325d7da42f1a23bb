//! Connections that end and cannot be renewed by themselves: a week ahead they are `expiring`, at their end `reconnect`.

use super::Refresher;
use super::lapse_store::{self, Lapse};
use crate::audit::{Actor, Changes, Work};
use crate::connections::editing::target_of;
use crate::connections::notice::{EXPIRING, RECONNECT_NEEDED, notice};
use crate::db::DbError;
use crate::feed::ChangeKind;

/// Connections in one look.
const AT_ONCE: i64 = 100;

/// Looks once. Each connection is written in a transaction of its own, by whichever instance is first.
pub(super) async fn look(refresher: &Refresher) -> Result<(), DbError> {
    let due = {
        let client = refresher.connections.db.client().await?;
        lapse_store::due(&client, AT_ONCE).await?
    };
    for (id, workspace) in due {
        let mut client = refresher.connections.db.client().await?;
        let mut work = Work::begin_as(&mut client, workspace, Actor::System).await?;
        let Some((lapse, before, after)) = lapse_store::put_lapse(work.transaction(), workspace, id).await?
        else {
            continue;
        };
        let label = match lapse {
            Lapse::Expiring => EXPIRING,
            Lapse::Ended => RECONNECT_NEEDED,
        };
        if lapse == Lapse::Ended {
            let mut changes = Changes::default();
            changes.note("status", &before.name(), &after.status.name());
            work.audit("connection.reconnect_needed", &target_of(&after), &changes)
                .await?;
        }
        work.emit(&*refresher.bus, vec![notice(label, &after)]).await?;
        work.changed(ChangeKind::Connection, id.uuid()).await?;
        work.commit_silently().await?;
    }
    Ok(())
}
