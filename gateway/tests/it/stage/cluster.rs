//! A PostgreSQL cluster in the stage's folder. One is shared by all tests; tests that break theirs start their own.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::database::Database;
use super::{cli, warden};

/// Where Debian and Ubuntu put the programs, one folder a version.
const PROGRAMS: &str = "/usr/lib/postgresql";
const START_LIMIT: Duration = Duration::from_secs(60);

/// Whether a crash of the machine may cost data. Crashes of processes never may, so most tests do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    Off,
    On,
}

/// A running cluster.
pub struct Cluster {
    data: PathBuf,
    port: u16,
    server: Mutex<Child>,
    template: OnceLock<String>,
}

impl Cluster {
    /// The cluster that all tests share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Sync::Off))
    }

    /// A cluster of one's own.
    pub fn start(sync: Sync) -> Self {
        let data = warden::folder().join(format!("postgres-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir(&data).expect("a data folder");
        std::fs::set_permissions(&data, PermissionsExt::from_mode(0o700)).expect("private");
        if let Some((user, group)) = other_user() {
            chown(&data, Some(user), Some(group)).expect("given to postgres");
        }
        let made = unprivileged("initdb")
            .args([
                "-N",
                "-A",
                "trust",
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "-D",
            ])
            .arg(&data)
            .output()
            .expect("initdb");
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let port = free_port();
        let server = Mutex::new(launch(&data, port, sync));
        let cluster = Self {
            data,
            port,
            server,
            template: OnceLock::new(),
        };
        cluster.wait_until_ready();
        // Read again after a restart, which knows no command line of ours.
        let settings = cluster.data.join("postgresql.auto.conf");
        let text = if sync == Sync::Off { "fsync = off\n" } else { "" };
        std::fs::write(settings, text).expect("settings");
        cluster
    }

    /// The address of a database in this cluster.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// A database that stands at the newest schema.
    pub async fn database(&'static self) -> Database {
        let template = self.template().await;
        Database::create(self, Some(template)).await
    }

    /// A database without any schema.
    pub async fn empty_database(&'static self) -> Database {
        Database::create(self, None).await
    }

    async fn template(&'static self) -> &'static str {
        static MAKING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let _alone = MAKING.lock().await;
        if self.template.get().is_none() {
            let template = Database::create(self, None).await;
            let migrated = cli::run(&template.url(), &["migrate"], &[]);
            assert!(migrated.status.success(), "{migrated:?}");
            self.template.set(template.name().to_owned()).expect("made once");
        }
        self.template.get().expect("just made")
    }

    /// Ends the server as a crash would.
    pub fn kill(&self) {
        let mut server = self.server.lock().expect("unpoisoned");
        warden::signal(server.id(), "KILL");
        server.wait().expect("ended");
    }

    /// Stops the server in order and copies what it holds.
    pub fn stop_and_copy(&self) -> PathBuf {
        let mut server = self.server.lock().expect("unpoisoned");
        warden::signal(server.id(), "INT");
        server.wait().expect("ended");
        let copy = self.data.with_extension("copy");
        copy_folder(&self.data, &copy);
        copy
    }

    /// Puts a copy in the place of what the server, which does not run, holds.
    pub fn put_back(&self, copy: PathBuf) {
        std::fs::remove_dir_all(&self.data).expect("removed");
        std::fs::rename(copy, &self.data).expect("put back");
    }

    /// Starts the server again after [`kill`](Self::kill) or [`stop_and_copy`](Self::stop_and_copy).
    pub fn restart(&self) {
        let sync = match std::fs::read_to_string(self.data.join("postgresql.auto.conf")) {
            Ok(text) if text.contains("off") => Sync::Off,
            _ => Sync::On,
        };
        let started = Instant::now();
        loop {
            // Sessions that the crash left need a moment to notice it; until then the server refuses to start.
            let server = launch(&self.data, self.port, sync);
            *self.server.lock().expect("unpoisoned") = server;
            if self.is_ready_within(START_LIMIT) {
                return;
            }
            assert!(started.elapsed() < START_LIMIT, "the server does not start again");
        }
    }

    /// Stops every process of the server where it stands, or has it go on.
    pub fn signal_all(&self, name: &str) {
        let pid = self.server.lock().expect("unpoisoned").id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        for child in children.expect("children").split_whitespace() {
            let _ = Command::new("kill").args([&format!("-{name}"), child]).status();
        }
        warden::signal(pid, name);
    }

    fn wait_until_ready(&self) {
        if !self.is_ready_within(START_LIMIT) {
            let log = std::fs::read_to_string(self.data.with_extension("log"));
            panic!("PostgreSQL did not start: {}", log.unwrap_or_default());
        }
    }

    fn is_ready_within(&self, limit: Duration) -> bool {
        let started = Instant::now();
        while started.elapsed() < limit {
            let mut ask = Command::new(programs().join("pg_isready"));
            ask.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if ask.status().expect("pg_isready").success() {
                return true;
            }
            let ended = self.server.lock().expect("unpoisoned").try_wait();
            if !matches!(ended, Ok(None)) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Ok(mut server) = self.server.lock() {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// With owners and permissions, which the server checks.
fn copy_folder(from: &Path, to: &Path) {
    let mut copy = Command::new("cp");
    let copied = copy.arg("-a").args([from, to]).status().expect("cp");
    assert!(copied.success(), "copied");
}

fn launch(data: &Path, port: u16, sync: Sync) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(data.with_extension("log"))
        .expect("a log");
    let mut command = unprivileged("postgres");
    command
        .arg("-D")
        .arg(data)
        // No socket in the file system: its path would be longer than such a path may be.
        .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""])
        .args([
            "-c",
            "max_connections=400",
            "-c",
            "shared_buffers=64MB",
            "-c",
            "max_wal_size=1GB",
        ]);
    if sync == Sync::Off {
        command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
    }
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .process_group(0)
        .spawn()
        .expect("postgres")
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn unprivileged(program: &str) -> Command {
    let mut command = Command::new(programs().join(program));
    command.current_dir("/").env("LC_ALL", "C.UTF-8");
    if let Some((user, group)) = other_user() {
        command.uid(user).gid(group);
    }
    command
}

/// PostgreSQL refuses to run as root; there its package's user runs it.
fn other_user() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").expect("proc").uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("users");
    let line = users.lines().find_map(|line| line.strip_prefix("postgres:"));
    let mut parts = line.expect("a user postgres").split(':').skip(1);
    let mut number = || parts.next().and_then(|part| part.parse().ok()).expect("a number");
    Some((number(), number()))
}

fn programs() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let versions = std::fs::read_dir(PROGRAMS).expect("PostgreSQL is installed");
        let mut found: Vec<(u32, PathBuf)> = versions
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let version = entry.file_name().to_str()?.parse().ok()?;
                Some((version, entry.path().join("bin")))
            })
            .collect();
        found.sort();
        found.pop().expect("a version of PostgreSQL").1
    })
}
