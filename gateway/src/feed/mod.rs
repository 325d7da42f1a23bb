//! The change feed: how every instance learns of changes to what it holds in memory.
//!
//! Each change writes a row to the log table in its own transaction. NOTIFY only wakes the readers, which also poll twice a
//! second, so a lost notification costs at most half a second. A reader asks for all rows of transactions that its last
//! snapshot could not see, so it misses no rows that commit out of order.
//! Listening and reading have a connection each, so that losing one does not delay the other; after LISTEN the feed reads at
//! once, so it misses nothing in between. Then it records the snapshot as seen (see [`instance_store`]).
//!
//! A snapshot is valid within one life of one server. When another server answers (a failover, a restore), this one has
//! restarted, or transaction ids went back, all of memory is reloaded.

pub mod api;
pub mod bell;
pub mod confirmation;
pub mod instance_store;
mod store;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use metrics::{counter, gauge};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::base::clock;
use crate::base::fail_point::{self, Point};
use crate::db::{Connection, Db, DbError, Purpose, unwritable, within};
use crate::telemetry::health::Health;
use crate::telemetry::names;
use instance_store::Instance;
use store::{Position, ServerLife};

pub use store::{Change, purge, record, record_quietly, transaction_id};

/// The truth is asked for this often, notification or not.
const POLL: Duration = Duration::from_millis(500);
/// An instance says this often that it lives.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Room on the server's disk is tried once in so many heartbeats.
const BEATS_A_TRIAL: u32 = 2;
/// Rows of dead instances are looked for once in this many heartbeats.
const BEATS_A_PURGE: u32 = 30;
/// An answer that takes longer counts as none.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const RECONNECT: Duration = Duration::from_millis(250);
/// The log keeps a day; a reader that was away for longer than this reads everything again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);
const CHECK_NAME: &str = "feed";

/// What kind of thing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    ApiKey,
    Webhook,
    EventType,
    Hoot,
    Connection,
    Source,
    Rule,
}

impl ChangeKind {
    const ALL: [Self; 7] = [
        Self::ApiKey,
        Self::Webhook,
        Self::EventType,
        Self::Hoot,
        Self::Connection,
        Self::Source,
        Self::Rule,
    ];

    /// The name in the log table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Webhook => "webhook",
            Self::EventType => "event_type",
            Self::Hoot => "hoot",
            Self::Connection => "connection",
            Self::Source => "source",
            Self::Rule => "rule",
        }
    }
}

type Refreshing<'a> = Pin<Box<dyn Future<Output = Result<(), DbError>> + Send + 'a>>;

/// Reads things of one kind again from the database into memory. An empty list asks for all of them.
///
/// It reads over the feed's own connection: keys must stay fresh also when requests hold the whole pool.
pub type Refresh =
    Arc<dyn for<'a> Fn(&'a Connection, Vec<(WorkspaceId, Uuid)>) -> Refreshing<'a> + Send + Sync>;

/// Takes note of a refresh that a handler made after its commit. If it failed the change still stands, and the feed
/// brings it within a second.
pub fn left_to_feed(refreshed: Result<(), DbError>) {
    if let Err(fault) = refreshed {
        tracing::warn!(%fault, "a change is left to the change feed");
    }
}

/// When memory was last confirmed to agree with the database.
#[derive(Debug, Default)]
pub struct Freshness {
    confirmed_micros: AtomicI64,
}

impl Freshness {
    fn confirm(&self, started: tokio::time::Instant) {
        self.confirmed_micros.store(micros(started), Ordering::Relaxed);
    }

    /// How long ago that was.
    pub fn age(&self) -> Duration {
        let confirmed = self.confirmed_micros.load(Ordering::Relaxed);
        let age = micros(tokio::time::Instant::now()) - confirmed;
        Duration::from_micros(age.max(0).unsigned_abs())
    }
}

