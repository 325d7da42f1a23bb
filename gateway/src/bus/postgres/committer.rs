//! Group commit: events that arrive during a commit share the next one, so each costs only a share of a flush. By default
//! there is no further gathering delay: docs/adr/0003 has the measurement.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Role;
use super::group::Group;
use super::handover::Handover;
use super::inbox::{Inbox, Waiting};
use super::owner::{Numbered, Ownership};
use super::session::Session;
use crate::base::fail_point::{self, Point};
use crate::bus::intake_queue::WaitingBytes;
use crate::bus::table::events;
use crate::bus::{Event, NewEvent, PublishError};
use crate::db::{self, Db, DbError, within};
use crate::telemetry::health::Health;
use crate::telemetry::names;

const MAX_ROWS: usize = 1_000;
const MAX_BYTES: usize = 8 << 20;
/// A commit without an answer for this long is given up; what became of it is asked on the next connection.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(3);
const RECONNECT: Duration = Duration::from_millis(200);
const OBSERVE: Duration = Duration::from_secs(1);

/// Commits events and hands them over.
pub(super) struct Committer {
    pub db: Db,
    pub health: Health,
    pub ownership: Arc<Ownership>,
    pub handover: Arc<Handover>,
    pub waiting_bytes: WaitingBytes,
    pub gather: Duration,
    pub role: Role,
}

/// Events whose commit got no answer: whether they are stored is not known yet.
struct Doubt {
    numbered: Numbered,
    owner: i32,
    events: Vec<Event>,
}

impl Committer {
    /// Commits until the senders are gone, or until `stop` and the queue is empty.
    pub(super) async fn run(self, mut waiting: Inbox, stop: CancellationToken) {
        let mut session = None;
        let mut doubts = Vec::new();
        let mut observed = Instant::now();
        while let Some(first) = self.next(&mut waiting, &mut session, &mut doubts, &stop).await {
            if fail_point::reach(Point::Committer) {
                return;
            }
            if !self.gather.is_zero() {
                tokio::time::sleep(self.gather).await;
            }
            let group = self.gather(first, &mut waiting);
            self.commit(group, &mut waiting, &mut session, &mut doubts).await;
            if observed.elapsed() > OBSERVE {
                observed = Instant::now();
                self.observe(&waiting);
            }
        }
        // The lock goes with the session; what is left is a successor's.
    }

