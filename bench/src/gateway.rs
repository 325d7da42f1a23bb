//! The gateway under test, known only by its contract: command line, environment and HTTP.

use crate::child::{bound, end, free_port, output};
use crate::cluster::Cluster;
use crate::control::Call;
use crate::process::{Usage, forget_peak, usage};
use anyhow::{Context, Result, bail};
use hyper::Method;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{PipeReader, PipeWriter};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The counter of deliveries whose outcome is committed, as `/metrics` shows it.
pub const RECORDED_METRIC: &str = "gateway_deliveries_total{status=\"succeeded\"";

const START: Duration = Duration::from_secs(30);
const LOG_LINES: usize = 20;

/// How a gateway is started.
pub struct Setup {
    pub binary: PathBuf,
    /// Keeps its output here instead of removing it with the rest.
    pub log: Option<PathBuf>,
    /// Start of the `/metrics` samples that count recorded deliveries.
    pub recorded_metric: String,
    /// Carries the events; PostgreSQL without it.
    pub kafka: Option<Kafka>,
    /// What it is told beyond that.
    pub settings: Vec<(&'static str, String)>,
    /// Has it log into a pipe that nobody reads.
    pub is_log_unread: bool,
}

/// Where on Apache Kafka events are.
#[derive(Clone)]
pub struct Kafka {
    pub brokers: String,
    /// Also the name of the consumer group.
    pub topic: String,
}

pub struct Gateway {
    pub api: SocketAddr,
    pub key: String,
    operations: SocketAddr,
    recorded_metric: String,
    binary: PathBuf,
    environment: Vec<(&'static str, String)>,
    log: Log,
    child: Child,
    // An empty working folder, so that no config file lying about changes what is measured.
    folder: TempDir,
}

impl Gateway {
    pub async fn start(setup: Setup, cluster: &Cluster) -> Result<Self> {
        let binary = setup.binary.canonicalize();
        let binary = binary.with_context(|| format!("no gateway at {}", setup.binary.display()))?;
        let folder = tempfile::Builder::new().prefix("bench-gateway-").tempdir()?;
        let log = match setup.is_log_unread {
            true => Log::Unread(std::io::pipe()?),
            false => Log::File(setup.log.unwrap_or_else(|| folder.path().join("gateway.log"))),
        };
        let api = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let operations = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let mut environment = vec![
            ("GATEWAY_SERVER__LISTEN", api.to_string()),
            ("GATEWAY_OPERATIONS__LISTEN", operations.to_string()),
            ("GATEWAY_DATABASE__URL", cluster.url()),
            ("GATEWAY_WEBHOOKS__ALLOW_CIDRS", "127.0.0.0/8".to_owned()),
        ];
        environment.extend(setup.settings);
        if let Some(kafka) = setup.kafka {
            environment.extend([
                ("GATEWAY_BUS__KIND", "kafka".to_owned()),
                ("GATEWAY_BUS__BROKERS", kafka.brokers),
                ("GATEWAY_BUS__TOPIC", kafka.topic.clone()),
                ("GATEWAY_BUS__GROUP", kafka.topic),
            ]);
        }
        let child = serve(command(&binary, &folder, &environment), &log)?;
        let mut gateway = Self {
            api,
            key: String::new(),
            operations,
            recorded_metric: setup.recorded_metric,
            binary,
            environment,
            log,
            child,
            folder,
        };
        gateway.wait_until_ready().await?;
        gateway.key = create_key(command(&gateway.binary, &gateway.folder, &gateway.environment)).await?;
        Ok(gateway)
    }

    /// Ends the process as a crash would.
    pub fn kill(&mut self) {
        end(&mut self.child);
    }

    /// Asks the process to end and waits until it has.
    pub async fn stop(&mut self) -> Result<()> {
        let pid = self.pid()?.to_string();
        output(Command::new("kill").args(["-TERM", &pid])).await?;
        self.child.wait().await?;
        Ok(())
    }

    /// Has it be another version from its next start on; gives back the one that it was.
    pub fn turn_into(&mut self, binary: PathBuf) -> PathBuf {
        std::mem::replace(&mut self.binary, binary)
    }

    /// Starts it again after its end, at the same addresses, without waiting until it is ready.
    pub fn revive(&mut self) -> Result<()> {
        self.child = serve(command(&self.binary, &self.folder, &self.environment), &self.log)?;
        Ok(())
    }

    /// Waits for its readiness; the end of its log is shown if that does not come.
    pub async fn wait_until_ready(&mut self) -> Result<()> {
        let ready = self.poll_readiness().await;
        if ready.is_err() {
            self.show_log_tail();
        }
        ready
    }

