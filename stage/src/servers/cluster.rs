//! A PostgreSQL cluster in the stage's folder. One is shared by all tests; tests that break theirs start their own.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::database::Database;
use super::port::unused_port;
use crate::{cli, warden};

/// Where Debian and Ubuntu put the programs, one folder a version.
const PROGRAMS: &str = "/usr/lib/postgresql";
const START_LIMIT: Duration = Duration::from_secs(60);
const END_LIMIT: Duration = Duration::from_secs(5);

/// Whether a crash of the machine may cost data. Crashes of processes never may, so most tests do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    Off,
    On,
}

/// What most clusters are given.
const USUAL: &[&str] = &["max_connections=400", "shared_buffers=64MB", "max_wal_size=1GB"];
const UNSAFE: &[&str] = &["fsync=off", "full_page_writes=off"];

/// A running cluster.
pub struct Cluster {
    data: PathBuf,
    port: u16,
    settings: Vec<String>,
    environment: Vec<(String, String)>,
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
        let more = if sync == Sync::Off { UNSAFE } else { &[] };
        Self::start_with(&[USUAL, more].concat(), None)
    }

    /// A cluster with these settings, and with these rules of access (`pg_hba.conf`) instead of trust in everyone.
    pub fn start_with(settings: &[&str], access: Option<&str>) -> Self {
        Self::start_in(settings, access, &[])
    }

    /// The same, with these variables in the server's environment.
    pub fn start_in(settings: &[&str], access: Option<&str>, environment: &[(&str, &str)]) -> Self {
        let data = warden::folder().join(format!("postgres-{}", uuid::Uuid::now_v7().simple()));
        // A copy costs a tenth of what making a cluster costs.
        copy_folder(pristine(), &data);
        if let Some(access) = access {
            std::fs::write(data.join("pg_hba.conf"), access).expect("written");
        }
        Self::start_at(data, settings, environment)
    }

    /// A cluster on a folder that another server has filled, such as a backup of it.
    pub(super) fn start_on(data: PathBuf) -> Self {
        Self::start_at(data, USUAL, &[])
    }

    fn start_at(data: PathBuf, settings: &[&str], environment: &[(&str, &str)]) -> Self {
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let environment: Vec<(String, String)> = environment
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let port = unused_port();
        let server = Mutex::new(launch(&data, port, &settings, &environment));
        let cluster = Self {
            data,
            port,
            settings,
            environment,
            server,
            template: OnceLock::new(),
        };
        cluster.wait_until_ready();
        cluster
    }

    /// The address of a database in this cluster.
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.server_url())
    }

    fn server_url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// A database that stands at the newest schema.
    pub async fn database(&'static self) -> Database {
        let template = self.template().await;
        Database::create(&self.server_url(), Some(template)).await
    }

    /// A database without any schema.
    pub async fn empty_database(&'static self) -> Database {
        Database::create(&self.server_url(), None).await
    }

    async fn template(&'static self) -> &'static str {
        static MAKING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let _alone = MAKING.lock().await;
        if self.template.get().is_none() {
            let template = self.empty_database().await;
            let migrated = cli::run(&template.url(), &["migrate"], &[]);
            assert!(migrated.status.success(), "{migrated:?}");
            self.template.set(template.name().to_owned()).expect("made once");
        }
        self.template.get().expect("just made")
    }

    /// Ends the server as a crash would.
    pub fn kill(&self) {
        self.end("KILL");
    }

    /// Ends the server in immediate mode, as a failover does: its backends are told, and it does not wait for them.
    pub fn end_immediately(&self) {
        self.end("QUIT");
    }

    fn end(&self, signal: &str) {
        let mut server = self.server.lock().expect("unpoisoned");
        warden::signal(server.id(), signal);
        server.wait().expect("ended");
    }

    /// Whether the server runs; one whose disk is full may end by itself.
    pub fn is_running(&self) -> bool {
        matches!(self.server.lock().expect("unpoisoned").try_wait(), Ok(None))
    }

    /// Where its data is.
    pub fn folder(&self) -> &Path {
        &self.data
    }

    /// Stops the server in order and copies what it holds.
    pub fn stop_and_copy(&self) -> PathBuf {
        self.end("INT");
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
        let started = Instant::now();
        loop {
            // Sessions that the crash left need a moment to notice it; until then the server refuses to start.
            let server = launch(&self.data, self.port, &self.settings, &self.environment);
            *self.server.lock().expect("unpoisoned") = server;
            if self.is_ready_within(START_LIMIT) {
                return;
            }
            assert!(started.elapsed() < START_LIMIT, "the server does not start again");
        }
    }

    /// The port that it listens at.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the postmaster, the parent of every backend.
    pub fn pid(&self) -> u32 {
        self.server.lock().expect("unpoisoned").id()
    }

    /// Connections that clients hold open, also while the server stands still and answers none.
    pub fn connection_count(&self) -> usize {
        // A line for each end of a connection: its own address, the other's, and 01 if it is open.
        let open = format!(":{:04X} 01 ", self.port);
        let sockets = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
        sockets.lines().filter(|line| line.contains(&open)).count()
    }

    /// `pg_dump` of a database, to standard output.
    pub fn dump(&self, database: &str) -> Command {
        let mut command = Command::new(programs().join("pg_dump"));
        command.args(["-d", &self.url(database)]);
        command
    }

    /// `psql` in a database, for what SQL alone cannot do; it fails at the first error.
    pub fn psql(&self, database: &str) -> Command {
        let mut command = Command::new(programs().join("psql"));
        command.args(["-XAqt", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database)]);
        command
    }

    /// Stops every process of the server where it stands, or has it go on.
    pub fn signal_all(&self, name: &str) {
        let pid = self.pid();
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
            // Ended so, it gives its shared memory back; one that was stopped cannot.
            let _ = Command::new("kill")
                .args(["-QUIT", &server.id().to_string()])
                .status();
            let asked = Instant::now();
            while asked.elapsed() < END_LIMIT && matches!(server.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// A data folder as `initdb` makes it, which no server uses.
fn pristine() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let data = warden::folder().join("initdb");
        std::fs::create_dir(&data).expect("a data folder");
        std::fs::set_permissions(&data, PermissionsExt::from_mode(0o700)).expect("private");
        give_to_server(&data);
        let arguments = "-N -A trust -U postgres -E UTF8 --locale=C.UTF-8 -D";
        let program = programs().join("initdb");
        run(unprivileged(program).args(arguments.split(' ')).arg(&data));
        data
    })
}

