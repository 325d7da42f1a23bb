//! Takes over the unfinished events of a dead instance.
//!
//! An owner is dead if its session lock is free and it has sent no heartbeat for some seconds. A restart of the server frees
//! every lock, but silence is then counted anew, so live instances have time to reconnect. If a stuck instance still holds
//! its lock after a longer silence, its session is ended first.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use metrics::counter;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::handover::Handover;
use super::owner::{LOCK_CLASS, Ownership};
use super::remains;
use crate::bus::Release;
use crate::bus::silence::Silence;
use crate::bus::table::events;
use crate::db::{Db, DbError, Dedicated, ToSql};
use crate::telemetry::names;

const SWEEP: Duration = Duration::from_millis(500);
/// Silence that, with the lock free, means dead: three heartbeats.
const DEAD: Duration = Duration::from_secs(3);
const CHUNK: i64 = 1_000;
const CHUNK_BYTES: i64 = 8 << 20;
/// Each has a session of its own, and a chunk of events in memory.
const MAX_TAKEOVERS: usize = 4;
/// After this many failures in a row it is logged.
const LOGGED_FAILURES: u32 = 3;
/// How long the dead one's row is waited for before sessions that hold it are ended …
const BLOCKED: Duration = Duration::from_millis(700);
/// … and how long in all.
const ROW_WAIT: &str = "set lock_timeout = '2s'";

/// Looks for dead owners.
pub(super) struct Sweeper {
    pub db: Db,
    pub ownership: Arc<Ownership>,
    pub handover: Arc<Handover>,
    /// Silence after which an instance that still holds its lock counts as stuck.
    pub lease: Duration,
    pub silence: Silence,
    pub release: Release,
}

impl Sweeper {
    /// Sweeps until `stop`. What a dead owner left may take long to deliver; the others are looked at meanwhile.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let taker = Taker {
            db: self.db.clone(),
            ownership: self.ownership.clone(),
            handover: self.handover.clone(),
            release: self.release,
        };
        let mut taking = FuturesUnordered::new();
        let mut in_hand = HashSet::new();
        let mut failures = Failures::default();
        loop {
            let sweeping = async {
                tokio::time::sleep(SWEEP).await;
                self.sweep().await
            };
            let mut sweeping = pin!(sweeping);
            let dead = loop {
                tokio::select! {
                    dead = &mut sweeping => break dead,
                    Some((owner, taken)) = taking.next(), if !taking.is_empty() => {
                        in_hand.remove(&owner);
                        failures.note(owner, taken);
                    }
                    () = stop.cancelled() => return,
                }
            };
            match dead {
                Ok(dead) => {
                    for (owner, heartbeat) in dead {
                        if in_hand.len() < MAX_TAKEOVERS && in_hand.insert(owner) {
                            taking.push(taker.clone().take(owner, heartbeat));
                        }
                    }
                }
                Err(fault) => tracing::debug!(%fault, "no sweep for dead instances"),
            }
        }
    }

    /// The owners that are silent for long enough to be dead, each with its last heartbeat.
    async fn sweep(&mut self) -> Result<Vec<(i32, SystemTime)>, DbError> {
        let me = self.ownership.current();
        if me == 0 {
            return Ok(Vec::new());
        }
        let client = self.db.client().await?;
        let others = "select id, heartbeat_at from bus_owners where id <> $1";
        let others = client.query(others, &[&me]).await?;
        let heartbeats: Vec<_> = others.iter().map(|row| (row.get(0), row.get(1))).collect();
        self.silence.note(&heartbeats, Instant::now());
        self.end_stuck_sessions(&client).await?;
        Ok(self.silence.of(DEAD))
    }

    async fn end_stuck_sessions(&self, client: &tokio_postgres::Client) -> Result<(), DbError> {
        let silent: Vec<i32> = self
            .silence
            .of(self.lease)
            .iter()
            .map(|(owner, _)| *owner)
            .collect();
        if silent.is_empty() {
            return Ok(());
        }
        let count = remains::end_sessions(client, &silent).await?;
        if count > 0 {
            tracing::warn!(owners = ?silent, count, "the sessions of stuck instances were ended");
        }
        Ok(())
    }
}

/// Takeovers that failed one after the other, by owner.
#[derive(Default)]
struct Failures(HashMap<i32, u32>);

