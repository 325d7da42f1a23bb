//! A gateway as a child process, with its log at hand.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::wait::{SOON, eventually};
use super::{Cluster, Database, cli, warden};
use crate::client::api::Api;
use crate::client::reply::Reply;

/// What every gateway on the stage is told: receivers are on loopback, and retries come quickly.
const USUAL: &[(&str, &str)] = &[
    ("GATEWAY_SERVER__LISTEN", "127.0.0.1:0"),
    ("GATEWAY_OPERATIONS__LISTEN", "127.0.0.1:0"),
    ("GATEWAY_WEBHOOKS__ALLOW_CIDRS", "127.0.0.0/8"),
    ("GATEWAY_WEBHOOKS__RETRY_BASE_SECONDS", "0.2"),
    ("GATEWAY_DATABASE__POOL_SIZE", "12"),
    // All tests are one network.
    ("GATEWAY_SOURCES__FAILURES_PER_SECOND", "1000000"),
];

/// A running gateway; dropped, it is killed.
pub struct Gateway {
    child: Mutex<Child>,
    log: Arc<Mutex<String>>,
    pub api: SocketAddr,
    pub operations: SocketAddr,
}

impl Gateway {
    /// The gateway that tests share which only need a workspace of their own, and its database.
    pub async fn shared() -> (&'static Self, &'static Database) {
        static SHARED: tokio::sync::OnceCell<(Gateway, Database)> = tokio::sync::OnceCell::const_new();
        let shared = SHARED.get_or_init(|| async {
            let database = Cluster::shared().database().await;
            (Gateway::start(&database.url(), &[]).await, database)
        });
        let (gateway, database) = shared.await;
        (gateway, database)
    }

    /// Starts a gateway on a database, and waits until it is ready.
    pub async fn start(url: &str, environment: &[(&str, &str)]) -> Self {
        let gateway = Self::launch(url, environment);
        gateway.wait_until_ready().await;
        gateway
    }

    /// Starts a gateway whose caller grants it no more than so many open files, unless it asks for more.
    pub async fn start_with_open_files(url: &str, count: u32) -> Self {
        Self::start_limited(url, &format!("ulimit -S -n {count}")).await
    }

    /// Starts a gateway that gets no more than so many open files, however it asks.
    pub async fn start_with_few_open_files(url: &str, count: u32) -> Self {
        Self::start_limited(url, &format!("ulimit -n {count}")).await
    }

