//! Everything that stands ready while the scenarios play: servers, database, gateway.

use super::Options;
use super::ledger::Ledger;
use crate::child::{self, Server};
use crate::cluster::Cluster;
use crate::control::Call;
use crate::gateway::Gateway;
use crate::process::family_cpu_seconds;
use crate::{load, receiver, relay};
use anyhow::{Context, Result, bail};
use hyper::Method;
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;
use tokio::task::JoinSet;

/// Below this share of one core, gateway and database are taken for idle.
const IDLE_SHARE: f64 = 0.05;
const IDLE_LOOK: Duration = Duration::from_millis(300);
const IDLE_PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

// Fields drop in this order: first what sends, last what stores.
pub struct Stage {
    pub hello: Server,
    pub sink: Server,
    pub receiver: Server,
    /// Answers each delivery after 10 s.
    pub hanger: Server,
    pub gateway: Gateway,
    pub cluster: Cluster,
    pub shape: Shape,
}

/// How hard and how long every load is.
#[derive(Clone, Copy)]
pub struct Shape {
    pub seconds: f64,
    pub warmup: f64,
    pub connections: usize,
    pub payload_bytes: usize,
    pub drain: Duration,
}

/// What one load is aimed at; the rest of its options is the stage's shape.
#[derive(Clone, Copy)]
pub struct Aim<'a> {
    pub target: SocketAddr,
    pub method: &'a str,
    pub path: &'a str,
    pub seconds: f64,
    pub warmup: f64,
    pub rate: Option<f64>,
    pub naming: load::Naming,
    pub connections: usize,
    /// A file with the body of each request; an event without it.
    pub body: Option<&'a Path>,
}

impl Stage {
    pub async fn set(options: &Options) -> Result<Self> {
        let cluster = Cluster::start().await?;
        let gateway = Gateway::start(options.setup(cluster.port()), &cluster).await?;
        Ok(Self {
            hello: Server::start(&["hello"]).await?,
            sink: Server::start(&["sink"]).await?,
            receiver: Server::start(&["receiver", "--track", "--latency"]).await?,
            hanger: Server::start(&["receiver", "--hang-ms", "10000"]).await?,
            gateway,
            cluster,
            shape: Shape {
                seconds: options.seconds,
                warmup: options.warmup,
                connections: options.connections,
                payload_bytes: options.payload_bytes,
                drain: Duration::from_secs(options.drain_seconds),
            },
        })
    }

    /// Brings the gateway to `wanted` keys through its API: the same rows and memory as keys
    /// made any other way. A bulk option of its command line would go here.
    pub async fn fill_keys(&self, wanted: u64) -> Result<()> {
        let Some(missing) = wanted.checked_sub(1).filter(|&missing| missing > 0) else {
            return Ok(());
        };
        eprintln!("making {missing} keys");
        let key = json!({"name": "bench filler", "scopes": ["events:read"]});
        self.post_many("/v1/api-keys", &key, missing).await
    }

    /// Posts the same body `count` times, each of which must be answered with a 2xx.
    pub async fn post_many(&self, path: &str, body: &Value, count: u64) -> Result<()> {
        let file = body_file(body)?;
        let aim = Aim {
            // Time enough for a million.
            seconds: 600.0,
            body: Some(file.path()),
            ..self.gateway_aim("POST", path)
        };
        let mut arguments = self.load_arguments(&aim)?;
        arguments.extend(["--count".to_owned(), count.to_string()]);
        let report: load::Report = child::report(&arguments).await?;
        if report.accepted < count {
            bail!("POST {path} made only {}: {:?}", report.accepted, report.errors);
        }
        Ok(())
    }

