//! All lanes of this instance, and the workers in them.

use std::hash::BuildHasherDefault;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use metrics::{counter, gauge};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::attempt_metrics::AttemptMetrics;
use super::breaker::{HealthState, Thresholds};
use super::job::{Hold, Job};
use super::lane::{Caps, Lane, Offered, Refusal};
use super::outcome::{Judgement, MAX_STEP, NewDelivery, Outcome, Verdict, verdict};
use crate::base::backoff::Backoff;
use crate::base::digest_hasher::DigestHasher;
use crate::base::fail_point::{self, Point};
use crate::base::id::DestinationId;
use crate::bus::Bus;
use crate::db::Db;
use crate::delivery::budget::Budget;
use crate::delivery::destination::{Destination, Destinations};
use crate::delivery::schedule::store as schedule_store;
use crate::outbound::client::Client;
use crate::telemetry::names;

/// How much longer than its attempt a lease lasts.
pub const LEASE_MARGIN: Duration = Duration::from_secs(15);
const SWEEP: Duration = Duration::from_millis(250);

/// The same for all lanes.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub caps: Caps,
    /// Bytes that all lanes together may hold.
    pub max_bytes: usize,
    /// Attempts of all lanes that may be under way at once.
    pub max_attempts: usize,
    /// Connections of all lanes that may be open and idle.
    pub max_idle_connections: usize,
    pub thresholds: Thresholds,
    /// The first step of the backoff.
    pub retry_base: Duration,
}

/// The lanes, and what workers need.
pub struct Lanes {
    lanes: papaya::HashMap<Uuid, Arc<Lane>, BuildHasherDefault<DigestHasher>>,
    destinations: Arc<dyn Destinations>,
    pub(super) client: Client,
    recorder: mpsc::Sender<Outcome>,
    db: Db,
    bus: Arc<dyn Bus>,
    metrics: AttemptMetrics,
    backoff: Backoff,
    caps: Caps,
    budget: Arc<Budget>,
    max_idle_connections: usize,
    thresholds: Thresholds,
    workers: TaskTracker,
    /// Rings when a lane that the schedule fills has room again.
    has_room: Arc<Notify>,
    is_draining: AtomicBool,
}

impl Lanes {
    /// No lanes yet; each comes with its first job.
    pub fn new(
        destinations: Arc<dyn Destinations>,
        client: Client,
        recorder: mpsc::Sender<Outcome>,
        db: Db,
        bus: Arc<dyn Bus>,
        settings: Settings,
    ) -> Self {
        Self {
            lanes: papaya::HashMap::default(),
            destinations,
            client,
            recorder,
            db,
            bus,
            metrics: AttemptMetrics::new(),
            backoff: Backoff::new(settings.retry_base, MAX_STEP),
            caps: settings.caps,
            budget: Arc::new(Budget::new(settings.max_bytes, settings.max_attempts)),
            max_idle_connections: settings.max_idle_connections,
            thresholds: settings.thresholds,
            workers: TaskTracker::new(),
            has_room: Arc::default(),
            is_draining: AtomicBool::new(false),
        }
    }

    /// The lane of a destination.
    pub fn lane(&self, destination: DestinationId, health: HealthState) -> Arc<Lane> {
        let lanes = self.lanes.pin();
        let make = || {
            let budget = self.budget.clone();
            Arc::new(Lane::new(
                self.caps,
                self.thresholds,
                health,
                budget,
                self.has_room.clone(),
            ))
        };
        lanes.get_or_insert_with(destination.uuid(), make).clone()
    }

    /// What all lanes share.
    pub const fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Waits until a lane that the schedule fills has room again.
    pub async fn has_room(&self) {
        self.has_room.notified().await;
    }