    async fn start_limited(url: &str, limit: &str) -> Self {
        let serve = Self::command(url, &[]);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("{limit}; exec \"$0\" \"$@\"")])
            .arg(serve.get_program())
            .args(serve.get_args())
            .current_dir(warden::folder())
            .env_clear()
            .envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let gateway = Self::spawn(shell);
        gateway.wait_until_ready().await;
        gateway
    }

    /// Starts a gateway that may not become ready.
    pub fn launch(url: &str, environment: &[(&str, &str)]) -> Self {
        Self::spawn(Self::command(url, environment))
    }

    /// Starts `gateway dev` on a database.
    pub fn launch_dev(url: &str) -> Self {
        Self::spawn(cli::dev_command(Some(url)))
    }

    /// Starts `gateway dev` on a server of its own; the folder where it keeps everything.
    pub fn launch_dev_alone() -> (Self, PathBuf) {
        let command = cli::dev_command(None);
        let folder = command.get_current_dir().expect("a folder").join(".gateway");
        (Self::spawn(command), folder)
    }

    /// Starts a gateway whose log goes to `errors`, where nobody on the stage reads it, and waits until it is ready.
    pub async fn start_unheard(url: &str, environment: &[(&str, &str)], errors: impl Into<Stdio>) -> Self {
        let [api, operations] = [free_address(), free_address()];
        let (listen, probes) = (api.to_string(), operations.to_string());
        let addresses = [
            ("GATEWAY_SERVER__LISTEN", listen.as_str()),
            ("GATEWAY_OPERATIONS__LISTEN", probes.as_str()),
        ];
        let settings: Vec<_> = environment.iter().chain(&addresses).copied().collect();
        let mut command = Self::command(url, &settings);
        let child = command.stdout(Stdio::null()).stderr(errors).spawn();
        let gateway = Self {
            child: Mutex::new(child.expect("the gateway starts")),
            log: Arc::default(),
            api,
            operations,
        };
        gateway.wait_until_ready().await;
        gateway
    }

    fn command(url: &str, environment: &[(&str, &str)]) -> Command {
        let file = warden::folder().join("gateway.toml");
        std::fs::write(&file, "").expect("an empty configuration");
        let path = file.to_str().expect("UTF-8");
        let settings: Vec<_> = USUAL.iter().chain(environment).copied().collect();
        cli::command(Some(url), &["serve", "--config", path], &settings)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the gateway starts");
        let log = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stderr.take().expect("piped"));
        let written = log.clone();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut text = written.lock().expect("unpoisoned");
                text.push_str(&line);
                text.push('\n');
            }
        });
        let Some((api, operations)) = addresses(&log, &mut child) else {
            panic!("the gateway did not start:\n{}", log.lock().expect("unpoisoned"));
        };
        Self {
            child: Mutex::new(child),
            log,
            api,
            operations,
        }
    }

    /// Waits for `/readyz` to say so.
    pub async fn wait_until_ready(&self) {
        eventually("the gateway is ready", SOON * 2, || async {
            self.try_operations("/readyz")
                .await
                .is_some_and(|reply| reply.status == 200)
        })
        .await;
    }

    /// A client with this key.
    pub fn with_key(&self, key: &str) -> Api {
        Api::new(self.api, Some(key))
    }

    /// A client without a key.
    pub fn anonymous(&self) -> Api {
        Api::new(self.api, None)
    }

    /// Asks the operations listener.
    pub async fn operations(&self, path: &str) -> Reply {
        self.try_operations(path).await.expect("operations answers")
    }

    /// The same, where it may be gone.
    pub async fn try_operations(&self, path: &str) -> Option<Reply> {
        Api::new(self.operations, None).get_call(path).try_send().await
    }

    /// A sample of `/metrics`, by its name and labels as they are written there.
    pub async fn metric(&self, sample: &str) -> Option<f64> {
        let shown = self.operations("/metrics").await;
        let mut values = shown
            .text()
            .lines()
            .filter_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        values.next().map(|value| value.parse().expect("a number"))
    }

    /// Waits until a sample of `/metrics` has this value.
    pub async fn wait_for_metric(&self, sample: &str, value: f64) {
        eventually(&format!("{sample} {value}"), SOON, || async {
            self.metric(sample).await == Some(value)
        })
        .await;
    }

    /// Waits until this was logged.
    pub async fn wait_for_log(&self, text: &str) {
        eventually(&format!("it logs: {text}"), SOON, || async {
            self.log().contains(text)
        })
        .await;
    }

    /// The most memory that it held since it started or since `forget_peak`, in KiB.
    pub fn peak_kib(&self) -> u64 {
        self.status_kib("VmHWM:")
    }

    /// The memory that it holds, in KiB.
    pub fn held_kib(&self) -> u64 {
        self.status_kib("VmRSS:")
    }

    /// Has the peak counted from now on.
    pub fn forget_peak(&self) {
        let id = self.child.lock().expect("unpoisoned").id();
        std::fs::write(format!("/proc/{id}/clear_refs"), "5").expect("Linux");
    }

    fn status_kib(&self, name: &str) -> u64 {
        let id = self.child.lock().expect("unpoisoned").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).expect("a number")
    }

    /// What was logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("unpoisoned").clone()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        warden::signal(self.child.lock().expect("unpoisoned").id(), name);
    }

    /// Ends it as a crash would.
    pub fn kill(&self) {
        let mut child = self.child.lock().expect("unpoisoned");
        child.kill().expect("killed");
        child.wait().expect("ended");
    }

    /// Asks it to stop and waits; its exit status.
    pub async fn terminate(&self) -> ExitStatus {
        self.signal("TERM");
        self.wait_for_exit(Duration::from_secs(60)).await
    }

    /// Waits until it has ended.
    pub async fn wait_for_exit(&self, limit: Duration) -> ExitStatus {
        super::until("the gateway exits", limit, || async {
            self.child
                .lock()
                .expect("unpoisoned")
                .try_wait()
                .expect("a child")
        })
        .await
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        matches!(self.child.lock().expect("unpoisoned").try_wait(), Ok(None))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Ok(mut child) = self.child.lock() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            eprintln!("the end of the gateway's log:\n{}", tail.join("\n"));
        }
    }
}

/// An address that nobody listens on just now.
fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

/// The bound addresses, from the line that tells them.
fn addresses(log: &Mutex<String>, child: &mut Child) -> Option<(SocketAddr, SocketAddr)> {
    let started = Instant::now();
    while started.elapsed() < SOON {
        let text = log.lock().expect("unpoisoned").clone();
        if let Some(line) = text.lines().find(|line| line.contains("listening")) {
            // `api=1.2.3.4:5` in text, `"api":"1.2.3.4:5"` in JSON.
            let plain = line.replace("\":\"", "=").replace(['"', ','], " ");
            let of = |name: &str| {
                let (_, rest) = plain.split_once(name)?;
                rest.split_whitespace().next()?.parse().ok()
            };
            if let (Some(api), Some(operations)) = (of(" api="), of(" operations=")) {
                return Some((api, operations));
            }
        }
        if !matches!(child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(50));
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}
