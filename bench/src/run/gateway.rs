//! The gateway under test, known only by its contract: command line, environment and HTTP.

use super::Options;
use super::child::{bound, end, free_port, output};
use super::cluster::Cluster;
use super::control::Call;
use super::process::{Usage, forget_peak, usage};
use anyhow::{Context, Result, bail};
use hyper::Method;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The counter of deliveries whose outcome is committed, as `/metrics` shows it.
pub const RECORDED_METRIC: &str = "gateway_deliveries_total{status=\"succeeded\"";

const START: Duration = Duration::from_secs(30);
const LOG_LINES: usize = 20;

pub struct Gateway {
    pub api: SocketAddr,
    pub key: String,
    operations: SocketAddr,
    recorded_metric: String,
    log: PathBuf,
    child: Child,
    _folder: TempDir,
}

impl Gateway {
    pub async fn start(options: &Options, cluster: &Cluster) -> Result<Self> {
        let binary = &options.gateway;
        let binary = binary
            .canonicalize()
            .with_context(|| format!("no gateway at {}", binary.display()))?;
        // An empty working folder, so that no config file lying about changes what is measured.
        let folder = tempfile::Builder::new().prefix("bench-gateway-").tempdir()?;
        let log = options.gateway_log.clone();
        let log = log.unwrap_or_else(|| folder.path().join("gateway.log"));
        let api = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let operations = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let command = || {
            let mut command = bound("KILL");
            command
                .arg(&binary)
                .current_dir(folder.path())
                .env("GATEWAY_SERVER__LISTEN", api.to_string())
                .env("GATEWAY_OPERATIONS__LISTEN", operations.to_string())
                .env("GATEWAY_DATABASE__URL", cluster.url())
                .env("GATEWAY_WEBHOOKS__ALLOW_CIDRS", "127.0.0.0/8");
            if let Some(brokers) = &options.brokers {
                // The database is new, so the topic is too: named after the port, which is.
                let topic = format!("bench-{}-{}", std::process::id(), api.port());
                command
                    .env("GATEWAY_BUS__KIND", "kafka")
                    .env("GATEWAY_BUS__BROKERS", brokers)
                    .env("GATEWAY_BUS__TOPIC", &topic)
                    .env("GATEWAY_BUS__GROUP", &topic);
            }
            command
        };
        let log_file = std::fs::File::create(&log)?;
        let child = command()
            .arg("serve")
            .stdout(Stdio::from(log_file.try_clone()?))
            .stderr(Stdio::from(log_file))
            .spawn()
            .context("starting the gateway")?;
        let key_command = command();
        let mut gateway = Self {
            api,
            key: String::new(),
            operations,
            recorded_metric: options.recorded_metric.clone(),
            log,
            child,
            _folder: folder,
        };
        let ready = gateway.wait_until_ready().await;
        if ready.is_err() {
            gateway.show_log_tail();
        }
        ready?;
        gateway.key = create_key(key_command).await?;
        Ok(gateway)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        loop {
            let reply = Call::get(self.operations, "/readyz").send().await;
            if reply.is_ok_and(|(status, _)| status.as_u16() == 200) {
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
        let body = Call::get(self.operations, "/metrics").succeed().await?;
        let text = String::from_utf8_lossy(&body);
        Ok(sum_of_samples(&text, &self.recorded_metric))
    }

    pub fn usage(&self) -> Result<Usage> {
        usage(self.pid()?)
    }

    pub fn forget_memory_peak(&self) -> Result<()> {
        forget_peak(self.pid()?)
    }

    fn pid(&self) -> Result<u32> {
        self.child.id().context("the gateway has ended")
    }

    /// For a run that failed: the end of the log, before it is removed.
    pub fn show_log_tail(&self) {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
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