/// Microseconds on the monotonic clock since the process first asked.
fn micros(instant: tokio::time::Instant) -> i64 {
    static START: std::sync::OnceLock<tokio::time::Instant> = std::sync::OnceLock::new();
    let start = START.get_or_init(tokio::time::Instant::now);
    let since = instant.saturating_duration_since(*start);
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The reader of the log and those it keeps fresh.
pub struct Feed {
    db: Db,
    readers: Vec<(ChangeKind, Refresh)>,
    freshness: Arc<Freshness>,
    health: Health,
    stale_after: Duration,
    instance: Instance,
}

impl Feed {
    /// A feed without subscribers yet, on behalf of `instance`. Until the first answer it counts as stale.
    pub fn new(db: Db, health: Health, stale_after: Duration, instance: Instance) -> Self {
        let freshness = Arc::new(Freshness::default());
        let long_ago = -i64::try_from(stale_after.as_micros()).unwrap_or(i64::MAX / 2) * 2;
        freshness.confirmed_micros.store(long_ago, Ordering::Relaxed);
        Self {
            db,
            readers: Vec::new(),
            freshness,
            health,
            stale_after,
            instance,
        }
    }

    /// Has `refresh` called for changes of `kind`, and once for everything at the start.
    pub fn subscribe(&mut self, kind: ChangeKind, refresh: Refresh) {
        self.readers.push((kind, refresh));
    }

    /// When memory was last confirmed.
    pub fn freshness(&self) -> Arc<Freshness> {
        self.freshness.clone()
    }

    /// Reads until `stop`, over as many connections as it takes.
    pub async fn run(self, stop: CancellationToken) {
        if fail_point::reach(Point::Feed) {
            return;
        }
        let wake = Arc::new(Notify::new());
        let watching = self.watch_age(stop.clone());
        let listening = self.listen(wake.clone(), stop.clone());
        let reading = async {
            let mut reached = Reached::default();
            while !stop.is_cancelled() {
                if let Err(fault) = self.follow(&mut reached, &wake, &stop).await {
                    self.health.down("postgres", fault.to_string());
                }
                pause(RECONNECT, &stop).await;
            }
        };
        tokio::join!(watching, listening, reading);
    }

    /// Wakes the reader at each notification, and whenever listening begins or ends.
    async fn listen(&self, wake: Arc<Notify>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(fault) = self.hear(&wake, &stop).await {
                tracing::debug!(%fault, "not listening to the change feed; the poll goes on");
            }
            pause(RECONNECT, &stop).await;
        }
    }

    async fn hear(&self, wake: &Arc<Notify>, stop: &CancellationToken) -> Result<(), DbError> {
        let (heard, reader) = (Arc::new(Notify::new()), wake.clone());
        let ringing = heard.clone();
        let ring = move || {
            reader.notify_one();
            ringing.notify_one();
        };
        let session = self.db.connect_listening(ring).await?;
        answered(store::listen(&session)).await?;
        wake.notify_one();
        while !session.is_closed() && !stop.is_cancelled() {
            tokio::select! {
                () = heard.notified() => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    async fn follow(
        &self,
        reached: &mut Reached,
        wake: &Notify,
        stop: &CancellationToken,
    ) -> Result<(), DbError> {
        let session = self.db.connect_for(Purpose::Feed).await?;
        let life = answered(store::server_life(&session)).await?;
        reached.enter(&life);
        let mut last_beat: Option<tokio::time::Instant> = None;
        let mut beat_count: u32 = 0;
        loop {
            let started = tokio::time::Instant::now();
            if self.freshness.age() > FORGOTTEN_AFTER {
                // The log may have been purged meanwhile.
                reached.position = None;
            }
            let (now, has_changes) = self.read_on(&session, reached.position.as_ref()).await?;
            if has_changes || last_beat.is_none_or(|last| last.elapsed() >= HEARTBEAT) {
                self.beat(&session, &now, &life, beat_count).await?;
                last_beat = Some(tokio::time::Instant::now());
                beat_count = beat_count.wrapping_add(1);
            }
            reached.position = Some(now);
            self.freshness.confirm(started);
            match unwritable() {
                None => self.health.up("postgres"),
                Some(reason) => self.health.down("postgres", reason.to_string()),
            }
            tokio::select! {
                () = wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {
                    return answered(self.instance.leave(&session)).await;
                }
            }
        }
    }

    /// Brings memory from `position` to the present one; whether there were changes.
    async fn read_on(
        &self,
        session: &Connection,
        position: Option<&Position>,
    ) -> Result<(Position, bool), DbError> {
        let Some(since) = position else {
            return self.read_all(session).await;
        };
        let asked = std::time::Instant::now();
        let (now, changes) = answered(store::read_since(session, since)).await?;
        clock::correct(now.clock, asked);
        if now.is_before(since) {
            tracing::warn!("transaction ids went back: everything in memory is read again");
            return self.read_all(session).await;
        }
        self.apply(session, &changes).await?;
        Ok((now, !changes.is_empty()))
    }

    async fn read_all(&self, session: &Connection) -> Result<(Position, bool), DbError> {
        let asked = std::time::Instant::now();
        let now = answered(store::position(session)).await?;
        clock::correct(now.clock, asked);
        for (_, refresh) in &self.readers {
            refresh(session, Vec::new()).await?;
        }
        Ok((now, true))
    }

    async fn beat(
        &self,
        session: &Connection,
        seen: &Position,
        life: &ServerLife,
        beat_count: u32,
    ) -> Result<(), DbError> {
        let beating = async {
            self.instance.beat(session, &seen.snapshot, life.as_str()).await?;
            if beat_count.is_multiple_of(BEATS_A_TRIAL) {
                store::try_room(session).await?;
            }
            if beat_count.is_multiple_of(BEATS_A_PURGE) {
                instance_store::purge(session).await?;
            }
            Ok(())
        };
        match answered(beating).await {
            // Memory is fresh all the same: a server that takes no writes must not end the reading. Health tells of it.
            Err(DbError::Refused(fault)) => {
                tracing::debug!(%fault, "the heartbeat was refused");
                Ok(())
            }
            other => other,
        }
    }

    async fn apply(&self, session: &Connection, changes: &[Change]) -> Result<(), DbError> {
        for kind in ChangeKind::ALL {
            let mut entities: Vec<(WorkspaceId, Uuid)> = changes
                .iter()
                .filter(|change| change.kind == kind.name())
                .map(|change| (change.workspace, change.entity))
                .collect();
            entities.sort_unstable();
            entities.dedup();
            if entities.is_empty() {
                continue;
            }
            counter!(names::FEED_CHANGES, "kind" => kind.name()).increment(entities.len() as u64);
            for (_, refresh) in self.readers.iter().filter(|(reads, _)| *reads == kind) {
                refresh(session, entities.clone()).await?;
            }
        }
        Ok(())
    }

    async fn watch_age(&self, stop: CancellationToken) {
        let tick = Duration::from_millis(250);
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + tick, tick);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            let age = self.freshness.age();
            gauge!(names::FEED_AGE).set(age.as_secs_f64());
            if age > self.stale_after {
                let detail = "memory has not been confirmed by the database for too long";
                self.health.down(CHECK_NAME, detail);
            } else {
                self.health.up(CHECK_NAME);
            }
        }
    }
}

/// How far memory has come, and in which life of the server.
#[derive(Default)]
struct Reached {
    /// After a pause the log is read on from here; `None` asks for everything.
    position: Option<Position>,
    life: Option<ServerLife>,
}

impl Reached {
    /// A new session begins: what was reached counts only if the server is the same and has not begun anew.
    fn enter(&mut self, life: &ServerLife) {
        if self.life.as_ref() == Some(life) {
            return;
        }
        if let Some(before) = self.life.replace(life.clone()) {
            tracing::warn!(
                before = before.as_str(),
                now = life.as_str(),
                "another server answers, or it began anew: everything in memory is read again"
            );
        }
        self.position = None;
    }
}

async fn pause(length: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(length) => {}
        () = stop.cancelled() => {}
    }
}

async fn answered<T>(answer: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    within(ANSWER_TIMEOUT, answer).await
}
