//! Real brokers: Apache Kafka with its data in the stage's folder, one node or several, open or behind TLS and a login.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::port::unused_port;
use crate::{cli, warden};

const START_LIMIT: Duration = Duration::from_secs(90);
const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";
/// What clients log in with where a broker asks for it.
pub const USER: (&str, &str) = ("gateway", "correct horse");

/// What a broker asks of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Open,
    /// TLS, and a login by any of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512.
    Locked,
}

/// One running broker.
pub struct Broker {
    folder: PathBuf,
    address: String,
    server: Mutex<Child>,
}

/// The ports of a node.
#[derive(Debug, Clone, Copy)]
struct Ports {
    clients: u16,
    brokers: u16,
    controller: u16,
}

impl Broker {
    /// The broker that all tests share which do it no harm.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Door::Open))
    }

    /// A broker of one's own.
    pub fn start(door: Door) -> Self {
        let broker = Self::launch(1, &[ports()], door);
        broker.wait_until_ready();
        broker
    }

    /// Three brokers that make a cluster.
    pub fn three() -> [Self; 3] {
        let all = [ports(), ports(), ports()];
        let brokers = [1, 2, 3].map(|node| Self::launch(node, &all, Door::Open));
        brokers.iter().for_each(Self::wait_until_ready);
        brokers
    }

    fn launch(node: usize, all: &[Ports], door: Door) -> Self {
        let name = format!("broker-{}", uuid::Uuid::now_v7().simple());
        let folder = warden::folder().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        let own = all[node - 1];
        std::fs::write(
            folder.join("server.properties"),
            properties(&folder, node, all, door),
        )
        .expect("properties");
        if door == Door::Locked {
            make_certificate(&folder);
        }
        let mut format = java(&folder);
        format.args([
            "kafka.tools.StorageTool",
            "format",
            "-t",
            CLUSTER,
            "-c",
            "server.properties",
        ]);
        if all.len() == 1 {
            format.arg("--standalone");
        }
        if door == Door::Locked {
            for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
                let (name, password) = USER;
                let user = format!("{mechanism}=[name={name},password=\"{password}\"]");
                format.args(["--add-scram", &user]);
            }
        }
        let formatted = format.output().expect("java");
        assert!(formatted.status.success(), "format: {formatted:?}");
        Self {
            server: Mutex::new(serve(&folder)),
            address: format!("127.0.0.1:{}", own.clients),
            folder,
        }
    }

    /// Where clients find it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The file with the certificate that vouches for it.
    pub fn root_certificate(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    /// Ends it as a crash would.
    pub fn kill(&self) {
        let mut server = self.server.lock().expect("unpoisoned");
        warden::signal(server.id(), "KILL");
        server.wait().expect("ended");
    }

    /// Starts it again after [`kill`](Self::kill), without waiting for it.
    pub fn restart(&self) {
        *self.server.lock().expect("unpoisoned") = serve(&self.folder);
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        warden::signal(self.server.lock().expect("unpoisoned").id(), name);
    }

    /// Waits until it says that it is started.
    pub fn wait_until_ready(&self) {
        let started = Instant::now();
        let log = self.folder.join("log");
        loop {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let is_open = std::net::TcpStream::connect(&self.address).is_ok();
            if is_open {
                // The listener opens before the broker may take requests.
                std::thread::sleep(Duration::from_millis(500));
                return;
            }
            assert!(
                started.elapsed() < START_LIMIT,
                "the broker did not start:\n{text}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Ok(mut server) = self.server.lock() {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn properties(folder: &Path, node: usize, all: &[Ports], door: Door) -> String {
    let own = all[node - 1];
    let copies = all.len();
    let mut text = format!(
        "process.roles=broker,controller\n\
         node.id={node}\n\
         listeners=CLIENTS://127.0.0.1:{clients},BROKERS://127.0.0.1:{brokers},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=CLIENTS://127.0.0.1:{clients},BROKERS://127.0.0.1:{brokers}\n\
         controller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=BROKERS\n\
         log.dirs={data}\n\
         offsets.topic.replication.factor={copies}\n\
         offsets.topic.num.partitions=3\n\
         transaction.state.log.replication.factor={copies}\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         broker.session.timeout.ms=6000\n\
         auto.create.topics.enable=false\n",
        clients = own.clients,
        brokers = own.brokers,
        controller = own.controller,
        data = folder.join("data").display(),
    );
    if copies == 1 {
        let _ = writeln!(
            text,
            "controller.quorum.bootstrap.servers=127.0.0.1:{}",
            own.controller
        );
    } else {
        let voters = all.iter().enumerate();
        let voters: Vec<String> = voters
            .map(|(at, ports)| format!("{}@127.0.0.1:{}", at + 1, ports.controller))
            .collect();
        let _ = writeln!(text, "controller.quorum.voters={}", voters.join(","));
    }
    let kind = if door == Door::Open {
        "PLAINTEXT"
    } else {
        "SASL_SSL"
    };
    let _ = writeln!(
        text,
        "listener.security.protocol.map=CLIENTS:{kind},BROKERS:PLAINTEXT,CONTROLLER:PLAINTEXT"
    );
    if door == Door::Locked {
        let (name, password) = USER;
        let login = "org.apache.kafka.common.security";
        let _ = write!(
            text,
            "listener.name.clients.ssl.keystore.type=PEM\n\
             listener.name.clients.ssl.keystore.location={store}\n\
             listener.name.clients.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
             listener.name.clients.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_{name}=\"{password}\";\n\
             listener.name.clients.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;\n\
             listener.name.clients.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;\n",
            store = folder.join("keystore.pem").display(),
        );
    }
    text
}

/// A certificate for 127.0.0.1 that vouches for itself, and a store with it and its key.
fn make_certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
        .args([
            "-keyout",
            "key.pem",
            "-out",
            "certificate.pem",
            "-subj",
            "/CN=broker",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .current_dir(folder)
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{made:?}");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("made");
    std::fs::write(
        folder.join("keystore.pem"),
        read("key.pem") + &read("certificate.pem"),
    )
    .expect("a store");
}

fn serve(folder: &Path) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .expect("a log");
    java(folder)
        .arg("kafka.Kafka")
        // By its whole path, so that the warden finds it.
        .arg(folder.join("server.properties"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("java")
}

fn java(folder: &Path) -> Command {
    let mut command = Command::new("java");
    command
        .args([
            "-Xmx384m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            &jars(),
        ])
        .current_dir(folder);
    command
}

/// What `scripts/need kafka` fetched.
fn jars() -> String {
    let binary = cli::binary();
    let target = binary.ancestors().nth(2);
    let folder = target.expect("the target folder").join("tools/kafka/lib");
    assert!(
        folder.is_dir(),
        "run scripts/need kafka: there is no {}",
        folder.display()
    );
    format!("{}/*", folder.display())
}

fn ports() -> Ports {
    Ports {
        clients: unused_port(),
        brokers: unused_port(),
        controller: unused_port(),
    }
}
