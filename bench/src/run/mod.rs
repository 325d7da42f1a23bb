//! The whole comparison: starts everything, interleaves the rounds, prints medians and ratios.
//!
//! A shared machine is never twice equally fast, so a calibrator is measured right before what
//! it calibrates, each round gives one ratio, and the table shows the median of the ratios with
//! their spread, not the ratio of two medians.

mod goals;
mod ledger;
mod scenarios;
mod spread;
mod stage;
mod table;

use self::stage::Stage;
use crate::gateway::{self, Kafka, Setup};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use ledger::Ledger;
use scenarios::sentries::{badge, report};
use scenarios::{
    accept, deliver, endpoints, import, instances, keys, late, latency, neighbour, stored, whoami,
};
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Args, Clone)]
pub struct Options {
    /// The gateway's binary.
    #[arg(long)]
    gateway: PathBuf,
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Length of every measured window.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Seconds of load before a rate is measured.
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,
    /// Scenarios to run; `latency` brings `deliver` along, whose rate it needs.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    #[arg(long, default_value_t = 400)]
    payload_bytes: usize,
    /// API keys that the gateway holds; made over its API before the first round.
    #[arg(long, default_value_t = 10_000)]
    keys: u64,
    /// How long a queue may take to drain before the run fails.
    #[arg(long, default_value_t = 120)]
    drain_seconds: u64,
    /// Start of the `/metrics` samples that count recorded deliveries (name, and labels if it
    /// takes them). Without such a sample a delivery counts once it was received.
    #[arg(long, default_value = gateway::RECORDED_METRIC)]
    recorded_metric: String,
    /// Rows of the file that `import` imports.
    #[arg(long, default_value_t = 1_000_000)]
    import_rows: u32,
    /// Deliveries that `late` parks beside those that become due.
    #[arg(long, default_value_t = 100_000)]
    parked: u64,
    /// Events, each with a delivery, that `stored` puts into the larger database; ten million take about 12 GB.
    #[arg(long, default_value_t = 10_000_000)]
    stored_rows: u64,
    /// Endpoints of the larger workspace of `endpoints`.
    #[arg(long, default_value_t = 10_000)]
    endpoints: u64,
    /// Brokers of Apache Kafka (host:port) that carry the events, such as one that scripts/broker runs; the bus on
    /// PostgreSQL without it.
    #[arg(long)]
    brokers: Option<String>,
    /// Also writes every sample of every row to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Keeps the gateway's output in this file instead of removing it with the rest.
    #[arg(long)]
    gateway_log: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    Whoami,
    Accept,
    Deliver,
    Latency,
    Neighbour,
    /// A badge without a key; runs only when it is named.
    Badge,
    /// Reports to sentries; runs only when it is named.
    Report,
    /// A million keys and a flood of wrong ones; runs only when it is named.
    Keys,
    /// A million contacts by default; not part of the whole unless asked for.
    Import,
    /// How late retries are with 100,000 parked; runs only when it is named.
    Late,
    /// One more event with ten million stored; runs only when it is named.
    Stored,
    /// One more event with ten thousand endpoints; runs only when it is named.
    Endpoints,
    /// What a second and a third instance add, each held to a fifth of a core; runs only when it is named, as root.
    Instances,
}

impl Scenario {
    /// Whether it brings its own rounds, with databases and gateways of its own, and so stands outside the others'.
    const fn has_own_rounds(self) -> bool {
        matches!(
            self,
            Self::Keys | Self::Late | Self::Stored | Self::Endpoints | Self::Instances
        )
    }
}

impl Options {
    fn wants(&self, scenario: Scenario) -> bool {
        self.only.is_empty() || self.only.contains(&scenario)
    }

