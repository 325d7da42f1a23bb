//! Group commit: whoever arrives while a commit is under way shares the next one, so durability costs each event a
//! share of a flush. By default there is no gathering delay beside that: docs/adr/0003 has the measurement.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::Statement;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Role;
use super::events;
use super::handover::Handover;
use super::owner::{Numbered, Ownership};
use crate::base::caller::WorkspaceId;
use crate::bus::{Accepted, Event, NewEvent, PublishError};
use crate::db::{Db, DbError, Dedicated};
use crate::telemetry::health::Health;
use crate::telemetry::names;

const MAX_ROWS: usize = 1_000;
const MAX_BYTES: usize = 8 << 20;
/// A commit without an answer for this long is given up; what became of it is asked on the next connection.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(3);
const RECONNECT: Duration = Duration::from_millis(200);
const OBSERVE: Duration = Duration::from_secs(1);

/// An event and who waits for it.
pub(super) struct Waiting {
    pub event: NewEvent,
    pub reply: oneshot::Sender<Result<Accepted, PublishError>>,
}

/// Commits events and hands them over.
pub(super) struct Committer {
    pub db: Db,
    pub health: Health,
    pub ownership: Arc<Ownership>,
    pub handover: Arc<Handover>,
    pub waiting_bytes: Arc<AtomicUsize>,
    pub gather: Duration,
    pub role: Role,
}

/// A connection that holds the lock on this instance's ownership.
struct Session {
    client: Dedicated,
    copy: Statement,
    latest_of_keys: Statement,
    owner: i32,
}

/// Events whose commit broke off: stored or not, nobody knows yet.
struct Doubt {
    numbered: Numbered,
    owner: i32,
    events: Vec<Event>,
}

/// One commit's worth of events and of those who wait for them.
struct Group {
    numbered: Numbered,
    events: Vec<Event>,
    replies: Vec<oneshot::Sender<Result<Accepted, PublishError>>>,
    /// For each reply, the place of its event in `events`, or the earlier event that it repeats.
    answers: Vec<Place>,
}

enum Place {
    Stored(usize),
    Repeat(Accepted),
}

impl Committer {
    /// Commits until the senders are gone, or until `stop` and the queue is empty.
    pub(super) async fn run(self, mut waiting: mpsc::Receiver<Waiting>, stop: CancellationToken) {
        let mut session = None;
        let mut doubts = Vec::new();
        let mut observed = Instant::now();
        while let Some(first) = self.next(&mut waiting, &mut session, &mut doubts, &stop).await {
            if !self.gather.is_zero() {
                tokio::time::sleep(self.gather).await;
            }
            let group = self.gather(first, &mut waiting);
            self.commit(group, &mut session, &mut doubts).await;
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
        waiting: &mut mpsc::Receiver<Waiting>,
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
                        self.health.down(self.role.dependency(), fault.to_string());
                        self.observe(waiting);
                        *session = None;
                        // Those who wait get their answer now rather than by running out of time.
                        while let Ok(refused) = waiting.try_recv() {
                            self.release(&refused.event);
                            counter!(names::EVENTS_REFUSED).increment(1);
                            let _ = refused.reply.send(Err(PublishError::Away));
                        }
                        tokio::select! {
                            () = tokio::time::sleep(RECONNECT) => {}
                            () = stop.cancelled() => return None,
                        }
                        continue;
                    }
                }
            }
            tokio::select! {
                biased;
                first = waiting.recv() => return first,
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
                let copy = client.prepare(events::COPY).await?;
                let latest_of_keys = client.prepare(events::LATEST_OF_KEYS).await?;
                *session = Some(Session {
                    client,
                    copy,
                    latest_of_keys,
                    owner,
                });
            }
            if let Some(session) = session {
                self.resolve(&session.client, doubts).await?;
            }
            Ok(())
        };
        match tokio::time::timeout(COMMIT_TIMEOUT, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(DbError::Away("no answer in time".into())),
        }
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
    fn gather(&self, first: Waiting, waiting: &mut mpsc::Receiver<Waiting>) -> Group {
        let mut replies = Vec::with_capacity(64);
        let mut byte_count = 0;
        let mut next = Some(first);
        let contents = std::iter::from_fn(|| {
            let Waiting { event, reply } = next.take()?;
            byte_count += event.data.len();
            self.release(&event);
            replies.push(reply);
            let is_full = replies.len() == MAX_ROWS || byte_count > MAX_BYTES;
            next = if is_full { None } else { waiting.try_recv().ok() };
            Some(event)
        });
        let (numbered, events) = self.ownership.number(self.handover.ledger(), contents);
        Group {
            numbered,
            answers: (0..events.len()).map(Place::Stored).collect(),
            events,
            replies,
        }
    }

    async fn commit(&self, mut group: Group, session: &mut Option<Session>, doubts: &mut Vec<Doubt>) {
        // `next` gave an event only while there was a session.
        let Some(open) = session.as_mut() else {
            self.handover.ledger().count(group.numbered.batch, 0);
            return group.refuse();
        };
        let started = Instant::now();
        let owner = open.owner;
        let written = tokio::time::timeout(COMMIT_TIMEOUT, write(open, &mut group, &self.ownership)).await;
        let written = written.unwrap_or_else(|_| Err(DbError::Away("no answer in time".into())));
        match written {
            Ok(()) => {
                histogram!(names::COMMIT_ROWS).record(group.events.len() as f64);
                histogram!(names::COMMIT_SECONDS).record(started.elapsed());
                group.answer();
                self.handover.put_own(group.numbered, owner, group.events);
            }
            Err(DbError::Refused(fault)) => {
                tracing::error!(%fault, "the database refused events");
                self.handover.ledger().count(group.numbered.batch, 0);
                group.refuse();
            }
            Err(DbError::Away(cause)) => {
                tracing::warn!(cause, "a commit of events broke off");
                *session = None;
                doubts.push(Doubt {
                    numbered: group.numbered,
                    owner,
                    events: std::mem::take(&mut group.events),
                });
                group.refuse();
            }
        }
    }

    fn release(&self, event: &NewEvent) {
        self.waiting_bytes.fetch_sub(event.data.len(), Ordering::Relaxed);
    }

    fn observe(&self, waiting: &mpsc::Receiver<Waiting>) {
        if self.role == Role::Bus {
            gauge!(names::BUS_WAITING).set(waiting.len() as f64);
            self.handover.ledger().observe();
        }
    }
}

