//! Turns at destinations ordered by key: a delivery goes once the one before it of its key has succeeded or finally failed,
//! on any instance (docs/adr/0008).
//!
//! The lines are only in the database. Memory remembers where to look first: the keys of which this instance has just parked
//! or ended a delivery ([`Ripe`]). Turns that it misses (another instance died, a lane was full, too much happened at once)
//! are found by walking along the lines, a bounded stretch at each look.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::handout::{BUSY_PAUSE, Handout, LEASE, LOOK, Room};
use super::ripe::Ripe;
use super::store::{self, Line};
use crate::base::id::DestinationId;
use crate::db::DbError;

/// Keys that one statement looks at.
const MAX_KEYS: usize = 500;
/// Walks that find nothing to lease are made no more often than this.
const WALK: Duration = LOOK;

/// Leases what has its turn.
pub(super) struct Turns<'a> {
    pub handout: &'a Handout,
    pub ripe: &'a Ripe,
}

impl Turns<'_> {
    /// Leases deliveries whose turn has come, until `stop`.
    pub(super) async fn run(&self, stop: CancellationToken) {
        let mut walk = Walk::default();
        let mut next_walk = Instant::now();
        loop {
            tokio::select! {
                () = self.ripe.rung() => {}
                () = tokio::time::sleep_until(next_walk) => {}
                () = stop.cancelled() => return,
            }
            if let Err(fault) = self.lease_ripe().await {
                tell(&fault);
            }
            if Instant::now() < next_walk {
                continue;
            }
            let pause = match self.walk(&mut walk).await {
                Ok(true) => BUSY_PAUSE,
                Ok(false) => WALK,
                Err(fault) => {
                    tell(&fault);
                    WALK
                }
            };
            next_walk = Instant::now() + pause;
        }
    }

    async fn lease_ripe(&self) -> Result<(), DbError> {
        if self.handout.holder().is_none() {
            return Ok(());
        }
        for (destination, keys) in self.ripe.take() {
            for keys in keys.chunks(MAX_KEYS) {
                if self.lease_turns(destination, keys).await?.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Leases what has its turn of these keys and hands it out: how many, or `None` if the destination takes none now.
    async fn lease_turns(
        &self,
        destination: DestinationId,
        keys: &[Box<str>],
    ) -> Result<Option<Leasing>, DbError> {
        let (Some(owner), Room::For(room)) = (self.handout.holder(), self.handout.room(destination)) else {
            return Ok(None);
        };
        let room = room.min(MAX_KEYS);
        if room == 0 {
            return Ok(None);
        }
        let count = i64::try_from(room).unwrap_or(1);
        let leases = &self.handout.leases;
        let leased = store::turns::lease_turns(leases, owner, destination, keys, LEASE, count).await?;
        let place_of = |key: &str| keys.iter().position(|known| &**known == key);
        let places = leased
            .iter()
            .filter_map(|leased| place_of(leased.payload.as_ref()?.ordering_key.as_deref()?));
        let leasing = Leasing {
            count: leased.len(),
            last: places.max().filter(|_| leased.len() == room),
        };
        for leased in leased {
            self.handout.hand_out(leased, None).await;
        }
        Ok(Some(leasing))
    }

    /// Looks at the next stretch of every line; whether there was something to lease.
    async fn walk(&self, walk: &mut Walk) -> Result<bool, DbError> {
        let db = &self.handout.db;
        let destinations = store::destinations_with(db, Line::Ordered).await?;
        walk.reached
            .retain(|destination, _| destinations.contains(destination));
        let mut is_busy = false;
        for destination in destinations {
            if let Room::Deleted = self.handout.room(destination) {
                store::give_up_deleted(db, destination).await?;
                continue;
            }
            let reached = walk.reached.entry(destination).or_default();
            let count = MAX_KEYS as i64;
            let keys = store::turns::keys_in_line(db, destination, reached, count).await?;
            let Some(leasing) = self.lease_turns(destination, &keys).await? else {
                continue;
            };
            is_busy |= leasing.count > 0;
            // The next stretch begins where this one filled the lane, else behind it, else at the front again.
            let is_end = keys.len() < MAX_KEYS;
            let last = leasing.last.or(keys.len().checked_sub(1).filter(|_| !is_end));
            *reached = last.and_then(|last| keys.get(last)).cloned().unwrap_or_default();
        }
        Ok(is_busy)
    }
}

/// Others log that the database is away; a database that refuses would stop the lines for good.
fn tell(fault: &DbError) {
    match fault.is_away() {
        true => tracing::debug!(%fault, "no look at whose turn it is"),
        false => tracing::error!(%fault, "no look at whose turn it is"),
    }
}

/// The result of a lease.
struct Leasing {
    count: usize,
    /// The last of the keys at which something was leased, if that is all that the destination takes now.
    last: Option<usize>,
}

/// How far the lines were looked at: the last key, for each destination.
#[derive(Default)]
struct Walk {
    reached: HashMap<DestinationId, Box<str>>,
}