    /// How a gateway is started beside the database on this port.
    fn setup(&self, database_port: u16) -> Setup {
        Setup {
            binary: self.gateway.clone(),
            log: self.gateway_log.clone(),
            recorded_metric: self.recorded_metric.clone(),
            // The database is new, so the topic is too: named after the port, which is.
            kafka: self.brokers.as_ref().map(|brokers| Kafka {
                brokers: brokers.clone(),
                topic: format!("bench-{}-{database_port}", std::process::id()),
            }),
            is_log_unread: false,
            settings: self.limits(),
        }
    }

    /// The load of badges comes from one network, and that of reports goes to a few sentries.
    fn limits(&self) -> Vec<(&'static str, String)> {
        let limits = [
            (Scenario::Badge, "GATEWAY_HOOTS__MAX_PER_SECOND"),
            (Scenario::Report, "GATEWAY_SENTRIES__MAX_REPORTS_PER_SECOND"),
        ];
        let wanted = limits
            .into_iter()
            .filter(|(scenario, _)| self.only.contains(scenario));
        wanted.map(|(_, name)| (name, "1000000".to_owned())).collect()
    }

    fn has_shared_rounds(&self) -> bool {
        self.only.is_empty() || self.only.iter().any(|scenario| !scenario.has_own_rounds())
    }
}

/// One thread: the work is done by children, and their death signal is bound to this thread.
pub fn run(options: Options) -> Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut terminate = signal(SignalKind::terminate())?;
            // Dropping the comparison ends every child and removes the cluster.
            tokio::select! {
                outcome = Box::pin(compare(&options)) => outcome,
                _ = interrupt.recv() => bail!("interrupted"),
                _ = terminate.recv() => bail!("terminated"),
            }
        })
}

async fn compare(options: &Options) -> Result<()> {
    let mut stage = Stage::set(options).await?;
    let outcome = measure(&mut stage, options).await;
    if outcome.is_err() {
        stage.gateway.show_log_tail();
    }
    let ledger = outcome?;
    table::print(&ledger)?;
    if let Some(file) = &options.json {
        table::write_json(&ledger, options, file)?;
    }
    Ok(())
}

async fn measure(stage: &mut Stage, options: &Options) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    ledger.note("idle.rss_mb", stage.gateway.usage()?.rss_mb);
    if options.has_shared_rounds() {
        shared_rounds(stage, &mut ledger, options).await?;
    }
    if options.only.contains(&Scenario::Late) {
        late::measure(stage, &mut ledger, options).await?;
    }
    if options.only.contains(&Scenario::Stored) {
        stored::measure(stage, &mut ledger, options).await?;
    }
    if options.only.contains(&Scenario::Endpoints) {
        endpoints::measure(stage, &mut ledger, options).await?;
    }
    if options.only.contains(&Scenario::Instances) {
        instances::measure(stage, &mut ledger, options).await?;
    }
    // Last, because it leaves a million keys behind.
    if options.only.contains(&Scenario::Keys) {
        keys::measure(stage, &mut ledger, options).await?;
    }
    Ok(ledger)
}

async fn shared_rounds(stage: &Stage, ledger: &mut Ledger, options: &Options) -> Result<()> {
    stage.fill_keys(options.keys).await?;
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        if options.wants(Scenario::Whoami) {
            whoami::measure(stage, ledger).await?;
        }
        if options.wants(Scenario::Accept) {
            accept::measure(stage, ledger).await?;
        }
        if options.wants(Scenario::Deliver) || options.wants(Scenario::Latency) {
            deliver::measure(stage, ledger).await?;
        }
        if options.wants(Scenario::Latency) {
            latency::measure(stage, ledger).await?;
        }
        if options.wants(Scenario::Neighbour) {
            neighbour::measure(stage, ledger, round).await?;
        }
        if options.only.contains(&Scenario::Badge) {
            badge::measure(stage, ledger).await?;
        }
        if options.only.contains(&Scenario::Report) {
            report::measure(stage, ledger).await?;
        }
        // Each round is minutes long: never by itself.
        if options.only.contains(&Scenario::Import) {
            import::measure(stage, ledger, options.import_rows).await?;
        }
    }
    Ok(())
}
