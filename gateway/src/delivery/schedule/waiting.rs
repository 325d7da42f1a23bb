//! Deliveries that wait for their destination, which was full, paused, disabled or at its rate limit.

use tokio_util::sync::CancellationToken;

use super::handout::{BUSY_PAUSE, Handout, LEASE, LEASE_COUNT, LOOK, Room};
use super::store::{self, Line};
use crate::db::DbError;

/// Leases what waits, where there is room for it.
pub(super) struct Waiting<'a> {
    pub handout: &'a Handout,
}

impl Waiting<'_> {
    /// Feeds destinations as they have room, until `stop`.
    pub(super) async fn run(&self, stop: CancellationToken) {
        let mut pause = LOOK;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.handout.lanes.has_room() => {}
                () = stop.cancelled() => return,
            }
            pause = match self.feed().await {
                Ok(true) => BUSY_PAUSE,
                Ok(false) => LOOK,
                Err(fault) => {
                    tracing::debug!(%fault, "no look for waiting deliveries");
                    LOOK
                }
            };
        }
    }

    /// Whether some destination took all it had room for, and so may have more.
    async fn feed(&self) -> Result<bool, DbError> {
        let Handout { db, leases, .. } = self.handout;
        let Some(owner) = self.handout.holder() else {
            return Ok(false);
        };
        let mut is_busy = false;
        for destination in store::destinations_with(db, Line::Waiting).await? {
            let room = match self.handout.room(destination) {
                Room::Deleted => {
                    store::give_up_deleted(db, destination).await?;
                    continue;
                }
                Room::For(0) => continue,
                Room::For(room) => room,
            };
            let count = i64::try_from(room).unwrap_or(LEASE_COUNT).min(LEASE_COUNT);
            let leased = leases.take_waiting(owner, destination, LEASE, count).await?;
            let has_more = i64::try_from(leased.len()) == Ok(count);
            for leased in leased {
                self.handout.hand_out(leased, None).await;
            }
            if has_more {
                is_busy = true;
                self.handout.tell_of_room(destination);
            }
        }
        Ok(is_busy)
    }
}