impl Failures {
    fn note(&mut self, owner: i32, taken: Result<(), DbError>) {
        let Err(fault) = taken else {
            self.0.remove(&owner);
            return;
        };
        let count = self.0.entry(owner).or_default();
        *count += 1;
        if *count == LOGGED_FAILURES {
            tracing::warn!(owner, %fault, "what a dead instance left cannot be taken over; it is tried again");
        } else {
            tracing::debug!(owner, %fault, "no takeover");
        }
    }
}

/// Takes over what one dead owner left.
#[derive(Clone)]
struct Taker {
    db: Db,
    ownership: Arc<Ownership>,
    handover: Arc<Handover>,
    release: Release,
}

impl Taker {
    async fn take(self, dead: i32, heartbeat: SystemTime) -> (i32, Result<(), DbError>) {
        let me = self.ownership.current();
        (dead, self.try_take(dead, heartbeat, me).await)
    }

    /// Takes over `dead` if it is: its lock is held here until everything is finished, so nobody else takes it.
    async fn try_take(&self, dead: i32, heartbeat: SystemTime, me: i32) -> Result<(), DbError> {
        let session = self.db.connect().await?;
        // What is lost of it in a crash is done again. It must not wait for a standby, for then it waits without an end.
        session.batch_execute("set synchronous_commit = off").await?;
        let locked = session
            .query_one("select pg_try_advisory_lock($1, $2)", &[&LOCK_CLASS, &dead])
            .await?;
        if !locked.get::<_, bool>(0) {
            return Ok(());
        }
        // With its lock here it can commit no events; what its other sessions hold goes with them.
        remains::end_sessions(&session, &[dead]).await?;
        let taken = self.take_row(&session, dead, heartbeat, me).await?;
        let Some(row) = taken else { return Ok(()) };
        tracing::warn!(owner = dead, "taking over from a dead instance");
        counter!(names::BUS_TAKEOVERS).increment(1);
        let event_count = self.recover(&session, dead, row.get(0)).await?;
        (self.release)(&session, dead).await?;
        session
            .execute("delete from bus_owners where id = $1", &[&dead])
            .await?;
        tracing::info!(owner = dead, event_count, "took over from a dead instance");
        Ok(())
    }

    /// Marks the dead one's row as taken; `None` if it lives after all.
    async fn take_row(
        &self,
        session: &Dedicated,
        dead: i32,
        heartbeat: SystemTime,
        me: i32,
    ) -> Result<Option<Row>, DbError> {
        let process = session.query_one("select pg_backend_pid()", &[]).await?.get(0);
        // `for update` waits for transactions that emit events in the dead one's name; afterwards none can.
        session.batch_execute(ROW_WAIT).await?;
        let parameters: [&(dyn ToSql + Sync); 3] = [&dead, &me, &heartbeat];
        let taking = session.query_opt(
            "with dead as materialized (
                 select id from bus_owners
                 where id = $1 and heartbeat_at = $3
                 for update
             )
             update bus_owners o set taken_by = $2 from dead where o.id = dead.id
             returning o.watermark",
            &parameters,
        );
        let mut taking = pin!(taking);
        let taken = tokio::select! {
            taken = &mut taking => taken,
            () = tokio::time::sleep(BLOCKED) => {
                let count = remains::end_blockers(&*self.db.client().await?, process).await?;
                if count > 0 {
                    tracing::warn!(owner = dead, count, "sessions that held a dead instance's row were ended");
                }
                taking.await
            }
        }?;
        session.batch_execute("reset lock_timeout").await?;
        Ok(taken)
    }

    /// Hands the events from `watermark` on over, chunk by chunk, each after the one before is finished.
    async fn recover(&self, session: &Dedicated, dead: i32, watermark: Uuid) -> Result<usize, DbError> {
        let mut from = watermark;
        let mut event_count = 0;
        loop {
            let ledger = self.handover.ledger();
            ledger.wait_until(|ledger| ledger.has_room(1)).await;
            let chunk = events::owned(session, dead, from, Uuid::max(), CHUNK, CHUNK_BYTES).await?;
            let Some(last) = chunk.last() else { break };
            from = Uuid::from_u128(last.id.as_u128().saturating_add(1));
            event_count += chunk.len();
            if let Some(batch) = self.handover.put_recovered(chunk) {
                self.handover
                    .ledger()
                    .wait_until(|ledger| ledger.is_finished(batch))
                    .await;
            }
            session
                .execute(
                    "update bus_owners set watermark = $2 where id = $1",
                    &[&dead, &from],
                )
                .await?;
        }
        Ok(event_count)
    }
}
