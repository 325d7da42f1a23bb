//! One import from its first byte to its end.
//!
//! The runner's task pulls the body, parses it and deals rows out to the writers. Channels of one chunk stand between
//! them, so a slow database stops the parser and the parser stops the client. The runner goes on when
//! the client that waits for it goes away, unless that cuts the upload.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use metrics::gauge;
use tokio::sync::mpsc;

use super::fault::SourceFault;
use super::feeder::{Feeder, Stop};
use super::source::{Source, Upload};
use super::{lifecycle, once};
use crate::audit::{Actor, Changes, Reservation, Target, Work};
use crate::base::caller::Caller;
use crate::base::id::ImportId;
use crate::db::{self, DbError};
use crate::http::problem::{Code, Problem, sentence};
use crate::http::reply::Reply;
use crate::imports::Imports;
use crate::imports::kept::{CheckedColumn, Keeping};
use crate::imports::model::{ImportRequest, Job};
use crate::imports::read::header::HeaderMap;
use crate::imports::read::opening::Opening;
use crate::imports::read::refusal::Refusal;
use crate::imports::read::rows::RowStream;
use crate::imports::read::sniff::delimiter;
use crate::imports::store::{self, Ending, Opened};
use crate::imports::write::chunk::own_columns;
use crate::imports::write::merge::Rules;
use crate::imports::write::writer::WriterEnd;
use crate::telemetry::names;

/// Between two tries to write down how a job ended while the database is away.
const PAUSE: Duration = Duration::from_secs(1);

/// After this long a file whose header has come is read as what it looks like, so that a slow upload is in the list.
const DECIDE: Duration = Duration::from_secs(2);

/// How far an import is, for the request that waits for it.
pub enum Progress {
    /// There is no job, or its end is unknown.
    Refused(Problem),
    /// The request was made before; this is what it got.
    Replayed(Reply),
    /// The whole body was read, and the outcome of its rows is committed; for a client that does not wait for the end.
    Accepted(Box<Job>),
    Ended(Box<Job>),
}

/// The parameters of an import.
pub struct Start {
    pub request: ImportRequest,
    pub caller: Arc<Caller>,
    pub actor: Actor,
    pub bytes_total: Option<u64>,
    pub key: Option<Reservation>,
    /// Whether the client asked for a reply before the import ends.
    pub answers_early: bool,
    /// What is to be kept of the upload.
    pub keeping: Option<Keeping>,
}

/// An import that is about to begin.
pub struct Runner {
    pub imports: Imports,
    pub start: Start,
    pub progress: mpsc::Sender<Progress>,
}

impl Runner {
    /// Runs the import of a body, unless its key says that another did.
    pub async fn run(mut self, upload: Upload) {
        let progress = self.progress.clone();
        let max_bytes = self.imports.settings.max_bytes;
        let refused = match (
            once::reserve(&self.imports, self.start.key.as_ref()).await,
            &self.start.key,
        ) {
            (Ok(Some(first)), Some(key)) => {
                let replayed = once::replay(first, key, upload, max_bytes).await;
                let _ = progress
                    .send(replayed.map_or_else(Progress::Refused, Progress::Replayed))
                    .await;
                return;
            }
            (Ok(_), _) => None,
            (Err(problem), _) if !once::may_be_reserved(&problem) => {
                let _ = progress.send(Progress::Refused(problem.closing())).await;
                return;
            }
            (Err(problem), _) => Some(problem.closing()),
        };
        let last = match refused {
            Some(problem) => Some(Progress::Refused(problem)),
            None => match Source::open(upload, max_bytes).await {
                Ok(source) => self.run_source(source).await,
                Err(fault) => Some(Progress::Refused(fault.problem())),
            },
        };
        if let Some(keeping) = &self.start.keeping {
            keeping.discard_unless_kept(&self.imports.db).await;
        }
        // A client that has its reply may send the request again at once.
        let is_free = once::try_free(&self.imports, self.start.key.as_ref()).await;
        if let Some(last) = last {
            let _ = progress.send(last).await;
        }
        if !is_free {
            once::free(&self.imports, self.start.key.as_ref()).await;
        }
    }

    async fn run_source(&mut self, source: Source) -> Option<Progress> {
        gauge!(names::IMPORTS_RUNNING).increment(1.0);
        let ended = self.import(source).await;
        gauge!(names::IMPORTS_RUNNING).decrement(1.0);
        match ended {
            Ok(job) => job.map(|job| Progress::Ended(Box::new(job))),
            Err(problem) => Some(Progress::Refused(problem)),
        }
    }