    /// Brings the database to about `wanted` keys that nobody knows, each with a name of its own.
    pub async fn insert_keys(&self, wanted: u64) -> Result<()> {
        let statement = format!(
            "insert into api_keys (id, workspace_id, name, digest, hint, scopes, created_at)
             select gen_random_uuid(), 1, 'key ' || n, sha256(gen_random_uuid()::text::bytea), 'sk_0000••••0000',
                    '{{events:read,events:write}}', now()
             from generate_series((select count(*) from api_keys) + 1, {wanted}) n;
             vacuum analyze api_keys"
        );
        // VACUUM runs in no transaction, so each statement goes by itself.
        for statement in statement.split(';') {
            self.cluster.psql(statement).await?;
        }
        Ok(())
    }

    /// Replaces the gateway by a new one, and tells the seconds from its start until it was ready.
    pub async fn restart_gateway(&mut self, options: &Options) -> Result<f64> {
        let started = Instant::now();
        self.gateway = Gateway::start(options.setup(self.cluster.port()), &self.cluster).await?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// Runs a load beside clients whose keys are wrong, and tells at what rate those were answered.
    pub async fn load_beside_flood(&self, aim: &Aim<'_>, ledger: &mut Ledger) -> Result<(load::Report, f64)> {
        let flood = Aim {
            warmup: 0.0,
            seconds: aim.warmup + aim.seconds,
            ..self.gateway_aim("GET", "/v1/whoami")
        };
        let mut wrong = self.load_arguments(&flood)?;
        for argument in &mut wrong {
            if *argument == self.gateway.key {
                *argument = format!("sk_{}", "0".repeat(64));
            }
        }
        self.settle().await?;
        let valid = self.load_arguments(aim)?;
        let reports = tokio::join!(
            child::report::<load::Report>(&valid),
            child::report::<load::Report>(&wrong)
        );
        let (valid, wrong) = (reports.0?, reports.1?);
        let errors: u64 = valid.errors.values().sum();
        ledger.note("errors", errors as f64);
        let answered: u64 = wrong.errors.values().sum();
        eprintln!("  the flood got {:?}", wrong.errors);
        Ok((valid, answered as f64 / flood.seconds))
    }

    /// The gateway's API, from a cold start.
    pub fn gateway_aim<'a>(&self, method: &'a str, path: &'a str) -> Aim<'a> {
        Aim {
            target: self.gateway.api,
            method,
            path,
            seconds: self.shape.seconds,
            warmup: 0.0,
            rate: None,
            naming: load::Naming::None,
            connections: self.shape.connections,
            body: None,
        }
    }

    /// Runs one load once everything is quiet, and notes its errors.
    pub async fn load(&self, aim: &Aim<'_>, ledger: &mut Ledger) -> Result<load::Report> {
        self.settle().await?;
        let report: load::Report = child::report(&self.load_arguments(aim)?).await?;
        let errors: u64 = report.errors.values().sum();
        ledger.note("errors", errors as f64);
        if errors > 0 {
            eprintln!("  {} {}: {:?}", aim.method, aim.path, report.errors);
        }
        if report.accepted == 0 {
            bail!("{} {} got no 2xx at all", aim.method, aim.path);
        }
        Ok(report)
    }

    /// Runs loads at the same time once everything is quiet, and notes their errors.
    pub async fn load_all(&self, aims: &[Aim<'_>], ledger: &mut Ledger) -> Result<Vec<load::Report>> {
        self.settle().await?;
        let mut loads = JoinSet::new();
        for aim in aims {
            let arguments = self.load_arguments(aim)?;
            loads.spawn(async move { child::report::<load::Report>(&arguments).await });
        }
        let reports: Vec<load::Report> = loads.join_all().await.into_iter().collect::<Result<_>>()?;
        let errors: u64 = reports.iter().flat_map(|report| report.errors.values()).sum();
        ledger.note("errors", errors as f64);
        for report in reports.iter().filter(|report| !report.errors.is_empty()) {
            eprintln!("  one of the loads: {:?}", report.errors);
        }
        Ok(reports)
    }

    fn load_arguments(&self, aim: &Aim<'_>) -> Result<Vec<String>> {
        let mut arguments = vec!["load".to_owned()];
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        option("--target", format!("http://{}", aim.target));
        option("--method", aim.method.to_owned());
        option("--path", aim.path.to_owned());
        // Calibrators get it too: the same bytes must be read.
        option("--bearer", self.gateway.key.clone());
        option("--connections", aim.connections.to_string());
        option("--seconds", aim.seconds.to_string());
        option("--warmup", aim.warmup.to_string());
        option("--payload-bytes", self.shape.payload_bytes.to_string());
        option("--naming", aim.naming.name().to_owned());
        if let Some(rate) = aim.rate {
            option("--rate", rate.to_string());
        }
        if let Some(body) = aim.body {
            let file = body.to_str().context("temporary paths are UTF-8")?;
            option("--body-file", file.to_owned());
        }
        Ok(arguments)
    }

    /// The raw signing client into the same receiver as the gateway's deliveries.
    pub async fn relay(&self) -> Result<relay::Report> {
        self.settle().await?;
        let arguments = [
            "relay".to_owned(),
            format!("--target=http://{}/relay", self.receiver.address),
            format!("--connections={}", self.shape.connections),
            format!("--seconds={}", self.shape.seconds),
            format!("--payload-bytes={}", self.shape.payload_bytes),
        ];
        child::report(&arguments).await
    }

    pub fn endpoint_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.receiver.address)
    }

