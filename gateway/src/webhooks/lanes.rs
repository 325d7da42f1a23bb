//! All lanes of this instance, and the workers in them.

use std::hash::BuildHasherDefault;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use metrics::{counter, gauge};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::attempt::{Tried, attempt};
use super::attempt_metrics::AttemptMetrics;
use super::breaker::{HealthState, Thresholds};
use super::endpoint::Endpoint;
use super::job::{Hold, Job};
use super::lane::{Caps, Lane, Offered, Refusal};
use super::notices::Notices;
use super::outcome::{MAX_STEP, NewDelivery, Outcome, Parking, verdict};
use super::registry::Registry;
use super::{schedule_store, store};
use crate::base::backoff::Backoff;
use crate::base::clock::Millis;
use crate::base::digest_hasher::DigestHasher;
use crate::base::id::WebhookId;
use crate::bus::{BatchId, Bus};
use crate::config;
use crate::db::Db;
use crate::outbound::client::Client;
use crate::telemetry::names;

/// What a lease lasts beyond the attempt that it is for.
pub const LEASE_MARGIN: Duration = Duration::from_secs(15);
const SWEEP: Duration = Duration::from_millis(250);

/// The lanes, and what workers need.
pub struct Lanes {
    lanes: papaya::HashMap<Uuid, Arc<Lane>, BuildHasherDefault<DigestHasher>>,
    registry: Arc<Registry>,
    client: Client,
    recorder: mpsc::Sender<Outcome>,
    db: Db,
    bus: Arc<dyn Bus>,
    notices: Notices,
    metrics: AttemptMetrics,
    backoff: Backoff,
    caps: Caps,
    thresholds: Thresholds,
    workers: TaskTracker,
    is_draining: AtomicBool,
}

impl Lanes {
    /// No lanes yet; each comes with its first job.
    pub fn new(
        registry: Arc<Registry>,
        client: Client,
        recorder: mpsc::Sender<Outcome>,
        db: Db,
        bus: Arc<dyn Bus>,
        settings: &config::Webhooks,
    ) -> Self {
        Self {
            lanes: papaya::HashMap::default(),
            notices: Notices::new(registry.clone()),
            registry,
            client,
            recorder,
            db,
            bus,
            metrics: AttemptMetrics::new(),
            backoff: Backoff::new(settings.retry_base, MAX_STEP),
            caps: Caps {
                concurrency: settings.lane_concurrency,
                queue: settings.lane_queue,
            },
            thresholds: Thresholds {
                after: settings.breaker_after,
                failures: settings.breaker_failures,
                probe: settings.breaker_probe,
            },
            workers: TaskTracker::new(),
            is_draining: AtomicBool::new(false),
        }
    }

    /// The lane of an endpoint.
    pub fn lane(&self, webhook: WebhookId, health: HealthState) -> Arc<Lane> {
        let lanes = self.lanes.pin();
        let make = || Arc::new(Lane::new(self.caps, self.thresholds, health));
        lanes.get_or_insert_with(webhook.uuid(), make).clone()
    }

    /// Hands a job to its endpoint's lane, or has it parked.
    pub async fn submit(self: &Arc<Self>, job: Job) {
        let Some(endpoint) = self.registry.find(job.webhook) else {
            return self.drop_job(&job).await;
        };
        if job.is_ordered && matches!(job.hold, Hold::Fresh(_)) {
            // Whether it is the first of its key, only the database can tell: see `turns`.
            return self.park(&job, "in_line").await;
        }
        if self.is_draining.load(Ordering::Acquire) {
            return self.park(&job, Refusal::Draining.name()).await;
        }
        if !endpoint.is_enabled {
            return self.park(&job, "disabled").await;
        }
        let lane = self.lane(job.webhook, endpoint.health);
        match lane.offer(job) {
            Offered::Taken => {}
            Offered::NeedsWorker => {
                let lanes = self.clone();
                self.workers.spawn(async move { lanes.work(&lane).await });
            }
            Offered::Refused(job, refusal) => self.park(&job, refusal.name()).await,
        }
    }

    async fn work(self: &Arc<Self>, lane: &Arc<Lane>) {
        while let Some(job) = lane.next().await {
            // A panic must cost neither the lane a worker nor the job its delivery.
            let attempting = pin!(AssertUnwindSafe(self.attempt_job(lane, &job)).catch_unwind());
            if attempting.await.is_err() {
                tracing::error!(delivery = %job.delivery, "an attempt panicked; its delivery is parked");
                self.park(&job, "panic").await;
            }
        }
    }

