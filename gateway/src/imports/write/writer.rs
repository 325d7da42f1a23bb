//! Writes chunks, one after another, each in a transaction of its own.
//!
//! An import whose rows have one key each has a few writers (`imports.lanes`); a key always goes to the same one, so rows of
//! one key keep their order. Where a row may link two keys there is one writer. A part of a chunk holds an advisory lock on
//! its share of the object's keys ([`Turn`]), so that two imports take turns instead of failing each other. A concurrent
//! change makes the part start again: a key that was taken is a unique violation, a record that was changed is not found
//! where it was read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::chunk::{Chunk, Failure};
use super::merge::{Created, Plan, Rules, Stored, plan};
use super::part::Part;
use super::session::Session;
use super::statements::{Found, Turn};
use super::undo_log::{Replaced, UndoLog};
use super::version::Version;
use crate::base::clock::Millis;
use crate::bus::Bus;
use crate::db::{self, Db, DbError};
use crate::imports::causes::store as cause_store;
use crate::imports::causes::tally::{Shown, Tally};
use crate::imports::store;
use crate::telemetry::names;

/// A database that is away for longer ends the import.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);
/// Tries of a part while others change its records; after these, something else is wrong.
const MAX_TRIES: u32 = 200;
/// Stored records that a part is planned from; the part is made smaller until they fit, or it is one row.
const MAX_STORED_BYTES: usize = 8 << 20;

/// The parameters of one writer.
#[derive(Clone)]
pub struct Writer {
    pub db: Db,
    pub bus: Arc<dyn Bus>,
    pub rules: Rules,
    pub import_no: i32,
    pub is_dry: bool,
    pub turn: Turn,
    /// The number of the next part, of whichever writer.
    pub next_part: Arc<AtomicI32>,
    /// Cancelled when someone else ends the job.
    pub token: CancellationToken,
    /// Where written chunks go, to be filled again.
    pub spare: Arc<Mutex<Vec<Chunk>>>,
    /// When any writer of the job last committed a chunk.
    pub last_chunk: Arc<Mutex<Instant>>,
}

/// The state of a writer between two parts.
#[derive(Default)]
struct Hand {
    session: Option<Session>,
    has_written: bool,
    shown: Shown,
}

/// How a writer ended.
#[derive(Debug)]
pub enum WriterEnd {
    /// Every chunk is written.
    Done,
    /// The job was ended by someone else.
    Ended,
    /// The records of a dry run are lost with the connection whose temporary table held them.
    Lost,
    Failed(DbError),
}

enum Applied {
    Written,
    /// Others changed what the plan was made from.
    Again,
    /// The stored records are too large for so many rows.
    TooMuch,
    Ended,
    Lost,
}

impl Writer {
    /// Writes chunks until there are no more, or one cannot be written.
    pub async fn run(self, mut chunks: mpsc::Receiver<Chunk>) -> WriterEnd {
        let mut hand = Hand::default();
        while let Some(mut chunk) = chunks.recv().await {
            let started = Instant::now();
            let writing = self.write(&mut hand, &chunk);
            // The transaction goes with the session; the job has ended, so nobody asks for its rows.
            let written = tokio::select! {
                written = writing => written,
                () = self.token.cancelled() => return WriterEnd::Ended,
            };
            match written {
                Ok(Applied::Ended) => return WriterEnd::Ended,
                Ok(Applied::Lost) => return WriterEnd::Lost,
                Ok(Applied::Written | Applied::Again | Applied::TooMuch) => {}
                Err(fault) => return WriterEnd::Failed(fault),
            }
            *self.last_chunk.lock() = Instant::now();
            histogram!(names::IMPORT_CHUNK_SECONDS).record(started.elapsed());
            let row_count = chunk.rows.len() + chunk.failures.len();
            counter!(names::IMPORT_ROWS).increment(row_count as u64 + chunk.unchanged_count);
            chunk.clear();
            self.spare.lock().push(chunk);
        }
        WriterEnd::Done
    }

    /// Writes a chunk, in as many parts as it takes.
    async fn write(&self, hand: &mut Hand, chunk: &Chunk) -> Result<Applied, DbError> {
        let row_count = chunk.rows.len();
        let (mut from, mut most) = (0, row_count.max(1));
        let mut number = self.next_part.fetch_add(1, Ordering::Relaxed);
        loop {
            let to = row_count.min(from + most);
            let part = Part {
                chunk,
                rows: from..to,
                number,
            };
            match self.write_part(hand, &part).await? {
                Applied::TooMuch => most = ((to - from) / 2).max(1),
                Applied::Written => {
                    hand.has_written = true;
                    if to == row_count {
                        return Ok(Applied::Written);
                    }
                    from = to;
                    most = most.saturating_mul(2);
                    number = self.next_part.fetch_add(1, Ordering::Relaxed);
                }
                ended => return Ok(ended),
            }
        }
    }

