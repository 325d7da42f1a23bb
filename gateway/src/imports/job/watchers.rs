//! The progress of jobs as server-sent events.
//!
//! Everyone who watches a job on this instance shares one poll of the database and one text of the job. Their number is
//! capped, because each holds a connection for as long as the job runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;

use crate::base::caller::WorkspaceId;
use crate::db::{Db, DbError};
use crate::http::problem::Problem;
use crate::http::reply::{BrokeOff, Reply};
use crate::imports::model::Job;
use crate::imports::store;

/// Watchers of all jobs on this instance.
const MAX_WATCHERS: usize = 256;
const LOOK: Duration = Duration::from_millis(300);
/// A comment after this silence, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Pieces that wait for the client.
const WAITING: usize = 2;

type Pieces = mpsc::Sender<Result<Bytes, BrokeOff>>;

/// The job as everyone who watches it is sent it.
#[derive(Clone)]
struct Shown {
    event: Bytes,
    is_last: bool,
}

impl Shown {
    fn of(job: &Job) -> Self {
        // Texts and numbers cannot fail to serialise.
        let text = serde_json::to_string(job).unwrap_or_default();
        Self {
            event: format!("data: {text}\n\n").into(),
            is_last: !job.is_running(),
        }
    }
}

/// Who watches which job.
pub struct Watchers {
    /// The jobs that are polled, by number. A poll ends when nobody watches any more, which it finds under the lock.
    polls: Mutex<HashMap<i32, Arc<watch::Sender<Shown>>>>,
    places: Arc<Semaphore>,
}

impl Default for Watchers {
    fn default() -> Self {
        Self {
            polls: Mutex::default(),
            places: Arc::new(Semaphore::new(MAX_WATCHERS)),
        }
    }
}

impl Watchers {
    /// A place among the watchers.
    pub fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.places.clone().try_acquire_owned().map_err(|_| {
            Problem::unavailable(
                "As many clients watch imports on this instance as may (256). Ask for the import itself meanwhile.",
            )
        })
    }

    /// The job at each change, until it ends; `place` is held as long as the client stays.
    pub fn watch(
        self: Arc<Self>,
        place: OwnedSemaphorePermit,
        db: Db,
        workspace: WorkspaceId,
        job: Job,
    ) -> Reply {
        let (pieces, reading) = mpsc::channel(WAITING);
        let shown = self.subscribe(db, workspace, job);
        tokio::spawn(async move {
            let _place = place;
            send(shown, &pieces).await;
        });
        Reply::stream("text/event-stream", reading).no_store()
    }

    fn subscribe(self: Arc<Self>, db: Db, workspace: WorkspaceId, job: Job) -> watch::Receiver<Shown> {
        let mut polls = self.polls.lock();
        if let Some(poll) = polls.get(&job.number) {
            return poll.subscribe();
        }
        let (sender, receiver) = watch::channel(Shown::of(&job));
        if job.is_running() {
            let sender = Arc::new(sender);
            polls.insert(job.number, sender.clone());
            drop(polls);
            tokio::spawn(async move {
                let number = job.number;
                if let Err(fault) = self.poll(&db, workspace, job, &sender).await {
                    tracing::debug!(%fault, "the progress of an import broke off");
                }
                self.polls.lock().remove(&number);
            });
        }
        receiver
    }

    async fn poll(
        &self,
        db: &Db,
        workspace: WorkspaceId,
        mut job: Job,
        sender: &watch::Sender<Shown>,
    ) -> Result<(), DbError> {
        loop {
            tokio::time::sleep(LOOK).await;
            {
                let mut polls = self.polls.lock();
                if sender.receiver_count() == 0 {
                    polls.remove(&job.number);
                    return Ok(());
                }
            }
            let client = db.client().await?;
            let is_changed = store::refresh(&client, &mut job).await?;
            if !job.is_running() {
                // Whole, with what came to it at its end.
                if let Some(ended) = store::find(&client, workspace, job.id).await? {
                    job = ended;
                }
            }
            if is_changed {
                sender.send_replace(Shown::of(&job));
            }
            if !job.is_running() {
                return Ok(());
            }
        }
    }
}

/// Sends what is shown until it is the last, or the client goes.
async fn send(mut shown: watch::Receiver<Shown>, pieces: &Pieces) {
    loop {
        let Shown { event, is_last } = shown.borrow_and_update().clone();
        if pieces.send(Ok(event)).await.is_err() || is_last {
            return;
        }
        let mut sent_at = Instant::now();
        loop {
            tokio::select! {
                changed = shown.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => {
                        let _ = pieces.send(Err(BrokeOff)).await;
                        return;
                    }
                },
                () = tokio::time::sleep_until(sent_at + KEEP_ALIVE) => {
                    if pieces.send(Ok(Bytes::from_static(b":\n\n"))).await.is_err() {
                        return;
                    }
                    sent_at = Instant::now();
                }
                () = pieces.closed() => return,
            }
        }
    }
}
