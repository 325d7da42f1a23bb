//! Parses the pieces of a file, and gathers its rows into chunks for the writers.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::fault::SourceFault;
use super::running::RunningJob;
use super::source::Source;
use crate::db::DbError;
use crate::imports::kept::CheckedColumn;
use crate::imports::kept::columns::checked;
use crate::imports::mode::Mode;
use crate::imports::model::ImportRequest;
use crate::imports::read::header::HeaderMap;
use crate::imports::read::row::Outcome;
use crate::imports::read::rows::RowStream;
use crate::imports::read::samples::Samples;
use crate::imports::write::chunk::Chunk;
use crate::imports::write::merge::Rules;
use crate::imports::write::row_keys::RowKeys;
use crate::imports::write::statements::Turn;
use crate::imports::write::writer::{Writer, WriterEnd};
use crate::imports::{Imports, store};

/// Rows wait no longer than this for their chunk to fill, so that a slow upload shows its progress.
const FLUSH: Duration = Duration::from_millis(500);

/// Why a file was not read to its end.
pub enum Stop {
    Fault(SourceFault),
    TooManyRows(u64),
    /// The job was ended by someone else, or a writer gave up.
    Ended,
    /// The gateway stops.
    Shutdown,
}

/// Deals parsed rows out to writers.
pub struct Feeder {
    imports: Imports,
    pub stream: RowStream,
    /// A copy of the stream's, for use while a row is borrowed from the stream.
    header: Arc<HeaderMap>,
    number: i32,
    mode: Mode,
    max_rows: u64,
    open: Vec<Chunk>,
    writers: Vec<mpsc::Sender<Chunk>>,
    tasks: Vec<JoinHandle<WriterEnd>>,
    next_part: Arc<AtomicI32>,
    keys: RowKeys,
    is_matched_by_one: bool,
    external_id: Option<usize>,
    /// Chunks that were written.
    spare: Arc<Mutex<Vec<Chunk>>>,
    field_count: usize,
    /// Of the body as sent, which the source counts.
    bytes_read: Arc<AtomicU64>,
    /// Where the file is kept for the person who checks it.
    samples: Option<Samples>,
}

/// What ended a stretch of parsing.
enum Taken {
    /// That writer's chunk is full.
    Full(usize),
    /// All was read.
    All,
    TooMany,
}

impl Feeder {
    /// Starts the writers of a job.
    pub fn new(
        imports: Imports,
        request: &ImportRequest,
        rules: Rules,
        number: i32,
        stream: RowStream,
        bytes_read: Arc<AtomicU64>,
        job: &RunningJob,
    ) -> Self {
        let reading = &request.reading;
        let field_count = reading.object.fields.len();
        let mut feeder = Self {
            header: stream.shared_header(),
            stream,
            number,
            mode: reading.mode,
            max_rows: imports.settings.max_rows,
            open: Vec::new(),
            writers: Vec::new(),
            tasks: Vec::new(),
            next_part: Arc::default(),
            is_matched_by_one: rules.match_by.is_some(),
            keys: RowKeys::new(reading.object, rules.match_by),
            external_id: reading.object.external_id_index(),
            spare: Arc::default(),
            field_count,
            bytes_read,
            samples: None,
            imports,
        };
        feeder.samples = request.keeps.then(|| Samples::of(&feeder.header));
        let writer_count = match links_keys(&feeder.header, rules) {
            true => 1,
            false => feeder.imports.settings.lanes,
        };
        for place in 0..writer_count {
            let (sender, chunks) = mpsc::channel(1);
            let writer = Writer {
                db: feeder.imports.db.clone(),
                bus: feeder.imports.bus.clone(),
                rules,
                import_no: number,
                is_dry: request.is_dry,
                turn: match links_keys(&feeder.header, rules) {
                    true => Turn::Whole,
                    false => Turn::Share(place as i32),
                },
                next_part: feeder.next_part.clone(),
                token: job.token.clone(),
                spare: feeder.spare.clone(),
                last_chunk: job.last_chunk.clone(),
            };
            feeder.tasks.push(tokio::spawn(writer.run(chunks)));
            feeder.writers.push(sender);
            feeder.open.push(Chunk::new(field_count));
        }
        feeder
    }