    async fn attempt_job(&self, lane: &Lane, job: &Job) {
        // The endpoint's present URL, secrets and state count, not those of when the job was made.
        let Some(endpoint) = self.registry.find(job.webhook) else {
            return self.drop_job(job).await;
        };
        if !endpoint.is_enabled {
            return self.park(job, "disabled").await;
        }
        if let Hold::Fresh(batch) = job.hold
            && self.bus.ledger().is_abandoned(batch)
        {
            // Another instance has its event now.
            return;
        }
        if let Hold::Leased { until, .. } = job.hold
            && until < Instant::now() + endpoint.timeout
        {
            // The lease would run out under way; it is due again by itself.
            return;
        }
        if let Some(per_second) = endpoint.rate_limit_per_second {
            match lane.reserve(per_second) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return self.park(job, "rate_limit").await,
            }
        }
        let (tried, hold) = self.attempt_visibly(&endpoint, job).await;
        self.metrics.note(&tried);
        let took = Duration::from_secs_f64(tried.attempt.total_ms / 1000.0);
        if let Some(health) = lane.note(tried.is_success(), took) {
            self.persist_health(&endpoint, health);
        }
        if tried.is_gone() {
            self.disable(&endpoint);
        }
        let verdict = verdict(&tried, &endpoint, &self.backoff);
        let attempt = tried.attempt;
        self.record(match hold {
            Hold::Fresh(batch) => Outcome::First {
                new: NewDelivery::of(job, batch),
                attempt,
                verdict,
            },
            Hold::Leased { fence, .. } => Outcome::Again {
                delivery: job.delivery,
                webhook: job.webhook,
                payload: job.payload.clone(),
                fence,
                attempt,
                verdict,
            },
        })
        .await;
    }

    /// Makes the attempt, and tells where the delivery stands after it: a new one whose attempt is slow goes into the
    /// schedule under a lease meanwhile. So it can be seen as pending, and no longer holds its batch back.
    async fn attempt_visibly(&self, endpoint: &Endpoint, job: &Job) -> (Tried, Hold) {
        let mut hold = job.hold;
        let on_slow = async || {
            if let Hold::Fresh(batch) = job.hold {
                hold = Box::pin(self.lease_meanwhile(endpoint, job, batch)).await;
            }
        };
        let tried = attempt(&self.client, endpoint, job, on_slow).await;
        (tried, hold)
    }

    async fn lease_meanwhile(&self, endpoint: &Endpoint, job: &Job, batch: BatchId) -> Hold {
        let lease = endpoint.timeout + LEASE_MARGIN;
        let until = Millis(Millis::now().0 + i64::try_from(lease.as_millis()).unwrap_or(0));
        self.record(Outcome::Park {
            new: NewDelivery::of(job, batch),
            parking: Parking::Leased(until),
        })
        .await;
        Hold::Leased {
            fence: 1,
            until: Instant::now() + lease,
        }
    }

    async fn park(&self, job: &Job, reason: &'static str) {
        counter!(names::DELIVERIES_PARKED, "reason" => reason).increment(1);
        self.record(match job.hold {
            Hold::Fresh(batch) => Outcome::Park {
                new: NewDelivery::of(job, batch),
                parking: Parking::Waiting,
            },
            Hold::Leased { fence, .. } => Outcome::Release {
                delivery: job.delivery,
                fence,
            },
        })
        .await;
    }

    async fn drop_job(&self, job: &Job) {
        if let Hold::Fresh(batch) = job.hold {
            return self.record(Outcome::Drop { batch }).await;
        }
        if let Err(fault) = schedule_store::give_up_deleted(&self.db, job.webhook).await {
            tracing::warn!(%fault, delivery = %job.delivery, "could not be given up; it is due again");
        }
    }

    async fn record(&self, outcome: Outcome) {
        if self.recorder.send(outcome).await.is_err() {
            tracing::error!("the recorder is gone; an outcome is left to the successor");
        }
    }

    fn persist_health(&self, endpoint: &Arc<Endpoint>, health: HealthState) {
        let webhook = endpoint.id;
        tracing::info!(%webhook, health = health.name(), "endpoint health changed");
        let (db, bus, endpoint) = (self.db.clone(), self.bus.clone(), endpoint.clone());
        let notice = match health {
            HealthState::Paused => self.notices.paused(&endpoint),
            HealthState::Healthy | HealthState::Failing => None,
        };
        self.workers.spawn(async move {
            if let Err(fault) = store::set_health(&db, &*bus, &endpoint, health, notice).await {
                tracing::warn!(%webhook, %fault, "endpoint health could not be written");
            }
        });
    }

    fn disable(&self, endpoint: &Arc<Endpoint>) {
        tracing::info!(webhook = %endpoint.id, "endpoint answered 410 Gone and is disabled");
        let (db, bus, registry) = (self.db.clone(), self.bus.clone(), self.registry.clone());
        let (endpoint, notice) = (endpoint.clone(), self.notices.disabled(endpoint));
        self.workers.spawn(async move {
            let disabling = async {
                let mut client = db.client().await?;
                store::disable_gone(&mut client, &*bus, &endpoint, notice).await?;
                let changed = [(endpoint.workspace, endpoint.id.uuid())];
                registry.refresh(&client, &changed).await
            };
            if let Err(fault) = disabling.await {
                tracing::warn!(webhook = %endpoint.id, %fault, "endpoint could not be disabled");
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

    async fn sweep(&self) {
        let lanes: Vec<(Uuid, Arc<Lane>)> = self
            .lanes
            .pin()
            .iter()
            .map(|(id, lane)| (*id, lane.clone()))
            .collect();
        let (mut busy_count, mut waiting_count) = (0, 0);
        for (id, lane) in lanes {
            for job in lane.take_stale() {
                self.park(&job, "lane_slow").await;
            }
            lane.dismiss_resting();
            let (waiting, is_busy) = lane.load();
            busy_count += usize::from(is_busy);
            waiting_count += waiting;
            match self.registry.find(WebhookId::from_uuid(id)) {
                Some(endpoint) => endpoint.connections.close_idle(),
                None if !is_busy && waiting == 0 => {
                    self.lanes.pin().remove(&id);
                }
                None => {}
            }
        }
        gauge!(names::LANES).set(busy_count as f64);
        gauge!(names::LANE_WAITING).set(waiting_count as f64);
    }

    /// Takes no more jobs, parks what waits, and gives attempts under way `limit` to end.
    pub async fn drain(&self, limit: Duration) {
        self.is_draining.store(true, Ordering::Release);
        let lanes: Vec<Arc<Lane>> = self.lanes.pin().values().cloned().collect();
        for lane in &lanes {
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