    /// `None`: the gateway stopped before the end was written down.
    async fn import(&mut self, mut source: Source) -> Result<Option<Job>, Problem> {
        let (stream, first) = self.open(&mut source).await?;
        self.start.request.filename = self.start.request.filename.take().or(source.filename.take());
        let id = ImportId::generate();
        let mut client = self.imports.db.client().await?;
        let number = self.begin(&mut client, id, &stream).await?;
        drop(client);
        let job = self.imports.running.add(number);
        let rules = Rules {
            object: self.start.request.reading.object,
            workspace: self.start.caller.workspace,
            mode: self.start.request.reading.mode,
            match_by: self.start.request.match_by,
            emits_each: self.start.request.emits_each && !self.start.request.is_dry,
        };
        let mut feeder = Feeder::new(
            self.imports.clone(),
            &self.start.request,
            rules,
            number,
            stream,
            source.counter(),
            &job,
        );
        let read = feeder.read(&mut source, first, &job.token).await;
        let read = match read {
            Ok(()) => self.keep(number, &feeder.columns()).await,
            stopped => stopped,
        };
        let is_read = read.is_ok();
        let encoding = feeder.stream.encoding();
        let delimiter = delimiter::word(feeder.stream.delimiter());
        let part_count = feeder.part_count();
        let writers = feeder.finish(&job.token).await;
        let part_count = part_count.load(Ordering::Relaxed);
        // Only now its rows outlive this process.
        if is_read {
            if let Some(key) = &mut self.start.key {
                key.note_digest(source.digest().await);
            }
            if self.start.answers_early {
                let accepted = self.accept(id).await;
                let _ = self
                    .progress
                    .send(accepted.map_or_else(Progress::Refused, Progress::Accepted))
                    .await;
            }
        }
        let refusal = match &read {
            Err(Stop::Fault(fault)) if fault.refuses() => Some(fault.problem()),
            _ => None,
        };
        let ending = how_it_ended(read, writers).map(|ending| Ending {
            bytes_read: Some(source.bytes_read()),
            encoding: Some(encoding),
            delimiter: Some(delimiter),
            chunk_count: Some(part_count.into()),
            ..ending
        });
        // A client that is still sending hears of it.
        drop(source);
        let job = self.end(id, number, ending).await;
        self.imports.running.remove(number);
        // However much of the file was taken.
        refusal.map_or(Ok(job), Err)
    }

    /// Keeps what was uploaded, if that was asked for.
    async fn keep(&mut self, number: i32, columns: &[CheckedColumn]) -> Result<(), Stop> {
        let Some(keeping) = &mut self.start.keeping else {
            return Ok(());
        };
        let workspace = self.start.caller.workspace;
        let kept = keeping.keep(&self.imports.db, workspace, number, columns).await;
        kept.map_err(|fault| {
            tracing::warn!(%fault, import = number, "an upload could not be kept");
            Stop::Fault(SourceFault::NotKept)
        })
    }

    /// The reply of a client that asked for one before the import ends.
    async fn accept(&self, id: ImportId) -> Result<Box<Job>, Problem> {
        let mut client = self.imports.db.client().await?;
        let job = store::find(&client, self.start.caller.workspace, id).await?;
        let job = job.ok_or_else(Problem::not_found)?;
        if let Some(key) = &self.start.key {
            key.settle_alone(&mut client, StatusCode::ACCEPTED, &job).await?;
        }
        Ok(Box::new(job))
    }

    /// Reads until the header is known.
    async fn open(&self, source: &mut Source) -> Result<(RowStream, Bytes), Problem> {
        let refused = |refusal: Refusal| Problem::new(Code::FileRefused, sentence(refusal)).closing();
        let mut opening = Opening::new(self.start.request.reading.clone());
        let mut ticks = tokio::time::interval(DECIDE);
        ticks.tick().await;
        loop {
            let piece = tokio::select! {
                piece = source.next() => piece.map_err(|fault| fault.problem())?,
                _ = ticks.tick() => {
                    if let Some(stream) = opening.decide().map_err(refused)? {
                        return Ok((stream, Bytes::new()));
                    }
                    continue;
                }
            };
            let Some(piece) = piece else { break };
            let mut rest = &piece[..];
            if let Some(stream) = opening.feed(&mut rest).map_err(refused)? {
                let used = piece.len() - rest.len();
                return Ok((stream, piece.slice(used..)));
            }
        }
        let stream = opening.end().map_err(refused)?;
        Ok((stream, Bytes::new()))
    }