    pub async fn reset_receiver(&self) -> Result<()> {
        Call {
            method: Method::POST,
            ..Call::get(self.receiver.address, "/reset")
        }
        .succeed()
        .await?;
        Ok(())
    }

    pub async fn received(&self) -> Result<receiver::Stats> {
        let reply = Call::get(self.receiver.address, "/stats").succeed().await?;
        Ok(serde_json::from_slice(&reply)?)
    }

    /// Waits until the receiver has `expected` distinct deliveries.
    pub async fn wait_for_receipt(&self, expected: u64) -> Result<receiver::Stats> {
        let deadline = Instant::now() + self.shape.drain;
        loop {
            let stats = self.received().await?;
            if stats.distinct >= expected {
                return Ok(stats);
            }
            if Instant::now() > deadline {
                let drain = self.shape.drain;
                bail!(
                    "{expected} deliveries owed, {} received after {drain:?}",
                    stats.distinct
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until the gateway has recorded `expected` deliveries since it had `before`.
    /// False when it has no such metric.
    pub async fn wait_for_record(&self, before: Option<u64>, expected: u64) -> Result<bool> {
        let deadline = Instant::now() + self.shape.drain;
        loop {
            let Some(recorded) = self.gateway.recorded().await? else {
                return Ok(false);
            };
            let since = recorded.saturating_sub(before.unwrap_or(0));
            if since >= expected {
                return Ok(true);
            }
            if Instant::now() > deadline {
                let drain = self.shape.drain;
                bail!("{expected} deliveries received, {since} recorded after {drain:?}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What one scenario left to do (acknowledgements, vacuum) must not slow the next one. Past
    /// its patience it goes on: steady background work is part of the gateway's cost.
    pub async fn settle(&self) -> Result<()> {
        let deadline = Instant::now() + IDLE_PATIENCE;
        while Instant::now() < deadline {
            let before = self.cpu_seconds()?;
            tokio::time::sleep(IDLE_LOOK).await;
            let after = self.cpu_seconds()?;
            let spent = after.gateway - before.gateway + after.postgres - before.postgres;
            if spent < IDLE_LOOK.as_secs_f64() * IDLE_SHARE {
                break;
            }
        }
        Ok(())
    }

    pub fn cpu_seconds(&self) -> Result<CpuSeconds> {
        Ok(CpuSeconds {
            gateway: self.gateway.usage()?.cpu_seconds,
            postgres: family_cpu_seconds(self.cluster.pid())?,
        })
    }
}

/// What a load sends in each request.
pub fn body_file(body: &Value) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(&serde_json::to_vec(body)?)?;
    Ok(file)
}

pub struct CpuSeconds {
    pub gateway: f64,
    pub postgres: f64,
}
