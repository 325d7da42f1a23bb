//! Gateway processes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Reply, Request};
use crate::cluster::{Cluster, free_port, unique};

/// A key that is well formed and nobody's.
pub const WRONG: &str = "sk_00000000000000000000000000000000000000000000000000000000000000ff";

pub struct Gateway {
    pub api: SocketAddr,
    pub operations: SocketAddr,
    pub log: PathBuf,
    child: Child,
}

/// The command line against a database.
pub fn command(url: &str, arguments: &[&str]) -> Output {
    base(url).args(arguments).output().unwrap()
}

/// What a command that must succeed prints.
pub fn told(cluster: &Cluster, arguments: &[&str]) -> String {
    let output = command(&cluster.url(), arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A key with every scope.
pub fn first_key(cluster: &Cluster) -> String {
    told(cluster, &["keys", "create", "--name", "first", "--scopes", "*"])
}

fn base(url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command
        .env_remove("DATABASE_URL")
        .env("GATEWAY_DATABASE__URL", url)
        .current_dir(std::env::temp_dir());
    command
}

impl Gateway {
    pub fn start(cluster: &Cluster) -> Self {
        Self::start_with(&cluster.url(), &[])
    }

    pub fn start_with(url: &str, settings: &[(&str, &str)]) -> Self {
        let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let (api, operations) = (address(free_port()), address(free_port()));
        let log = std::env::temp_dir().join(format!("gateway-access-{}.log", unique()));
        let mut command = base(url);
        command
            .arg("serve")
            .env("GATEWAY_SERVER__LISTEN", api.to_string())
            .env("GATEWAY_OPERATIONS__LISTEN", operations.to_string())
            .env("GATEWAY_WEBHOOKS__ALLOW_CIDRS", "127.0.0.0/8")
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap());
        let gateway = Self {
            api,
            operations,
            log,
            child: command.spawn().unwrap(),
        };
        let is_ready = || gateway.probe("/readyz").is_some_and(|reply| reply.status == 200);
        within(Duration::from_secs(30), "the gateway is ready", is_ready);
        gateway
    }

    pub fn probe(&self, path: &str) -> Option<Reply> {
        let request = Request {
            key: None,
            ..Request::new(self.operations, "GET", path, "")
        };
        request.try_send().ok()
    }

    pub fn get(&self, path: &str, key: &str) -> Reply {
        Request::new(self.api, "GET", path, key).send()
    }

    pub fn post(&self, path: &str, key: &str, body: Value) -> Reply {
        Request::new(self.api, "POST", path, key).body(body).send()
    }

    /// The status of `whoami` with this key.
    pub fn whoami(&self, key: &str) -> u16 {
        self.get("/v1/whoami", key).status
    }

    /// Makes a key with one scope; its id and the key.
    pub fn make_key(&self, key: &str, name: &str) -> (String, String) {
        let made = self.post("/v1/api-keys", key, json!({"name": name, "scopes": ["crm:read"]}));
        let made = made.expect(201).json();
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        (text("id"), text("key"))
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Stops in order, and gives all that was logged.
    pub fn stop(mut self) -> String {
        self.signal("-TERM");
        let deadline = Instant::now() + Duration::from_secs(40);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(15).collect();
            eprintln!("{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
        let _ = std::fs::remove_file(&self.log);
    }
}

/// Asks until it is so; how long that took.
pub fn within(limit: Duration, what: &str, is_so: impl Fn() -> bool) -> Duration {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
    started.elapsed()
}