    /// Hands a job to its destination's lane, or has it parked.
    pub async fn submit(self: &Arc<Self>, job: Job) {
        let Some(destination) = self.destinations.find(job.destination) else {
            return self.drop_job(&job).await;
        };
        if job.is_ordered && matches!(job.hold, Hold::Fresh(_)) {
            // Whether it is the first of its key, only the database can tell: see `turns`.
            return self.park(&job, "in_line").await;
        }
        if self.is_draining.load(Ordering::Acquire) {
            return self.park(&job, Refusal::Draining.name()).await;
        }
        if !destination.terms().is_enabled {
            return self.park(&job, "disabled").await;
        }
        if let Some(error) = destination.hold() {
            return self.hold(&job, job.hold, error).await;
        }
        let lane = self.lane(job.destination, destination.terms().health);
        match lane.offer(job) {
            Offered::Taken => {}
            Offered::NeedsWorker => self.start_worker(lane),
            Offered::Refused(job, refusal) => self.park(&job, refusal.name()).await,
        }
    }

    fn start_worker(self: &Arc<Self>, lane: Arc<Lane>) {
        let lanes = self.clone();
        self.workers.spawn(async move { lanes.work(&lane).await });
    }

    async fn work(self: &Arc<Self>, lane: &Arc<Lane>) {
        let mut done_bytes = 0;
        while let Some(job) = lane.next(done_bytes).await {
            done_bytes = job.weight();
            // By what the delivery is held: a slow attempt is recorded while it is under way.
            let mut hold = job.hold;
            // A panic must cost neither the lane a worker nor the job its delivery.
            let attempting = AssertUnwindSafe(self.attempt_job(lane, &job, &mut hold));
            if attempting.catch_unwind().await.is_err() {
                tracing::error!(delivery = %job.delivery, "an attempt panicked; its delivery is parked");
                self.park_from(&job, hold, "panic").await;
            }
        }
    }

