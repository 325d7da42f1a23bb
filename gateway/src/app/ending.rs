//! Stops a gateway in the order in which work flows, within a deadline, even if a part hangs.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::Engine;
use crate::base::stop::Stop;
use crate::delivery::schedule::store as schedule_store;

/// What is kept of the drain time for the last writes.
const LAST_WRITES: Duration = Duration::from_secs(2);
/// What one of the last steps may take, with the database away.
const LAST_STEP: Duration = Duration::from_secs(1);
/// Beyond the drain time, and the last steps with it, nothing is waited for.
const GRACE: Duration = Duration::from_secs(9);
/// After a fault, requests under way are given this long, and nothing more.
const FAULT_GRACE: Duration = Duration::from_secs(2);

/// Waits until a gateway that was asked to stop should have ended.
pub(super) async fn overdue(stop: Stop, drain: Duration) {
    let asked_at = stop.asked().await;
    let failed = async {
        stop.failed().await;
        sleep(FAULT_GRACE).await;
    };
    tokio::select! {
        () = sleep_until(asked_at + drain + GRACE) => {}
        () = failed => {}
    }
}

impl Engine {
    /// Ends everything in the order in which work flows: no more batches, no more attempts, the last outcomes, the lock.
    ///
    /// Work may go on until `until`. With the database away each step would wait for ever, so each has a limit.
    pub(super) async fn drain(self, until: Instant) {
        let last_work = until.checked_sub(LAST_WRITES).unwrap_or(until);
        let left = || last_work.saturating_duration_since(Instant::now());
        self.services.imports.drain(left()).await;
        self.bus.close();
        if timeout_at(until, self.intake.shut_down()).await.is_err() {
            tracing::warn!("the dispatch cannot end while outcomes are not written");
        }
        let limit = left().max(LAST_STEP);
        if timeout(limit + LAST_STEP, self.lanes.drain(limit)).await.is_err() {
            tracing::warn!("what waits in lanes cannot be parked; a successor makes it again");
        }
        if timeout(LAST_WRITES * 2, self.recording.shut_down())
            .await
            .is_err()
        {
            tracing::warn!("the last outcomes could not be written; a successor attempts them again");
        }
        // Attempts that were cut are due again at once, not when their leases run out.
        let owner = self.bus.owner();
        let handing_back = schedule_store::hand_back(&self.services.db, owner);
        match timeout(LAST_STEP, handing_back).await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => tracing::warn!(%fault, "leases run out by themselves"),
            Err(_) => tracing::warn!("leases run out by themselves"),
        }
        if timeout(LAST_WRITES, self.upkeep.shut_down()).await.is_err() {
            tracing::warn!("upkeep is cut");
        }
        // Leaving a group has a limit of its own.
        if let Err(fault) = self.bus.retire().await {
            tracing::debug!(%fault, "ownership is left to a successor");
        }
    }
}