/// With owners and permissions, which the server checks.
fn copy_folder(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-a").args([from, to]));
}

/// Makes a file or folder the server's own, where it runs as another user.
pub fn give_to_server(path: &Path) {
    if let Some((user, group)) = other_user() {
        chown(path, Some(user), Some(group)).expect("given to postgres");
    }
}

pub(super) fn run(command: &mut Command) {
    let output = command.output().expect("a command");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}

fn launch(data: &Path, port: u16, settings: &[String], environment: &[(String, String)]) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(data.with_extension("log"))
        .expect("a log");
    let mut command = unprivileged(programs().join("postgres"));
    command
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .arg("-D")
        .arg(data)
        // No socket in the file system: its path would be longer than such a path may be.
        .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""]);
    for setting in settings {
        command.args(["-c", setting]);
    }
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .process_group(0)
        .spawn()
        .expect("postgres")
}

pub(super) fn unprivileged(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").env("LC_ALL", "C.UTF-8");
    if let Some((user, group)) = other_user() {
        command.uid(user).gid(group);
    }
    command
}

/// PostgreSQL refuses to run as root; there its package's user runs it.
pub fn other_user() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").expect("proc").uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("users");
    let line = users.lines().find_map(|line| line.strip_prefix("postgres:"));
    let mut parts = line.expect("a user postgres").split(':').skip(1);
    let mut number = || parts.next().and_then(|part| part.parse().ok()).expect("a number");
    Some((number(), number()))
}

pub(super) fn programs() -> &'static Path {
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
