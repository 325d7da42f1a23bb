//! Writes outcomes, many in one transaction, and with them how far the bus is finished.
//!
//! An outcome is dropped only if the database refuses it alone, or if writing it panics, because each successor would
//! end of the same panic; a dropped outcome is logged and counted. While the database is away, outcomes wait here, the
//! queue fills, and then workers wait: no attempt is made whose outcome could not be kept.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use metrics::{counter, histogram};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::outcome::{Outcome, Verdict};
use super::record_store::{Session, write};
use crate::base::fail_point::{self, Point};
use crate::bus::{BatchId, Bus};
use crate::db::{Db, DbError, within};
use crate::delivery::destination::Destinations;
use crate::delivery::schedule::ripe::Ripe;
use crate::delivery::stats::counters::Counters;
use crate::telemetry::names;

/// Outcomes that may wait for the recorder.
pub const QUEUE: usize = 4_000;
const MAX_ROWS: usize = 1_000;
/// With fewer outcomes than this, others are given a moment to join.
const FEW: usize = 200;
const GATHER: Duration = Duration::from_millis(4);
/// With nothing to write, the watermark is still brought up to date.
const IDLE: Duration = Duration::from_secs(1);
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// The one task that writes outcomes.
pub struct Recorder {
    pub db: Db,
    pub bus: Arc<dyn Bus>,
    pub owner: Box<dyn Fn() -> i32 + Send + Sync>,
    /// They give the notices of deliveries that failed.
    pub destinations: Arc<dyn Destinations>,
    /// Gets the keys whose next delivery may have its turn.
    pub ripe: Arc<Ripe>,
    /// Count what is recorded.
    pub stats: Arc<Counters>,
}

impl Recorder {
    /// Writes until `finish`, and then what is left in the queue.
    pub async fn run(self, mut outcomes: mpsc::Receiver<Outcome>, finish: CancellationToken) {
        let mut session = None;
        let mut group = Vec::with_capacity(MAX_ROWS);
        loop {
            let received = tokio::select! {
                biased;
                count = outcomes.recv_many(&mut group, MAX_ROWS) => Some(count),
                () = finish.cancelled() => break,
                () = tokio::time::sleep(IDLE) => None,
            };
            match received {
                Some(0) => break,
                Some(count) if count < FEW => {
                    tokio::time::sleep(GATHER).await;
                    while group.len() < MAX_ROWS
                        && let Ok(outcome) = outcomes.try_recv()
                    {
                        group.push(outcome);
                    }
                }
                Some(_) | None => {}
            }
            if !group.is_empty() && fail_point::reach(Point::Recorder) {
                return;
            }
            self.write_surely(&mut session, &group).await;
            self.settle(&group);
            group.clear();
        }
        // The last watermark, now that everything is settled.
        self.write_surely(&mut session, &[]).await;
    }

    /// Tells the ledger what is recorded now. The next transaction will carry the watermark.
    fn settle(&self, group: &[Outcome]) {
        let ledger = self.bus.ledger();
        let mut run: Option<(BatchId, usize)> = None;
        let finished = group.iter().filter_map(|outcome| match outcome {
            Outcome::First { new, .. } | Outcome::Park { new, .. } => Some(new.batch),
            Outcome::Drop { batch } => Some(*batch),
            Outcome::Again { .. } | Outcome::Release { .. } | Outcome::Postpone { .. } => None,
        });
        // Neighbours are mostly of one batch.
        for batch in finished {
            match &mut run {
                Some((same, count)) if *same == batch => *count += 1,
                _ => {
                    if let Some((before, count)) = run.replace((batch, 1)) {
                        ledger.finish(before, count);
                    }
                }
            }
        }
        if let Some((batch, count)) = run {
            ledger.finish(batch, count);
        }
        self.ripe.note(group);
        self.stats.note(group);
        observe(group);
    }

    async fn write_surely(&self, session: &mut Option<Session>, group: &[Outcome]) {
        let mut pause = Duration::from_millis(50);
        loop {
            let started = Instant::now();
            let writing = AssertUnwindSafe(self.try_write(session, group)).catch_unwind();
            match writing.await {
                Ok(Ok(())) => {
                    if !group.is_empty() {
                        histogram!(names::RECORD_ROWS).record(group.len() as f64);
                        histogram!(names::RECORD_SECONDS).record(started.elapsed());
                    }
                    return;
                }
                Ok(Err(fault)) => {
                    counter!(names::RECORD_FAILURES).increment(1);
                    if is_about_content(&fault) {
                        tracing::error!(%fault, rows = group.len(), "outcomes were refused");
                        return self.write_apart(session, group, "refused").await;
                    }
                    if fault.unwritable().is_none() {
                        tracing::warn!(%fault, rows = group.len(), "outcomes could not be written; trying again");
                    }
                    *session = None;
                }
                // It is about no outcome.
                Err(panic) if group.is_empty() => resume_unwind(panic),
                Err(_) => {
                    counter!(names::RECORD_FAILURES).increment(1);
                    tracing::error!(rows = group.len(), "the writing of outcomes panicked");
                    *session = None;
                    return self.write_apart(session, group, "panic").await;
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Finds the outcome that cannot be written, and writes the others.
    async fn write_apart(&self, session: &mut Option<Session>, group: &[Outcome], reason: &'static str) {
        if group.len() > 1 {
            let (left, right) = group.split_at(group.len() / 2);
            Box::pin(self.write_surely(session, left)).await;
            Box::pin(self.write_surely(session, right)).await;
        } else {
            // A fault of all outcomes shows without any, and ends the process before one is lost.
            Box::pin(self.write_surely(session, &[])).await;
            counter!(names::OUTCOMES_LOST, "reason" => reason).increment(group.len() as u64);
            tracing::error!(reason, outcome = ?group, "an outcome cannot be written and is lost");
        }
    }

    async fn try_write(&self, session: &mut Option<Session>, group: &[Outcome]) -> Result<(), DbError> {
        let writing = async {
            let session = match session {
                Some(session) if !session.is_closed() => session,
                _ => session.insert(Session::open(&self.db).await?),
            };
            let notices = self.destinations.notices(group);
            write(session, group, &*self.bus, (self.owner)(), &notices).await
        };
        within(WRITE_TIMEOUT, writing).await
    }
}

/// Whether another try would be refused as well: classes 22 (data) and 23 (constraints).
fn is_about_content(fault: &DbError) -> bool {
    fault
        .sqlstate()
        .is_some_and(|state| state.starts_with("22") || state.starts_with("23"))
}

fn observe(group: &[Outcome]) {
    let mut counts = [0_u64; 3];
    for outcome in group {
        match outcome {
            Outcome::First { verdict, .. } | Outcome::Again { verdict, .. } => match verdict {
                Verdict::Succeeded => counts[0] += 1,
                Verdict::Failed => counts[1] += 1,
                Verdict::Retry(_) => counts[2] += 1,
            },
            Outcome::Park { .. }
            | Outcome::Drop { .. }
            | Outcome::Release { .. }
            | Outcome::Postpone { .. } => {}
        }
    }
    for (status, count) in [("succeeded", counts[0]), ("failed", counts[1])] {
        if count > 0 {
            counter!(names::DELIVERIES, "status" => status).increment(count);
        }
    }
    if counts[2] > 0 {
        counter!(names::DELIVERIES_PARKED, "reason" => "retry").increment(counts[2]);
    }
}
