//! Events accepted, delivered to one endpoint and recorded, against the raw relay.
//!
//! The clock runs from the first request until the last delivery is received and recorded, so a
//! gateway gains nothing by accepting faster than it delivers.

use super::accept::measure_sink;
use crate::payload::now_us;
use crate::receiver::Stats;
use crate::run::ledger::Ledger;
use crate::run::stage::{Aim, Stage};
use anyhow::Result;

/// What the warm-up offers, well below what any build delivers.
const WARM_UP_RATE: f64 = 1_000.0;

/// One load whose deliveries have all been received.
pub struct Received {
    pub accepted: u64,
    pub accept_rate: f64,
    pub started_at_us: u64,
    pub load_ended_at_us: u64,
    pub stats: Stats,
}

/// One load whose deliveries have all been recorded.
pub struct Delivered {
    pub received: Received,
    pub ended_at_us: u64,
    /// False where the metric is missing, and receipt had to do.
    pub is_recorded: bool,
    pub gateway_cpu_us: f64,
    pub postgres_cpu_us: f64,
}

impl Delivered {
    /// Events a second.
    pub fn rate(&self) -> f64 {
        let elapsed_us = self.ended_at_us.saturating_sub(self.received.started_at_us);
        self.received.accepted as f64 * 1_000_000.0 / elapsed_us as f64
    }
}

pub async fn measure(stage: &Stage, ledger: &mut Ledger) -> Result<()> {
    let sink = measure_sink(stage, ledger).await?;
    let relay = stage.relay().await?;
    let raw = 1.0 / (1.0 / sink + 1.0 / relay.rps);
    ledger.note("relay.rate", relay.rps);
    ledger.note("raw.rate", raw);

    let url = stage.endpoint_url("/deliver");
    let webhook = stage.gateway.create_webhook("bench", &url).await?;
    warm_up(stage, ledger, 1).await?;
    stage.settle().await?;
    stage.gateway.forget_memory_peak()?;
    let connections_before = stage.received().await?.connections;
    let delivered = deliver(stage, ledger).await?;
    let memory = stage.gateway.usage()?;
    let drained = drain(stage, ledger, &webhook).await?;
    stage.gateway.delete_webhook(&webhook).await?;

    let received = &delivered.received;
    let drain_us = delivered.ended_at_us.saturating_sub(received.load_ended_at_us);
    let connections = received.stats.connections - connections_before;
    ledger.note("deliver.rate", delivered.rate());
    ledger.note("deliver.ratio", delivered.rate() / raw);
    ledger.note("deliver.accept_rate", received.accept_rate);
    ledger.note("deliver.unrecorded", f64::from(u8::from(!delivered.is_recorded)));
    ledger.note("deliver.drain_ms", drain_us as f64 / 1_000.0);
    ledger.note("deliver.duplicates", received.stats.duplicates as f64);
    ledger.note("deliver.connections", connections as f64);
    ledger.note("deliver.gateway_cpu_us", delivered.gateway_cpu_us);
    ledger.note("deliver.postgres_cpu_us", delivered.postgres_cpu_us);
    ledger.note("deliver.rss_peak_mb", memory.rss_peak_mb);
    ledger.note("drain.rate", drained);
    ledger.note("drain.ratio", drained / delivered.rate());
    Ok(())
}

/// Has the deliveries of an endpoint with a low rate limit pile up, lifts the limit, and gives the rate at which they are
/// delivered and recorded.
async fn drain(stage: &Stage, ledger: &mut Ledger, webhook: &str) -> Result<f64> {
    stage.gateway.limit_webhook(webhook, Some(1)).await?;
    stage.reset_receiver().await?;
    let recorded_before = stage.gateway.recorded().await?;
    let parked = stage
        .load(&stage.gateway_aim("POST", "/v1/events"), ledger)
        .await?;
    stage.settle().await?;
    let started_at_us = now_us();
    stage.gateway.limit_webhook(webhook, None).await?;
    let stats = stage.wait_for_receipt(parked.accepted).await?;
    stage.wait_for_record(recorded_before, parked.accepted).await?;
    ledger.note("deliver.duplicates", stats.duplicates as f64);
    Ok(parked.accepted as f64 * 1_000_000.0 / now_us().saturating_sub(started_at_us) as f64)
}

/// One closed loop to one endpoint, from the first request until the last delivery is recorded.
pub async fn deliver(stage: &Stage, ledger: &mut Ledger) -> Result<Delivered> {
    let recorded_before = stage.gateway.recorded().await?;
    let before = stage.cpu_seconds()?;
    let received = accept_and_receive(stage, ledger, 1).await?;
    let is_recorded = stage.wait_for_record(recorded_before, received.accepted).await?;
    let ended_at_us = if is_recorded {
        now_us()
    } else {
        eprintln!("  no sample of --recorded-metric: deliveries count when they are received");
        received.stats.last_at_us
    };
    let after = stage.cpu_seconds()?;
    let micros_an_event = |cpu_seconds: f64| cpu_seconds * 1_000_000.0 / received.accepted as f64;
    Ok(Delivered {
        gateway_cpu_us: micros_an_event(after.gateway - before.gateway),
        postgres_cpu_us: micros_an_event(after.postgres - before.postgres),
        received,
        ended_at_us,
        is_recorded,
    })
}

/// A short and light load, so that connections, plans and buffers exist before the clock runs.
pub async fn warm_up(stage: &Stage, ledger: &mut Ledger, endpoints: u64) -> Result<()> {
    let aim = Aim {
        seconds: stage.shape.warmup,
        rate: Some(WARM_UP_RATE / endpoints as f64),
        ..stage.gateway_aim("POST", "/v1/events")
    };
    stage.reset_receiver().await?;
    let warmed = stage.load(&aim, ledger).await?;
    stage.wait_for_receipt(warmed.accepted * endpoints).await?;
    Ok(())
}

/// A closed loop for the stage's window, then the wait for every delivery that it owes.
pub async fn accept_and_receive(stage: &Stage, ledger: &mut Ledger, endpoints: u64) -> Result<Received> {
    stage.reset_receiver().await?;
    let aim = stage.gateway_aim("POST", "/v1/events");
    let report = stage.load(&aim, ledger).await?;
    let stats = stage.wait_for_receipt(report.accepted * endpoints).await?;
    Ok(Received {
        accepted: report.accepted,
        accept_rate: report.rps,
        started_at_us: report.started_at_us,
        load_ended_at_us: report.started_at_us + (report.seconds * 1_000_000.0) as u64,
        stats,
    })
}