    /// Writes a part, however often that takes; never [`Applied::Again`].
    async fn write_part(&self, hand: &mut Hand, part: &Part<'_>) -> Result<Applied, DbError> {
        let mut away_since: Option<Instant> = None;
        let mut tries = 0;
        loop {
            let fault = match self.try_write(hand, part).await {
                Ok(Applied::Again) => None,
                Ok(applied) => return Ok(applied),
                Err(fault) => Some(fault),
            };
            counter!(names::IMPORT_RETRIES).increment(1);
            match fault {
                Some(fault) if fault.is_away() => {
                    hand.session = None;
                    if self.is_dry && hand.has_written {
                        return Ok(Applied::Lost);
                    }
                    let since = *away_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > PATIENCE {
                        return Err(fault);
                    }
                    tracing::warn!(%fault, import = self.import_no, "a chunk broke off; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
                Some(fault) if tries >= MAX_TRIES || !is_conflict(&fault) => return Err(fault),
                None if tries >= MAX_TRIES => {
                    return Err(DbError::Contended);
                }
                _ => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(u64::from(tries.min(20)))).await;
                }
            }
            // A commit that was cut off may have ended only now, on the connection before. One that breaks here is found
            // broken by the next try.
            if let Some(open) = hand.session.as_mut()
                && let Ok(true) = store::has_chunk(open.client(), self.import_no, part.number).await
            {
                return Ok(self.found_written());
            }
        }
    }

    /// The result of a part that an earlier connection has committed.
    fn found_written(&self) -> Applied {
        match self.is_dry {
            true => Applied::Lost,
            false => Applied::Written,
        }
    }

    async fn try_write(&self, hand: &mut Hand, part: &Part<'_>) -> Result<Applied, DbError> {
        let Hand { session, shown, .. } = hand;
        let chunk = part.chunk;
        let Rules {
            object, workspace, ..
        } = self.rules;
        if session.is_none() {
            let mut fresh = Session::open(&self.db, object, workspace, self.turn, self.is_dry).await?;
            // The one before may have been cut off in the middle of its commit.
            let is_written = store::has_chunk(fresh.client(), self.import_no, part.number).await?;
            *session = Some(fresh);
            if is_written {
                return Ok(self.found_written());
            }
        }
        let Some(session) = session else {
            return Ok(Applied::Again);
        };
        let (client, statements) = session.split();
        let transaction = client.transaction().await?;
        let max_bytes = match part.rows.len() {
            0 | 1 => usize::MAX,
            _ => MAX_STORED_BYTES,
        };
        let (stored, versions) = match statements
            .begin(&transaction, &part.keys(object), max_bytes)
            .await?
        {
            Found::Records(stored, versions) => (stored, versions),
            Found::TooMuch => return Ok(Applied::TooMuch),
        };
        let now = Millis::now();
        let mut plan = plan(&self.rules, chunk, part.rows.clone(), &stored, now);
        sort_by_key(&mut plan, chunk);
        let import_no = Some(self.import_no);
        let changed = plan
            .updated
            .iter()
            .map(|(index, record)| (versions[*index], record, import_no));
        // Before the new records, which may get a key that one of these gives up.
        if !statements
            .change(&transaction, plan.hands_keys_on, changed)
            .await?
        {
            return Ok(Applied::Again);
        }
        statements
            .create(&transaction, chunk, &plan.created, self.import_no, now)
            .await?;
        let nothing = Tally::default();
        let mut failures: [&[Failure]; 2] = [&[], &plan.failures];
        let mut causes = [&nothing, &plan.causes];
        let mut counts = plan.counts;
        if part.is_first() {
            failures[0] = &chunk.failures;
            causes[0] = &chunk.causes;
            counts.failed += chunk.failures.len() as u64;
            counts.unchanged += chunk.unchanged_count;
        }
        statements.report(&transaction, self.import_no, failures).await?;
        cause_store::note(&transaction, self.import_no, part.number, causes, shown).await?;
        let undo_log = match self.is_dry {
            true => None,
            false => self.undo_log(chunk, &plan, &stored, &versions)?,
        };
        let events = match self.is_dry {
            true => Vec::new(),
            false => std::mem::take(&mut plan.events),
        };
        let emission = self.bus.emit(&transaction, events).await?;
        let undo = undo_log.as_deref();
        if !statements
            .note(&transaction, self.import_no, part, undo, &counts)
            .await?
        {
            return Ok(Applied::Ended);
        }
        db::commit(transaction).await?;
        emission.committed();
        causes.into_iter().for_each(|tally| shown.note(tally));
        Ok(Applied::Written)
    }

    fn undo_log(
        &self,
        chunk: &Chunk,
        plan: &Plan,
        stored: &[Stored],
        versions: &[Version],
    ) -> Result<Option<Vec<u8>>, DbError> {
        let created = plan.created.iter().map(|created| match created {
            Created::Row(row) => chunk.rows[*row].id,
            Created::Record(record) => record.id,
        });
        let replaced = plan
            .updated
            .iter()
            .map(|(index, after)| Replaced::of(&stored[*index], versions[*index], after));
        let log = UndoLog {
            created: created.collect(),
            replaced: replaced.collect(),
        };
        // Compressing memory into memory does not fail.
        log.encode()
            .map_err(|fault| DbError::Internal(format!("an undo log was not made: {fault}")))
    }
}

/// Two writers that insert in one order never wait for each other in a circle; and neighbours share pages.
fn sort_by_key(plan: &mut Plan, chunk: &Chunk) {
    plan.created.sort_by_cached_key(|created| match created {
        Created::Row(row) => chunk.natural_key(*row).map(str::to_owned),
        Created::Record(record) => record.natural_key(),
    });
}

/// Unique violation, deadlock, serialisation failure, a lock that took too long.
pub fn is_conflict(fault: &DbError) -> bool {
    matches!(fault.sqlstate(), Some("23505" | "40P01" | "40001" | "55P03"))
}
