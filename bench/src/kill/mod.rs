//! Kill runs: numbered events are posted without a pause while gateways, PostgreSQL and the broker are killed in turn.
//!
//! In the end every number that was acknowledged must have been received, and a successful attempt be recorded for each
//! event that was; what was received twice must have been under way at a kill. Senders of even numbers behave as a careful client does: with an `id`, and again until they hear a 2xx.
//! Such an event must have come out as one.

mod receipts;
mod senders;
mod site;
mod trouble;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use receipts::Receipts;
use senders::Senders;
use site::{Site, Victim};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use trouble::Trouble;

use crate::payload::now_us;

/// Load between two kills: at least this, and at most twice as much.
const BETWEEN: Duration = Duration::from_millis(800);
const POLL: Duration = Duration::from_millis(500);

#[derive(Args, Clone)]
pub struct Options {
    /// The gateway's binary.
    #[arg(long)]
    gateway: PathBuf,
    /// Kills altogether; the victims take turns.
    #[arg(long, default_value_t = 100)]
    kills: u32,
    #[arg(long, value_enum, default_value = "postgres")]
    bus: Bus,
    /// Gateways at work; one of them is killed at a time.
    #[arg(long, default_value_t = 2)]
    instances: usize,
    /// What goes wrong beside the kills.
    #[arg(long, value_enum, value_delimiter = ',')]
    trouble: Vec<Trouble>,
    /// Ends nothing but gateways, and those by SIGTERM: a rolling restart.
    #[arg(long)]
    gentle: bool,
    /// Another version's binary. Each gateway that ends is started as what the one before it was, this at first: with two
    /// instances the versions work side by side, and are upgraded and downgraded in turn.
    #[arg(long)]
    beside: Option<PathBuf>,
    /// Clients, each of which posts one event after another.
    #[arg(long, default_value_t = 32)]
    senders: u64,
    /// Milliseconds that each rests between two posts.
    #[arg(long, default_value_t = 5)]
    pause_ms: u64,
    /// How long what was acknowledged may take to arrive after the last kill. A lease lasts 150 s.
    #[arg(long, default_value_t = 240)]
    patience_seconds: u64,
    /// Keeps what the gateways said and what the receiver got in this folder.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Runs `BROKER FOLDER PORT`: one broker of Apache Kafka, in the foreground.
    #[arg(long, default_value = "scripts/broker")]
    broker: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bus {
    Postgres,
    Kafka,
}

impl Options {
    fn victims(&self) -> Vec<Victim> {
        let mut victims = vec![Victim::Gateway];
        if !self.gentle {
            victims.push(Victim::Postgres);
            victims.extend((self.bus == Bus::Kafka).then_some(Victim::Broker));
        }
        victims.extend(self.trouble.contains(&Trouble::FullDisk).then_some(Victim::Disk));
        victims
    }
}

/// The children are started by this thread, to which their death signal is bound; the senders run on others.
pub fn run(options: Options) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(async {
            tokio::select! {
                outcome = Box::pin(kill(&options)) => outcome,
                interrupted = tokio::signal::ctrl_c() => {
                    interrupted?;
                    bail!("interrupted")
                }
            }
        })
}

async fn kill(options: &Options) -> Result<()> {
    let mut site = Site::set(options).await?;
    let mut receipts = Receipts::open(&site.record)?;
    let senders = Senders::start(
        options.senders,
        Duration::from_millis(options.pause_ms),
        site.doors(),
    );
    let mut kills = Vec::new();
    let victims = options.victims();
    for number in 0.. {
        if number >= options.kills && !site.has_more_to_come().await? {
            break;
        }
        // Spread over the phases of whatever repeats in there.
        let jitter = BETWEEN.mul_f64(f64::from(number * 37 % 100) / 100.0);
        tokio::time::sleep(BETWEEN + jitter).await;
        let victim = victims[number as usize % victims.len()];
        kills.push((victim, now_us()));
        let started = Instant::now();
        site.kill_and_revive(victim).await?;
        receipts.read()?;
        eprintln!(
            "kill {} of {}: {} back after {:.1} s; {} acknowledged, {} received",
            number + 1,
            options.kills,
            victim.name(),
            started.elapsed().as_secs_f64(),
            senders.acknowledged_count(),
            receipts.distinct_count(),
        );
    }
    tokio::time::sleep(BETWEEN).await;
    let sent = senders.stop().await;
    let waited = Instant::now();
    let deadline = waited + Duration::from_secs(options.patience_seconds);
    let (missing, recorded_count) = loop {
        receipts.read()?;
        let missing = receipts.missing(&sent.acknowledged);
        let recorded_count = site.recorded_count().await?;
        let is_done = missing.is_empty() && recorded_count == receipts.event_count();
        if is_done || Instant::now() > deadline {
            break (missing, recorded_count);
        }
        tokio::time::sleep(POLL).await;
    };
    let unrecorded_count = receipts.event_count().abs_diff(recorded_count);
    let report = Report {
        sent: &sent,
        receipts: &receipts,
        kills: &kills,
        missing: &missing,
        unrecorded_count,
        waited: waited.elapsed(),
    };
    report.print()?;
    site.end_troubles().await?;
    if !missing.is_empty() || unrecorded_count > 0 || receipts.split_count() > 0 {
        site.show_log_tails();
        bail!(
            "a promise was broken: first missing numbers {:?}",
            &missing[..missing.len().min(10)]
        );
    }
    Ok(())
}

struct Report<'a> {
    sent: &'a senders::Sent,
    receipts: &'a Receipts,
    kills: &'a [(Victim, u64)],
    missing: &'a [u64],
    unrecorded_count: usize,
    waited: Duration,
}

impl Report<'_> {
    fn print(&self) -> Result<()> {
        let mut out = std::io::stdout();
        writeln!(out, "acknowledged          {:>8}", self.sent.acknowledged.len())?;
        writeln!(out, "posts without a 2xx   {:>8}", self.sent.refused_count)?;
        writeln!(out, "received, distinct    {:>8}", self.receipts.distinct_count())?;
        writeln!(out, "lost                  {:>8}", self.missing.len())?;
        writeln!(out, "received, no record   {:>8}", self.unrecorded_count)?;
        writeln!(out, "one id, many events   {:>8}", self.receipts.split_count())?;
        writeln!(
            out,
            "longest from a post to its receipt {:.2} s",
            self.receipts.latest_us() as f64 / 1_000_000.0
        )?;
        writeln!(
            out,
            "last arrival          {:>8.1} s after the last post",
            self.waited.as_secs_f64()
        )?;
        for victim in [Victim::Gateway, Victim::Postgres, Victim::Broker, Victim::Disk] {
            let times: Vec<u64> = self
                .kills
                .iter()
                .filter(|kill| kill.0 == victim)
                .map(|kill| kill.1)
                .collect();
            if times.is_empty() {
                continue;
            }
            let repeats = self.receipts.repeats(self.kills, victim);
            writeln!(
                out,
                "{} killed {} times: {} repeats, at most {} a kill; first received at most {:.0} ms before the kill, again at most {:.1} s after it",
                victim.name(),
                times.len(),
                repeats.count,
                repeats.most,
                repeats.earliest_us as f64 / 1_000.0,
                repeats.latest_us as f64 / 1_000_000.0,
            )?;
        }
        Ok(())
    }
}