    /// The next event, while the connection is kept up in the meantime.
    async fn next(
        &self,
        waiting: &mut Inbox,
        session: &mut Option<Session>,
        doubts: &mut Vec<Doubt>,
        stop: &CancellationToken,
    ) -> Option<Waiting> {
        loop {
            if session.as_ref().is_some_and(|session| session.client.is_closed()) {
                *session = None;
            }
            if session.is_none() || !doubts.is_empty() {
                match self.connect(session, doubts).await {
                    Ok(()) => self.health.up(self.role.dependency()),
                    Err(fault) => {
                        // A server that takes no writes is one state, which the other check names.
                        let detail = match fault.unwritable() {
                            Some(_) => {
                                "the database takes no writes; the check `postgres` says why".to_owned()
                            }
                            None => fault.to_string(),
                        };
                        self.health.down(self.role.dependency(), detail);
                        self.observe(waiting);
                        *session = None;
                        // Those who wait get their answer now rather than by running out of time.
                        while let Some(refused) = waiting.try_take() {
                            self.release(&refused.event);
                            counter!(names::EVENTS_REFUSED).increment(1);
                            refused.reply.refuse(not_stored());
                        }
                        tokio::select! {
                            () = tokio::time::sleep(RECONNECT) => {}
                            () = stop.cancelled() => return None,
                        }
                        continue;
                    }
                }
            }
            let ended = async {
                match session.as_mut() {
                    Some(session) => session.client.ended().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                // Before an event is taken that it could not write any more.
                () = ended => {}
                first = waiting.take() => return first,
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(OBSERVE) => self.observe(waiting),
            }
        }
    }

    async fn connect(&self, session: &mut Option<Session>, doubts: &mut Vec<Doubt>) -> Result<(), DbError> {
        let connecting = async {
            if session.is_none() {
                let client = self.db.connect().await?;
                let owner = self.ownership.claim(&client).await?;
                *session = Some(Session::new(client, owner).await?);
            }
            if let Some(session) = session {
                self.resolve(&session.client, doubts).await?;
            }
            Ok(())
        };
        in_time(connecting).await
    }

    /// Finds out which events of a broken commit are stored, and hands those over.
    async fn resolve(&self, client: &tokio_postgres::Client, doubts: &mut Vec<Doubt>) -> Result<(), DbError> {
        while let Some(doubt) = doubts.last() {
            let ids: Vec<Uuid> = doubt.events.iter().map(|event| event.id).collect();
            let stored = events::existing(client, &ids).await?;
            if let Some(mut doubt) = doubts.pop() {
                doubt.events.retain(|event| stored.contains(&event.id));
                self.handover.put_own(doubt.numbered, doubt.owner, doubt.events);
            }
        }
        Ok(())
    }

    /// Takes what waits, up to a commit's worth, and gives each event its id.
    fn gather(&self, first: Waiting, waiting: &mut Inbox) -> Group {
        let mut replies = Vec::with_capacity(64);
        let mut byte_count = 0;
        let mut next = Some(first);
        let contents = std::iter::from_fn(|| {
            let Waiting { event, reply } = next.take()?;
            byte_count += event.data.len();
            self.release(&event);
            replies.push(reply);
            let is_full = replies.len() == MAX_ROWS || byte_count > MAX_BYTES;
            next = if is_full { None } else { waiting.try_take() };
            Some(event)
        });
        let (numbered, events) = self.ownership.number(self.handover.ledger(), contents);
        Group::new(numbered, events, replies)
    }

    async fn commit(
        &self,
        mut group: Group,
        waiting: &mut Inbox,
        session: &mut Option<Session>,
        doubts: &mut Vec<Doubt>,
    ) {
        // `next` gave an event only while there was a session.
        let Some(open) = session.as_mut() else {
            self.handover.ledger().count(group.numbered.batch, 0);
            return group.refuse(not_stored());
        };
        let is_alive = if group.has_questions() {
            let started = Instant::now();
            let written = in_time(open.write(&mut group, &self.ownership)).await;
            self.settle(written, group, open.owner, started, doubts)
        } else {
            self.copy(group, waiting, open, doubts).await
        };
        if !is_alive {
            *session = None;
        }
    }

    /// Writes a group by a COPY outside a transaction, which is one of its own: one flush, and one round trip where the
    /// COPY was begun ahead. If more waits meanwhile, the next one is. Whether the session can go on.
    async fn copy(
        &self,
        group: Group,
        waiting: &mut Inbox,
        session: &mut Session,
        doubts: &mut Vec<Doubt>,
    ) -> bool {
        let started = Instant::now();
        let begun = session.begun.take();
        let rows = events::rows(group.events.iter(), session.owner);
        let is_asked = AtomicBool::new(false);
        let ended = {
            let session: &Session = session;
            let copying = in_time(async {
                let copy = match begun {
                    Some(copy) => copy,
                    None => session.begin_copy().await?,
                };
                copy.finish(rows).await.map(drop)
            });
            let beginning = async {
                if waiting.peek().await.is_none_or(Waiting::is_question) {
                    return std::future::pending().await;
                }
                is_asked.store(true, Ordering::Relaxed);
                in_time(session.begin_copy()).await
            };
            let (mut copying, mut beginning) = (pin!(copying), pin!(beginning));
            let mut next = None;
            let written = loop {
                tokio::select! {
                    // What is polled first is sent first.
                    biased;
                    written = &mut copying => break written,
                    copy = &mut beginning, if next.is_none() => next = Some(copy),
                }
            };
            let is_alive = self.settle(written, group, session.owner, started, doubts);
            if is_alive && next.is_none() && is_asked.load(Ordering::Relaxed) {
                next = Some(beginning.await);
            }
            next.transpose().map(|next| (is_alive, next))
        };
        let Ok((is_alive, next)) = ended else {
            // The next group goes over a new session.
            return false;
        };
        session.begun = next;
        is_alive
    }

    /// Answers everyone who waits for a group; whether the session can go on.
    fn settle(
        &self,
        written: Result<(), DbError>,
        mut group: Group,
        owner: i32,
        started: Instant,
        doubts: &mut Vec<Doubt>,
    ) -> bool {
        match written {
            Ok(()) => {
                histogram!(names::COMMIT_ROWS).record(group.events.len() as f64);
                histogram!(names::COMMIT_SECONDS).record(started.elapsed());
                group.answer();
                self.handover.put_own(group.numbered, owner, group.events);
                true
            }
            Err(fault) if !fault.is_away() => {
                self.handover.ledger().count(group.numbered.batch, 0);
                if fault.unwritable().is_none() {
                    tracing::error!(%fault, "the database refused events");
                }
                group.refuse(not_stored());
                true
            }
            Err(fault) => {
                tracing::warn!(%fault, "a commit of events broke off");
                doubts.push(Doubt {
                    numbered: group.numbered,
                    owner,
                    events: std::mem::take(&mut group.events),
                });
                group.refuse(not_stored());
                false
            }
        }
    }

    fn release(&self, event: &NewEvent) {
        self.waiting_bytes.take_off(event.data.len());
    }

    fn observe(&self, waiting: &Inbox) {
        if self.role == Role::Bus {
            gauge!(names::BUS_WAITING).set(waiting.len() as f64);
            self.handover.ledger().observe();
        }
    }
}

/// What to tell clients whose events found no place.
fn not_stored() -> PublishError {
    db::unwritable().map_or(PublishError::Away, PublishError::Unwritable)
}

async fn in_time<T>(asking: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    within(COMMIT_TIMEOUT, asking).await
}