    async fn attempt_job(&self, lane: &Lane, job: &Job, hold: &mut Hold) {
        // The destination's present URL, secrets and state count, not those of when the job was made.
        let Some(destination) = self.destinations.find(job.destination) else {
            return self.drop_job(job).await;
        };
        if !destination.terms().is_enabled {
            return self.park(job, "disabled").await;
        }
        if let Hold::Fresh(batch) = job.hold
            && self.bus.ledger().is_abandoned(batch)
        {
            // Another instance has its event now.
            return;
        }
        if let Hold::Leased { until, .. } = job.hold
            && until < Instant::now() + destination.terms().timeout
        {
            // The lease would run out under way; it is due again by itself.
            return;
        }
        if let Some(per_second) = destination.terms().rate_limit_per_second {
            match lane.reserve(per_second) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return self.park(job, "rate_limit").await,
            }
        }
        let is_probe = lane.is_paused() && !job.is_test;
        let mut tried = match self.run_errand(&*destination, job, hold).await {
            Ok(tried) => tried,
            Err(error) => return self.hold(job, *hold, error).await,
        };
        fail_point::reach(Point::Attempt);
        self.metrics.note(&tried);
        let took = Duration::from_secs_f64(tried.attempt.total_ms / 1000.0);
        let judgement = destination.judge(job, &mut tried);
        if judgement != Judgement::Refused || tried.attempt.status_code.is_some() {
            lane.note(judgement.is_well(), took);
        }
        if judgement == Judgement::Gone {
            self.disable(job.destination);
        }
        if is_probe && judgement == Judgement::Failure {
            // It was sent to see how the destination is, and not because it was its turn: it goes on waiting.
            return self.park_from(job, *hold, Refusal::Paused.name()).await;
        }
        if let Judgement::Held(error) = judgement {
            return self.hold(job, *hold, error).await;
        }
        let verdict = verdict(&tried, judgement, destination.terms().max_attempts, &self.backoff);
        if let (Judgement::Later(_), Verdict::Retry(until)) = (judgement, verdict) {
            return self.postpone(job, *hold, until, tried.attempt.status_code).await;
        }
        let attempt = tried.attempt;
        self.record(match *hold {
            Hold::Fresh(batch) => Outcome::First {
                new: NewDelivery::of(job, batch),
                attempt,
                verdict,
            },
            Hold::Leased { fence, .. } => Outcome::Again {
                delivery: job.delivery,
                destination: job.destination,
                payload: job.payload.clone(),
                fence,
                attempt,
                verdict,
            },
        })
        .await;
    }

    async fn drop_job(&self, job: &Job) {
        if let Hold::Fresh(batch) = job.hold {
            return self.record(Outcome::Drop { batch }).await;
        }
        if let Err(fault) = schedule_store::give_up_deleted(&self.db, job.destination).await {
            tracing::warn!(%fault, delivery = %job.delivery, "could not be given up; it is due again");
        }
    }

    pub(super) async fn record(&self, outcome: Outcome) {
        if self.recorder.send(outcome).await.is_err() {
            tracing::error!("the recorder is gone; an outcome is left to the successor");
        }
    }

    fn disable(&self, destination: DestinationId) {
        tracing::info!(%destination, "destination answered that it is gone and is disabled");
        let disabling = self.destinations.disable_gone(destination);
        self.workers.spawn(async move {
            if let Err(fault) = disabling.await {
                tracing::warn!(%destination, %fault, "destination could not be disabled");
            }
        });
    }

    /// Parks what should not wait in memory, closes idle connections, and measures, until `stop`.
    pub async fn run_sweeper(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(SWEEP) => {}
                () = stop.cancelled() => return,
            }
            self.sweep().await;
        }
    }

    /// All lanes that there are now.
    pub(super) fn all(&self) -> Vec<(DestinationId, Arc<Lane>)> {
        let lanes = self.lanes.pin();
        let all = lanes
            .iter()
            .map(|(id, lane)| (DestinationId::from_uuid(*id), lane.clone()));
        all.collect()
    }

    async fn sweep(self: &Arc<Self>) {
        let mut idle = Vec::new();
        let (mut busy_count, mut waiting_count) = (0, 0);
        for (id, lane) in self.all() {
            for job in lane.take_stale() {
                self.park(&job, "lane_slow").await;
            }
            lane.dismiss_resting();
            lane.shrink();
            while lane.wants_worker() {
                self.start_worker(lane.clone());
            }
            let (waiting, is_busy) = lane.load();
            busy_count += usize::from(is_busy);
            waiting_count += waiting;
            match self.destinations.find(id) {
                Some(destination) => {
                    destination.connections().close_idle();
                    idle.push(destination);
                }
                None if !is_busy && waiting == 0 => {
                    // Once it is out of the map, nothing else ends its resting workers.
                    lane.drain();
                    self.lanes.pin().remove(&id.uuid());
                    tracing::debug!(destination = %id, "the lane of a deleted destination was removed");
                }
                None => {}
            }
        }
        let idle_count = close_oldest(idle, self.max_idle_connections);
        gauge!(names::IDLE_CONNECTIONS).set(idle_count as f64);
        self.budget.observe();
        gauge!(names::LANES).set(busy_count as f64);
        gauge!(names::LANE_WAITING).set(waiting_count as f64);
    }

    /// Takes no more jobs, parks what waits, and gives attempts under way `limit` to end.
    pub async fn drain(self: &Arc<Self>, limit: Duration) {
        self.is_draining.store(true, Ordering::Release);
        for (_, lane) in self.all() {
            lane.drain();
        }
        self.sweep().await;
        self.workers.close();
        if tokio::time::timeout(limit, self.workers.wait()).await.is_err() {
            tracing::warn!(
                attempts = self.workers.len(),
                "attempts cut at the end of the drain time"
            );
        }
    }
}

/// Closes idle connections beyond `most`, those that have been idle for longest first; how many are left.
fn close_oldest(destinations: Vec<Arc<dyn Destination>>, most: usize) -> usize {
    let mut ages: Vec<_> = destinations
        .iter()
        .flat_map(|destination| destination.connections().idle_since())
        .collect();
    let Some(excess) = ages.len().checked_sub(most).filter(|excess| *excess > 0) else {
        return ages.len();
    };
    ages.sort_unstable();
    let oldest_kept = ages.get(excess).copied();
    for destination in destinations {
        destination.connections().close_idle_before(oldest_kept);
    }
    counter!(names::IDLE_CONNECTIONS_CLOSED).increment(excess as u64);
    most
}