    async fn begin(&self, client: &mut db::Client, id: ImportId, stream: &RowStream) -> Result<i32, Problem> {
        let header = stream.header();
        let unmapped: Vec<&str> = header.unmapped().collect();
        let opened = Opened {
            encoding: stream.encoding(),
            delimiter: delimiter::word(stream.delimiter()),
            mapping: mapping_text(header),
            unmapped_headers: serde_json::Value::from(unmapped).to_string(),
            columns: own_columns(header),
            bytes_total: self.start.bytes_total.and_then(|total| i64::try_from(total).ok()),
        };
        let work = Work::begin_as(client, self.start.caller.workspace, self.start.actor.clone()).await?;
        let number = store::insert(
            work.transaction(),
            &self.start.caller,
            self.imports.instance,
            id,
            &self.start.request,
            &opened,
        )
        .await?;
        if let Some(key) = &self.start.key {
            key.attach(work.transaction(), id).await?;
        }
        let target = Target::new("import", id, self.start.request.filename.as_deref());
        work.audit("import.created", &target, &Changes::default()).await?;
        work.commit_silently().await?;
        Ok(number)
    }

    /// Writes down how the job ended, however long the database is away. A connection that broke in the pool costs one
    /// try; if the second fails too, the client that waits gets its reply meanwhile.
    async fn end(&self, id: ImportId, number: i32, ending: Option<Ending>) -> Option<Job> {
        let workspace = self.start.caller.workspace;
        let mut tries = 0_u32;
        loop {
            tries += 1;
            let written = async {
                if let Some(ending) = &ending
                    && let Some(job) =
                        lifecycle::end_job(&self.imports, workspace, number, ending, self.start.key.as_ref())
                            .await?
                {
                    return Ok(Some(job));
                }
                let mut client = self.imports.db.client().await?;
                let job = store::find(&client, workspace, id).await?;
                if let (Some(job), Some(key)) = (&job, &self.start.key) {
                    key.settle_alone(&mut client, StatusCode::CREATED, job).await?;
                }
                Ok::<_, DbError>(job)
            };
            match written.await {
                Ok(job) => return job,
                Err(fault) => {
                    tracing::warn!(%fault, import = number, "the end of an import is not written yet");
                    if tries == 2 {
                        let _ = self.progress.try_send(Progress::Refused(end_unwritten(id)));
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                // The job is found at the next start.
                () = self.imports.running.stop.cancelled() => return None,
            }
        }
    }
}

fn end_unwritten(id: ImportId) -> Problem {
    Problem::unavailable(format!(
        "The file was read, and the database is away, so how the import ended is not written down yet. \
         Once the database is back, GET /v1/imports/{id} tells it; do not send the file again before."
    ))
}

/// Header → field in the file's order, which a map of serde_json would lose.
fn mapping_text(header: &HeaderMap) -> String {
    let mut text = Vec::new();
    let mut json = serde_json::Serializer::new(&mut text);
    // Texts cannot fail to serialise.
    let written = serde::Serializer::collect_map(&mut json, header.mapped());
    match written.is_ok() {
        true => String::from_utf8(text).unwrap_or_default(),
        false => "{}".to_owned(),
    }
}

/// `None`: someone else ended the job.
fn how_it_ended(read: Result<(), Stop>, writers: Vec<WriterEnd>) -> Option<Ending> {
    let failed = |code: &'static str, message: String| Some(Ending::of("failed", Some((code, message))));
    let mut is_ended = false;
    for writer in writers {
        match writer {
            WriterEnd::Done => {}
            WriterEnd::Ended => is_ended = true,
            WriterEnd::Lost => {
                return failed(
                    "database_away",
                    "The connection to the database broke off, and what the dry run had worked out went with it. \
                     Nothing was imported; run it again."
                        .to_owned(),
                );
            }
            WriterEnd::Failed(fault) if fault.is_away() => {
                tracing::warn!(%fault, "an import failed: the database is away");
                return failed("database_away", "The database was away for too long.".to_owned());
            }
            WriterEnd::Failed(DbError::Contended) => {
                return failed(
                    "contended",
                    "Others kept changing the same records; what was written before stays.".to_owned(),
                );
            }
            WriterEnd::Failed(fault) => {
                tracing::error!(%fault, "an import failed");
                return failed(
                    "internal",
                    "Something went wrong on our side; the log has the cause.".to_owned(),
                );
            }
        }
    }
    match read {
        Ok(()) if !is_ended => Some(Ending::of("completed", None)),
        Err(Stop::Fault(fault)) if !is_ended => failed(fault.code(), sentence(fault)),
        Err(Stop::TooManyRows(max)) if !is_ended => failed(
            "too_many_rows",
            format!("The file has more than {max} rows (imports.max_rows)."),
        ),
        Err(Stop::Shutdown) if !is_ended => failed(
            "interrupted",
            "The gateway was stopped before the import ended.".to_owned(),
        ),
        _ => None,
    }
}
