//! What is killed: gateways, their database, and the broker.

use super::senders::Door;
use super::trouble::{Trouble, Troubles};
use super::{Bus, Options};
use crate::child::{Server, bound, end, free_port};
use crate::cluster::Cluster;
use crate::gateway::{self, Gateway, Kafka, Setup};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Child;

/// A JVM on a busy machine; the first start may also fetch Kafka.
const BROKER_START: Duration = Duration::from_secs(180);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    Gateway,
    Postgres,
    Broker,
    /// The database's disk, which is full for a while; a gateway is killed meanwhile.
    Disk,
}

impl Victim {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Postgres => "postgres",
            Self::Broker => "broker",
            Self::Disk => "disk",
        }
    }
}

// Fields drop in this order: first what sends, last what stores.
pub struct Site {
    gateways: Vec<Gateway>,
    /// Which gateway is killed next.
    next_gateway: usize,
    is_gentle: bool,
    /// What the next gateway is started as, where two versions work side by side.
    other_version: Option<PathBuf>,
    _receiver: Server,
    cluster: Cluster,
    broker: Option<Broker>,
    troubles: Troubles,
    /// What the receiver got, a line for each delivery.
    pub record: PathBuf,
    _folder: TempDir,
}

impl Site {
    pub async fn set(options: &Options) -> Result<Self> {
        let mut folder = tempfile::Builder::new().prefix("bench-kill-").tempdir()?;
        if let Some(kept) = &options.keep {
            folder = tempfile::Builder::new().prefix("kill-").tempdir_in(kept)?;
            folder.disable_cleanup(true);
        }
        let record = folder.path().join("receipts");
        let record_name = record.to_str().context("temporary paths are UTF-8")?;
        let receiver = Server::start(&["receiver", "--record", record_name]).await?;
        let mut troubles = Troubles::of(options);
        let cluster = Cluster::start_small(troubles.ahead()?).await?;
        let broker = match options.bus {
            Bus::Postgres => None,
            Bus::Kafka => Some(Broker::start(&options.broker, folder.path()).await?),
        };
        let mut gateways = Vec::new();
        for number in 0..options.instances.max(1) {
            let setup = Setup {
                binary: options.gateway.clone(),
                log: Some(folder.path().join(format!("gateway-{number}.log"))),
                recorded_metric: gateway::RECORDED_METRIC.to_owned(),
                kafka: broker.as_ref().map(|broker| Kafka {
                    brokers: format!("127.0.0.1:{}", broker.port),
                    topic: "kill".to_owned(),
                }),
                settings: troubles.settings(),
                is_log_unread: troubles.has(Trouble::StalledLog),
            };
            gateways.push(Gateway::start(setup, &cluster).await?);
        }
        let url = format!("http://{}/", receiver.address);
        gateways[0].create_webhook("kill", &url).await?;
        // The other instances hear of it within a second.
        tokio::time::sleep(Duration::from_secs(1)).await;
        troubles.begin(&cluster).await?;
        Ok(Self {
            gateways,
            next_gateway: 0,
            is_gentle: options.gentle,
            other_version: options
                .beside
                .as_ref()
                .map(|binary| binary.canonicalize())
                .transpose()?,
            _receiver: receiver,
            cluster,
            broker,
            troubles,
            record,
            _folder: folder,
        })
    }

    pub fn doors(&self) -> Vec<Door> {
        let door = |gateway: &Gateway| Door {
            address: gateway.api,
            key: gateway.key.clone(),
        };
        self.gateways.iter().map(door).collect()
    }

    /// Kills one process and starts it again, until all gateways are ready.
    pub async fn kill_and_revive(&mut self, victim: Victim) -> Result<()> {
        match (victim, &mut self.broker) {
            (Victim::Gateway, _) => self.end_next_gateway().await?,
            (Victim::Postgres, _) => {
                match self.troubles.has(Trouble::Immediate) {
                    true => self.cluster.end_immediately(),
                    false => self.cluster.kill(),
                }
                self.cluster.revive();
            }
            (Victim::Disk, _) => {
                self.troubles.fill_disk(&self.cluster, &self.gateways).await?;
                self.end_next_gateway().await?;
                self.troubles.fill_disk(&self.cluster, &self.gateways).await?;
                self.troubles.free_disk(&self.cluster)?;
            }
            (Victim::Broker, Some(broker)) => {
                end(&mut broker.child);
                broker.revive().await?;
            }
            (Victim::Broker, None) => {}
        }
        for gateway in &mut self.gateways {
            gateway.wait_until_ready().await?;
        }
        match victim {
            Victim::Postgres | Victim::Disk => self.troubles.begin_dump(&self.cluster),
            Victim::Gateway | Victim::Broker => Ok(()),
        }
    }

    /// Whether something is still to go wrong.
    pub async fn has_more_to_come(&self) -> Result<bool> {
        self.troubles.is_to_come(&self.cluster).await
    }

    async fn end_next_gateway(&mut self) -> Result<()> {
        let count = self.gateways.len();
        let gateway = &mut self.gateways[self.next_gateway % count];
        self.next_gateway += 1;
        match self.is_gentle {
            true => gateway.stop().await?,
            false => gateway.kill(),
        }
        if let Some(version) = self.other_version.take() {
            self.other_version = Some(gateway.turn_into(version));
        }
        gateway.revive()
    }

    /// Events of which a successful attempt is recorded.
    pub async fn recorded_count(&self) -> Result<usize> {
        let recorded =
            "select count(distinct event_id) from deliveries where status = 1 and attempt_count > 0";
        Ok(self.cluster.ask(recorded).await?.parse()?)
    }

    /// Ends what goes wrong beside the kills, and tells of it.
    pub async fn end_troubles(&mut self) -> Result<()> {
        self.troubles.end(&self.cluster, &self.gateways).await
    }

    pub fn show_log_tails(&self) {
        for gateway in &self.gateways {
            gateway.show_log_tail();
        }
    }
}

struct Broker {
    port: u16,
    script: PathBuf,
    folder: PathBuf,
    child: Child,
}

impl Broker {
    async fn start(script: &Path, folder: &Path) -> Result<Self> {
        let script = script.canonicalize();
        let script = script.context("--broker: no such program; run this in the project's folder")?;
        let (folder, port) = (folder.join("broker"), free_pair()?);
        let child = serve(&script, &folder, port)?;
        let mut broker = Self {
            port,
            script,
            folder,
            child,
        };
        broker.wait_until_open().await?;
        Ok(broker)
    }

    async fn revive(&mut self) -> Result<()> {
        self.child = serve(&self.script, &self.folder, self.port)?;
        self.wait_until_open().await
    }

    async fn wait_until_open(&mut self) -> Result<()> {
        let deadline = Instant::now() + BROKER_START;
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the broker ended with {status}");
            }
            if Instant::now() > deadline {
                bail!("the broker was not there within {BROKER_START:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A port that is free together with the next one, which is the controller's.
fn free_pair() -> Result<u16> {
    loop {
        let port = free_port()?;
        if port < u16::MAX && std::net::TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return Ok(port);
        }
    }
}

fn serve(script: &Path, folder: &Path, port: u16) -> Result<Child> {
    let mut command = bound("KILL");
    command.arg(script).arg(folder).arg(port.to_string());
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.with_extension("log"))?;
    command.stdout(log.try_clone()?).stderr(log);
    command.spawn().context("starting the broker")
}
