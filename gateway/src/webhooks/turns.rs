//! Whose turn it is at endpoints with `ordering: by_key`: a delivery follows when the one before it of its key has
//! succeeded or finally failed, on whatever instance (docs/adr/0008).
//!
//! The line stands in the database alone. Memory only knows where to look at once: at the keys of which this instance
//! has just parked or ended a delivery. What it does not know of (another instance died, a lane was full, too much
//! happened at once) is found by walking along the lines, a bounded stretch at each look.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::outcome::{Outcome, Verdict};
use super::schedule::{BUSY_PAUSE, LEASE, LOOK, Schedule};
use super::{schedule_store, turn_store};
use crate::base::id::WebhookId;
use crate::db::DbError;

/// Keys to be looked at at once; beyond these the walk finds them.
const MAX_RIPE: usize = 10_000;
/// Keys that one statement looks at.
const MAX_KEYS: usize = 500;
/// Walks that find nothing to lease are made no more often than this.
const WALK: Duration = LOOK;

/// Keys of which the next delivery may have its turn.
#[derive(Debug, Default)]
pub struct Turns {
    ripe: Mutex<HashSet<(WebhookId, Box<str>)>>,
    rung: Notify,
}

impl Turns {
    /// Notes what a group of outcomes, which is committed now, may have given a turn.
    pub fn note(&self, group: &[Outcome]) {
        let freed = group.iter().filter_map(|outcome| match outcome {
            Outcome::Park { new, .. } => Some((new.webhook, new.order_key()?)),
            Outcome::Again {
                webhook,
                payload,
                verdict: Verdict::Succeeded | Verdict::Failed,
                ..
            } => Some((*webhook, payload.ordering_key.as_deref()?)),
            _ => None,
        });
        let mut freed = freed.peekable();
        if freed.peek().is_none() {
            return;
        }
        let mut ripe = self.ripe.lock();
        for (webhook, key) in freed {
            if ripe.len() < MAX_RIPE {
                ripe.insert((webhook, key.into()));
            }
        }
        drop(ripe);
        self.rung.notify_one();
    }

    fn take(&self) -> HashMap<WebhookId, Vec<Box<str>>> {
        let mut by_endpoint: HashMap<WebhookId, Vec<Box<str>>> = HashMap::new();
        for (webhook, key) in self.ripe.lock().drain() {
            by_endpoint.entry(webhook).or_default().push(key);
        }
        by_endpoint
    }
}

impl Schedule {
    /// Leases deliveries whose turn has come, until `stop`.
    pub(super) async fn run_ordered(self: Arc<Self>, stop: CancellationToken) {
        let mut walk = Walk::default();
        let mut next_walk = Instant::now();
        loop {
            tokio::select! {
                () = self.turns.rung.notified() => {}
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
        if self.holder().is_none() {
            return Ok(());
        }
        for (webhook, keys) in self.turns.take() {
            for keys in keys.chunks(MAX_KEYS) {
                if self.lease_turns(webhook, keys).await?.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Leases what has its turn of these keys and hands it out: how many, or `None` if the endpoint takes none now.
    async fn lease_turns(&self, webhook: WebhookId, keys: &[Box<str>]) -> Result<Option<Leasing>, DbError> {
        let (Some(owner), Some(endpoint)) = (self.holder(), self.registry.find(webhook)) else {
            return Ok(None);
        };
        if !endpoint.is_enabled {
            return Ok(None);
        }
        let room = self.lanes.lane(webhook, endpoint.health).room().min(MAX_KEYS);
        if room == 0 {
            return Ok(None);
        }
        let count = i64::try_from(room).unwrap_or(1);
        let leased = turn_store::lease_turns(&self.leases, owner, webhook, keys, LEASE, count).await?;
        let place_of = |key: &str| keys.iter().position(|known| &**known == key);
        let places = leased
            .iter()
            .filter_map(|leased| place_of(leased.payload.as_ref()?.ordering_key.as_deref()?));
        let leasing = Leasing {
            count: leased.len(),
            last: places.max().filter(|_| leased.len() == room),
        };
        for leased in leased {
            self.hand_out(leased, None).await;
        }
        Ok(Some(leasing))
    }

    /// Looks at the next stretch of every line; whether there was something to lease.
    async fn walk(&self, walk: &mut Walk) -> Result<bool, DbError> {
        let endpoints = turn_store::endpoints_in_line(&self.db).await?;
        walk.reached.retain(|webhook, _| endpoints.contains(webhook));
        let mut is_busy = false;
        for webhook in endpoints {
            if self.registry.find(webhook).is_none() {
                schedule_store::give_up_deleted(&self.db, webhook).await?;
                continue;
            }
            let reached = walk.reached.entry(webhook).or_default();
            let count = MAX_KEYS as i64;
            let keys = turn_store::keys_in_line(&self.db, webhook, reached, count).await?;
            let Some(leasing) = self.lease_turns(webhook, &keys).await? else {
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

/// A database that is away is told of elsewhere; one that refuses would stop the lines for good.
fn tell(fault: &DbError) {
    match fault {
        DbError::Away(cause) => tracing::debug!(cause, "no look at whose turn it is"),
        DbError::Refused(_) => tracing::error!(%fault, "no look at whose turn it is"),
    }
}

/// What a lease came to.
struct Leasing {
    count: usize,
    /// The last of the keys at which something was leased, if that is all that the endpoint takes now.
    last: Option<usize>,
}

/// How far the lines were looked at: the last key, for each endpoint.
#[derive(Default)]
struct Walk {
    reached: HashMap<WebhookId, Box<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::caller::WorkspaceId;
    use crate::base::clock::Millis;
    use crate::base::id::DeliveryId;
    use crate::deliveries::Attempt;
    use crate::webhooks::job::Payload;

    fn again(webhook: WebhookId, key: Option<&str>, verdict: Verdict) -> Outcome {
        let payload = Payload {
            event: uuid::Uuid::nil(),
            event_id: String::new(),
            workspace: WorkspaceId(1),
            label: "deal.won".into(),
            ordering_key: key.map(Box::from),
            body: bytes::Bytes::new(),
        };
        Outcome::Again {
            delivery: DeliveryId::from_uuid(uuid::Uuid::nil()),
            webhook,
            payload: Arc::new(payload),
            fence: 1,
            attempt: Attempt {
                number: 1,
                at: Millis(0),
                status_code: None,
                error_code: None,
                response_body: None,
                dns_ms: None,
                connect_ms: None,
                tls_ms: None,
                first_byte_ms: None,
                total_ms: 0.0,
            },
            verdict,
        }
    }

    #[test]
    fn what_ended_makes_its_key_ripe_and_a_retry_does_not() {
        let turns = Turns::default();
        let webhook = WebhookId::generate();
        turns.note(&[
            again(webhook, Some("a"), Verdict::Succeeded),
            again(webhook, Some("b"), Verdict::Failed),
            again(webhook, Some("c"), Verdict::Retry(Millis(0))),
            again(webhook, None, Verdict::Succeeded),
        ]);
        let mut keys = turns.take().remove(&webhook).expect("ripe");
        keys.sort();
        assert_eq!(keys, ["a".into(), "b".into()]);
        assert!(turns.take().is_empty());
    }
}