    /// Reads the file to its end.
    pub async fn read(
        &mut self,
        source: &mut Source,
        first: Bytes,
        token: &CancellationToken,
    ) -> Result<(), Stop> {
        self.take_all(&first, token).await?;
        let mut ticks = tokio::time::interval_at(Instant::now() + FLUSH, FLUSH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shutdown = self.imports.running.stop.clone();
        loop {
            tokio::select! {
                biased;
                () = token.cancelled() => return Err(Stop::Ended),
                () = shutdown.cancelled() => return Err(Stop::Shutdown),
                _ = ticks.tick() => {
                    self.flush(token).await?;
                    if !self.is_still_running().await {
                        return Err(Stop::Ended);
                    }
                }
                piece = source.next() => match piece {
                    Ok(Some(piece)) => {
                        self.take_all(&piece, token).await?;
                        // A body that inflates without ever waiting must let other tasks have their turn.
                        tokio::task::yield_now().await;
                    }
                    Ok(None) => break,
                    Err(fault) => {
                        self.flush(token).await?;
                        return Err(Stop::Fault(fault));
                    }
                }
            }
        }
        self.stream.end();
        self.take_all(&[], token).await?;
        self.flush(token).await
    }

    /// The columns of a file that is kept, with a few of their values.
    pub fn columns(&self) -> Vec<CheckedColumn> {
        let samples = self.samples.as_ref();
        samples.map_or_else(Vec::new, |samples| checked(&self.header, samples))
    }

    /// Counts the parts that were written, once the writers have ended.
    pub fn part_count(&self) -> Arc<AtomicI32> {
        self.next_part.clone()
    }

    /// Whether the job still runs: any instance may end it.
    async fn is_still_running(&self) -> bool {
        let look = async {
            let client = self.imports.db.client().await?;
            store::is_running(&client, self.number).await
        };
        // Without an answer of the database the job goes on.
        look.await.unwrap_or(true)
    }

    async fn take_all(&mut self, piece: &[u8], token: &CancellationToken) -> Result<(), Stop> {
        let mut rest = piece;
        loop {
            match self.take(&mut rest) {
                Taken::All => return Ok(()),
                Taken::Full(writer) => self.send(writer, token).await?,
                Taken::TooMany => {
                    self.flush(token).await?;
                    return Err(Stop::TooManyRows(self.max_rows));
                }
            }
        }
    }

    /// Parses until a chunk is full.
    fn take(&mut self, rest: &mut &[u8]) -> Taken {
        let writer_count = self.writers.len();
        let mode = self.mode;
        loop {
            let Some(parsed) = self.stream.next_row(rest) else {
                return Taken::All;
            };
            if parsed.record.row_number > self.max_rows {
                return Taken::TooMany;
            }
            if let (Some(samples), Ok(cells)) = (&mut self.samples, parsed.record.cells) {
                samples.take(&self.header, cells);
            }
            let spare = (parsed.record.row_number % writer_count as u64) as usize;
            let writer = match parsed.outcome {
                Outcome::Unchanged => {
                    self.open[spare].unchanged_count += 1;
                    spare
                }
                Outcome::Failed(faults) => {
                    let chunk = &mut self.open[spare];
                    for (cause, value) in faults.causes() {
                        chunk.causes.add(parsed.record.row_number, cause, value);
                    }
                    chunk.push_failure(&parsed.record, faults.report(), &self.header);
                    spare
                }
                Outcome::Row(row) => {
                    self.keys.read(&row);
                    let external_id = self.external_id.and_then(|index| row.value(index));
                    let key = self.keys.natural().or(external_id);
                    let writer = key.map_or(spare, |key| writer_of(key, writer_count));
                    let has_two_keys = external_id.is_some() && self.keys.natural().is_some();
                    let may_fail = mode != Mode::Upsert
                        || !row.is_complete()
                        || has_two_keys
                        || self.is_matched_by_one
                        || row.extras().next().is_some();
                    let original = may_fail.then_some(&*self.header);
                    self.open[writer].push_row(&parsed.record, &row, &self.keys, original);
                    writer
                }
            };
            if self.open[writer].is_full() {
                return Taken::Full(writer);
            }
        }
    }

    /// Sends what the writers' chunks hold.
    async fn flush(&mut self, token: &CancellationToken) -> Result<(), Stop> {
        for writer in 0..self.writers.len() {
            if !self.open[writer].is_empty() {
                self.send(writer, token).await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self, writer: usize, token: &CancellationToken) -> Result<(), Stop> {
        let spare = self.spare.lock().pop();
        let fresh = spare.unwrap_or_else(|| Chunk::new(self.field_count));
        let mut chunk = std::mem::replace(&mut self.open[writer], fresh);
        chunk.bytes_read = self.bytes_read.load(Ordering::Relaxed);
        tokio::select! {
            sent = self.writers[writer].send(chunk) => sent.map_err(|_| Stop::Ended),
            () = token.cancelled() => Err(Stop::Ended),
        }
    }

    /// Waits until the writers have written what they were given, or the job was ended by someone else.
    pub async fn finish(mut self, token: &CancellationToken) -> Vec<WriterEnd> {
        self.writers.clear();
        let mut ends = Vec::with_capacity(self.tasks.len());
        let mut ticks = tokio::time::interval_at(Instant::now() + FLUSH, FLUSH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for mut task in std::mem::take(&mut self.tasks) {
            let end = loop {
                tokio::select! {
                    ended = &mut task => break ended,
                    // A cancel on another instance is known to the database alone.
                    _ = ticks.tick(), if !token.is_cancelled() => {
                        if !self.is_still_running().await {
                            token.cancel();
                        }
                    }
                }
            };
            ends.push(end.unwrap_or_else(|fault| {
                WriterEnd::Failed(DbError::Internal(format!("a writer panicked: {fault}")))
            }));
        }
        ends
    }
}

/// Whether a row may have two keys, so that rows of different keys may be the same record.
fn links_keys(header: &HeaderMap, rules: Rules) -> bool {
    let object = rules.object;
    let has = |field: &str| {
        let index = object.field_index(field);
        index.is_some_and(|index| !header.sources(index).is_empty())
    };
    let natural = object.natural_key().iter().filter(|key| has(key.field)).count();
    let natural = match rules.match_by {
        // The best of them is the natural key, and there are no others.
        None => natural.min(1),
        Some(_) => natural,
    };
    natural + usize::from(has(object.key[0].field)) > 1
}

fn writer_of(key: &str, writer_count: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    (hasher.finish() % writer_count as u64) as usize
}