    async fn poll_readiness(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        loop {
            if self.is_ready().await {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the gateway ended with {status}");
            }
            if Instant::now() > deadline {
                bail!("the gateway was not ready within {START:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Makes an endpoint for `deal.won`, the type of every event that is sent here, and gives its id.
    pub async fn create_webhook(&self, name: &str, url: &str) -> Result<String> {
        let body = json!({"name": name, "url": url, "events": ["deal.won"]});
        let reply = Call {
            method: Method::POST,
            bearer: Some(&self.key),
            body: Some(&body),
            ..Call::get(self.api, "/v1/webhooks")
        }
        .succeed()
        .await?;
        let webhook: Value = serde_json::from_slice(&reply)?;
        let id = webhook["id"].as_str().context("the new webhook has no id")?;
        Ok(id.to_owned())
    }

    /// Limits a webhook to so many deliveries a second, beyond which they wait; without a limit they go out again.
    pub async fn limit_webhook(&self, id: &str, per_second: Option<u32>) -> Result<()> {
        Call {
            method: Method::PATCH,
            bearer: Some(&self.key),
            body: Some(&json!({"rate_limit_per_second": per_second})),
            ..Call::get(self.api, &format!("/v1/webhooks/{id}"))
        }
        .succeed()
        .await?;
        Ok(())
    }

    pub async fn delete_webhook(&self, id: &str) -> Result<()> {
        Call {
            method: Method::DELETE,
            bearer: Some(&self.key),
            ..Call::get(self.api, &format!("/v1/webhooks/{id}"))
        }
        .succeed()
        .await?;
        Ok(())
    }

    /// Deliveries recorded since the start; `None` when the metric is not there (yet).
    pub async fn recorded(&self) -> Result<Option<u64>> {
        self.metric(&self.recorded_metric).await
    }

    /// Whether it says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let reply = Call::get(self.operations, "/readyz").send().await;
        reply.is_ok_and(|(status, _)| status.as_u16() == 200)
    }

    /// The sum of a metric's samples since the start.
    pub async fn metric(&self, name: &str) -> Result<Option<u64>> {
        let body = Call::get(self.operations, "/metrics").succeed().await?;
        let text = String::from_utf8_lossy(&body);
        Ok(sum_of_samples(&text, name))
    }

    pub fn usage(&self) -> Result<Usage> {
        usage(self.pid()?)
    }

    pub fn forget_memory_peak(&self) -> Result<()> {
        forget_peak(self.pid()?)
    }

    pub fn pid(&self) -> Result<u32> {
        self.child.id().context("the gateway has ended")
    }

    /// For a run that failed: the end of the log, before it is removed.
    pub fn show_log_tail(&self) {
        let Log::File(log) = &self.log else {
            return;
        };
        let log = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        eprintln!("the gateway's last lines:");
        for line in &lines[lines.len().saturating_sub(LOG_LINES)..] {
            eprintln!("  {line}");
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Without a farewell: the database goes too, and a drain would wait for hung deliveries.
        end(&mut self.child);
    }
}

fn command(binary: &Path, folder: &TempDir, environment: &[(&'static str, String)]) -> Command {
    let mut command = bound("KILL");
    command.arg(binary).current_dir(folder.path());
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

/// Where a gateway's output goes, from each of its starts.
enum Log {
    File(PathBuf),
    /// The end that is read is kept open.
    Unread((PipeReader, PipeWriter)),
}

fn serve(mut command: Command, log: &Log) -> Result<Child> {
    let outs: [Stdio; 2] = match log {
        Log::File(path) => {
            let file = File::options().create(true).append(true).open(path)?;
            [file.try_clone()?.into(), file.into()]
        }
        Log::Unread((_, writer)) => [writer.try_clone()?.into(), writer.try_clone()?.into()],
    };
    let [out, errors] = outs;
    let serving = command.arg("serve").stdout(out).stderr(errors).spawn();
    serving.context("starting the gateway")
}

async fn create_key(mut command: Command) -> Result<String> {
    command.args(["keys", "create", "--workspace", "default", "--name", "bench"]);
    let printed = output(command.args(["--scopes", "*"])).await?;
    let key = String::from_utf8(printed)?.trim().to_owned();
    if !key.starts_with("sk_") {
        bail!("`gateway keys create` printed no key");
    }
    Ok(key)
}

/// Adds up the samples of the Prometheus text format whose line starts with `prefix`: a metric's
/// name, or its name and first labels.
fn sum_of_samples(text: &str, prefix: &str) -> Option<u64> {
    let mut sum = None;
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(prefix) else {
            continue;
        };
        // `name_total` must not be found in `name_total_more`.
        let named_whole = prefix.contains('{') || rest.starts_with(['{', ' ']);
        let value = rest
            .rsplit(' ')
            .next()
            .and_then(|value| value.parse::<f64>().ok());
        if let (true, Some(value)) = (named_whole, value) {
            *sum.get_or_insert(0) += value as u64;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::sum_of_samples;

    #[test]
    fn samples_are_added_over_their_labels() {
        let text = "# TYPE d_total counter\nd_total{outcome=\"succeeded\",a=\"b c\"} 40\nd_total{outcome=\"failed\"} 2\nd_total_other 7\n";
        assert_eq!(sum_of_samples(text, "d_total"), Some(42));
        assert_eq!(sum_of_samples(text, "d_total{outcome=\"succeeded\""), Some(40));
        assert_eq!(sum_of_samples(text, "absent"), None);
    }
}