async fn write(session: &mut Session, group: &mut Group, ownership: &Ownership) -> Result<(), DbError> {
    // Whoever heard of an event that was accepted elsewhere, and then sends the next of its key, finds it behind that.
    let latest = events::latest_of_keys(&session.client, &session.latest_of_keys, &group.events).await?;
    if let Some(latest) = latest {
        ownership.number_behind(latest, &mut group.numbered, &mut group.events);
    }
    let has_once_keys = group.events.iter().any(|event| event.content.once_key.is_some());
    if !has_once_keys {
        // A COPY outside a transaction is one of its own: two round trips and one flush.
        let rows = events::rows(group.events.iter(), session.owner);
        rows.send(&session.client, &session.copy).await?;
        return Ok(());
    }
    let transaction = session.client.transaction().await?;
    group.merge_repeats();
    let claims = group.claims();
    let firsts = events::claim_once_keys(&transaction, &claims).await?;
    group.drop_repeats(firsts);
    if !group.events.is_empty() {
        let rows = events::rows(group.events.iter(), session.owner);
        rows.send(transaction.client(), &session.copy).await?;
    }
    transaction.commit().await?;
    Ok(())
}

impl Group {
    /// Repeats within the group point at their first.
    fn merge_repeats(&mut self) {
        let mut firsts: HashMap<(WorkspaceId, Box<str>), usize> = HashMap::new();
        let mut kept = Vec::with_capacity(self.events.len());
        for (index, event) in std::mem::take(&mut self.events).into_iter().enumerate() {
            let repeated = event.content.once_key.as_ref().and_then(|id| {
                let key = (event.content.workspace, id.clone());
                let first = *firsts.entry(key).or_insert(kept.len());
                (first != kept.len()).then_some(first)
            });
            match repeated {
                Some(first) => {
                    let first: &Event = &kept[first];
                    self.answers[index] = Place::Repeat(accepted(first, true));
                }
                None => {
                    self.answers[index] = Place::Stored(kept.len());
                    kept.push(event);
                }
            }
        }
        self.events = kept;
    }

    fn claims(&self) -> Vec<(WorkspaceId, &str, Uuid)> {
        let mut claims: Vec<_> = self
            .events
            .iter()
            .filter_map(|event| {
                let id = event.content.once_key.as_deref()?;
                Some((event.content.workspace, id, event.id))
            })
            .collect();
        claims.sort_unstable();
        claims
    }

    /// Takes out events of which the id was claimed before; who waits for them gets the first.
    fn drop_repeats(&mut self, firsts: HashMap<(WorkspaceId, String), Accepted>) {
        if firsts.is_empty() {
            return;
        }
        let first_of = |event: &Event| {
            let id = event.content.once_key.as_deref()?;
            firsts.get(&(event.content.workspace, id.to_owned())).cloned()
        };
        let repeats: HashMap<Uuid, Accepted> = self
            .events
            .iter()
            .filter_map(|event| Some((event.id, first_of(event)?)))
            .collect();
        let mut places = Vec::with_capacity(self.events.len());
        let mut kept = Vec::with_capacity(self.events.len());
        for event in std::mem::take(&mut self.events) {
            match repeats.get(&event.id) {
                Some(first) => places.push(Err(first.clone())),
                None => {
                    places.push(Ok(kept.len()));
                    kept.push(event);
                }
            }
        }
        self.events = kept;
        for answer in &mut self.answers {
            match answer {
                Place::Stored(index) => match &places[*index] {
                    Ok(place) => *index = *place,
                    Err(first) => *answer = Place::Repeat(first.clone()),
                },
                // A repeat within the group of an event that is itself a repeat.
                Place::Repeat(earlier) => {
                    if let Some(first) = repeats.get(&earlier.id) {
                        *earlier = first.clone();
                    }
                }
            }
        }
    }

    fn answer(&mut self) {
        let mut repeat_count = 0;
        for (reply, answer) in self.replies.drain(..).zip(self.answers.drain(..)) {
            let answer = match answer {
                Place::Stored(index) => accepted(&self.events[index], false),
                Place::Repeat(first) => {
                    repeat_count += 1;
                    first
                }
            };
            // Whoever hung up does not change that the event is accepted.
            let _ = reply.send(Ok(answer));
        }
        counter!(names::EVENTS_ACCEPTED).increment(self.events.len() as u64);
        counter!(names::EVENTS_REPEATED).increment(repeat_count);
    }

    fn refuse(&mut self) {
        counter!(names::EVENTS_REFUSED).increment(self.replies.len() as u64);
        for reply in self.replies.drain(..) {
            let _ = reply.send(Err(PublishError::Away));
        }
    }
}

fn accepted(event: &Event, is_repeat: bool) -> Accepted {
    Accepted {
        id: event.id,
        label: event.content.label.clone(),
        is_repeat,
    }
}
