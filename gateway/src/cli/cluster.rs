//! A PostgreSQL cluster of the gateway's own, in `.gateway/`: made once, kept between runs, stopped with the gateway.
//!
//! PostgreSQL refuses to run as root, so as root its programs run as the user `postgres` of its package. A server left
//! running by a crash is found by its pid file and reused.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ring::digest::{SHA256, digest};
use tokio::process::{Child, Command};

use super::signals;
use crate::base::hex;
use crate::base::stop::Stop;

/// Where Debian and Ubuntu put the programs, one folder a version.
const PROGRAMS: &str = "/usr/lib/postgresql";
/// Where the data goes if PostgreSQL's user may not enter our folder, which then holds a link.
const OUTSIDE: &str = "/var/lib/sentinel-gateway";
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// What stopping the server may take when the gateway ends at once: in order, and then by force.
const HURRY: Duration = Duration::from_secs(3);
/// What it may take otherwise.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(100);
const PORT_FILE: &str = "port";

/// Settings beside PostgreSQL's defaults: a machine of one's own, and durable.
const SETTINGS: &str = "\n# Written by `gateway dev`.\nlisten_addresses = '127.0.0.1'\nshared_buffers = 256MB\n\
    max_wal_size = 4GB\nmax_connections = 200\nlog_min_messages = warning\n";

/// Why the cluster cannot be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClusterError {
    #[error("PostgreSQL's programs are not installed; on Debian and Ubuntu: apt-get install postgresql")]
    NoPrograms,
    #[error("there is no user `postgres` for PostgreSQL to run as, and it refuses to run as root")]
    NoUser,
    #[error("{program} failed: {message}")]
    Failed { program: &'static str, message: String },
    #[error("PostgreSQL did not start; its log is {0}")]
    NotStarted(PathBuf),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
}

/// A running cluster.
pub(super) struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    /// Absent where a server that ran already was taken over.
    server: Option<Child>,
}

impl Cluster {
    /// Starts the cluster in `folder`, making it if it is not there. It may not be ready if `stop` is asked for meanwhile.
    pub(super) async fn start(folder: &Path, stop: &Stop) -> Result<Self, ClusterError> {
        let programs = programs().ok_or(ClusterError::NoPrograms)?;
        let folder = std::path::absolute(folder).map_err(io_at(folder))?;
        std::fs::create_dir_all(&folder).map_err(io_at(&folder))?;
        let data = folder.join("postgres");
        if !data.join("PG_VERSION").exists() {
            create(&programs, &folder, &data).await?;
        }
        let mut cluster = Self {
            port: 0,
            programs,
            folder,
            server: None,
        };
        match cluster.running_port() {
            Some(port) => {
                cluster.port = port;
                tracing::info!(port, "PostgreSQL was still running and is taken over");
            }
            None => cluster.launch()?,
        }
        cluster.leave_no_stray();
        let ready = tokio::select! {
            ready = cluster.wait_until_ready() => ready,
            _ = stop.asked() => Ok(()),
        };
        if let Err(fault) = ready {
            // What became of it is told by its log.
            let _ = cluster.stop().await;
            return Err(fault);
        }
        Ok(cluster)
    }

    /// Has the server stopped also when a second signal ends the gateway at once.
    fn leave_no_stray(&self) {
        let (programs, data) = (self.programs.clone(), self.data());
        let process = self.server.as_ref().and_then(Child::id);
        signals::before_exit(move || {
            let control = |arguments: &[&str]| {
                let command = unprivileged(&programs.join("pg_ctl"));
                command.is_ok_and(|mut command| {
                    let command = command.as_std_mut().args(arguments);
                    let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
                    silent.status().is_ok_and(|status| status.success())
                })
            };
            let folder = data.display().to_string();
            let limit = HURRY.as_secs().to_string();
            let stop = |mode| control(&["stop", "-s", "-m", mode, "-t", &limit, "-D", &folder]);
            if !stop("fast")
                && !stop("immediate")
                && let Some(process) = process
                && serves(process, &data)
            {
                // It has only begun, and has no file that names it yet.
                control(&["kill", "QUIT", &process.to_string()]);
            }
        });
    }

    /// The address for the gateway.
    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> PathBuf {
        resolved(&self.folder.join("postgres"))
    }

    fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    /// The port of a server that lives, from the fourth line of its pid file.
    fn running_port(&self) -> Option<u16> {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid: u32 = lines.next()?.trim().parse().ok()?;
        let port = lines.nth(2)?.trim().parse().ok()?;
        serves(pid, &self.data()).then_some(port)
    }

    fn launch(&mut self) -> Result<(), ClusterError> {
        self.port = self.choose_port()?;
        let log = self.log();
        let output = std::fs::File::create(&log).map_err(io_at(&log))?;
        let errors = output.try_clone().map_err(io_at(&log))?;
        let program = self.programs.join("postgres");
        let mut command = unprivileged(&program)?;
        command
            .arg("-D")
            .arg(self.data())
            // No socket in a folder: the path to one may have a hundred bytes, and ours may be longer.
            .args(["-p", &self.port.to_string(), "-k", ""])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            // A group of its own: Ctrl-C in the terminal is for the gateway, which then stops the server in order.
            .process_group(0);
        self.server = Some(command.spawn().map_err(io_at(&program))?);
        Ok(())
    }

    /// The port of the last run if it is free, else any that is.
    fn choose_port(&self) -> Result<u16, ClusterError> {
        let file = self.folder.join(PORT_FILE);
        let last = std::fs::read_to_string(&file)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        let listener = last
            .and_then(|port: u16| TcpListener::bind(("127.0.0.1", port)).ok())
            .map_or_else(|| TcpListener::bind(("127.0.0.1", 0)), Ok)
            .map_err(io_at(&file))?;
        let port = listener.local_addr().map_err(io_at(&file))?.port();
        std::fs::write(&file, port.to_string()).map_err(io_at(&file))?;
        Ok(port)
    }

    async fn wait_until_ready(&mut self) -> Result<(), ClusterError> {
        let asking = async {
            loop {
                let mut ask = Command::new(self.programs.join("pg_isready"));
                ask.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
                if ask.status().await.is_ok_and(|status| status.success()) {
                    return true;
                }
                let has_ended = match &mut self.server {
                    Some(server) => !matches!(server.try_wait(), Ok(None)),
                    None => false,
                };
                if has_ended {
                    return false;
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        match tokio::time::timeout(START_TIMEOUT, asking).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(ClusterError::NotStarted(self.log())),
        }
    }

    /// Stops the server: open sessions are ended, everything is on disk.
    pub(super) async fn stop(mut self) -> Result<(), ClusterError> {
        let mut command = unprivileged(&self.programs.join("pg_ctl"))?;
        command.args(["stop", "-s", "-m", "fast", "-t"]);
        command
            .arg(STOP_TIMEOUT.as_secs().to_string())
            .arg("-D")
            .arg(self.data());
        let stopped = run("pg_ctl", command).await;
        if let Some(server) = &mut self.server {
            if stopped.is_err() {
                // It has only begun, and pg_ctl does not know it yet.
                let _ = server.start_kill();
            }
            let _ = server.wait().await;
        }
        stopped
    }
}

/// Whether a process that lives is the server of these data.
fn serves(process: u32, data: &Path) -> bool {
    let data = data.as_os_str().as_encoded_bytes();
    let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    command.windows(data.len()).any(|part| part == data)
}

async fn create(programs: &Path, folder: &Path, data: &Path) -> Result<(), ClusterError> {
    tracing::info!(folder = %data.display(), "making a PostgreSQL cluster");
    // A first try that was cut off leaves a part.
    let _ = std::fs::remove_dir_all(data);
    let _ = std::fs::remove_file(data);
    let outside = match other_user()? {
        Some(_) => place_outside(folder)?,
        None => None,
    };
    if let Some(place) = &outside {
        std::os::unix::fs::symlink(place, data).map_err(io_at(data))?;
    } else {
        std::fs::create_dir(data).map_err(io_at(data))?;
    }
    std::fs::set_permissions(data, PermissionsExt::from_mode(0o700)).map_err(io_at(data))?;
    if let Some((user, group)) = other_user()? {
        std::os::unix::fs::chown(data, Some(user), Some(group)).map_err(io_at(data))?;
    }
    let mut command = unprivileged(&programs.join("initdb"))?;
    command.args([
        "-A",
        "trust",
        "-U",
        "postgres",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "-D",
    ]);
    command.arg(resolved(data));
    run("initdb", command).await?;
    let file = data.join("postgresql.conf");
    let text = std::fs::read_to_string(&file).map_err(io_at(&file))?;
    std::fs::write(&file, text + SETTINGS).map_err(io_at(&file))
}

/// A place for the data where the other user may go, if it may not go to `folder`: below `/root`, say.
fn place_outside(folder: &Path) -> Result<Option<PathBuf>, ClusterError> {
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o711)).map_err(io_at(folder))?;
    let is_passable = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
    };
    if folder.ancestors().all(is_passable) {
        return Ok(None);
    }
    let sum = digest(&SHA256, folder.as_os_str().as_encoded_bytes());
    let place = Path::new(OUTSIDE).join(hex::encode(&sum.as_ref()[..8]));
    tracing::info!(place = %place.display(), "the user postgres may not enter this folder; its data goes there");
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(&place).map_err(io_at(&place))?;
    Ok(Some(place))
}

async fn run(program: &'static str, mut command: Command) -> Result<(), ClusterError> {
    let failed = |message: String| ClusterError::Failed { program, message };
    let output = command
        .output()
        .await
        .map_err(|fault| failed(fault.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

/// A command that does not run as root.
fn unprivileged(program: &Path) -> Result<Command, ClusterError> {
    let mut command = Command::new(program);
    // The working directory may be one that the other user may not enter.
    command.current_dir("/").env("LC_ALL", "C.UTF-8");
    if let Some((user, group)) = other_user()? {
        command.uid(user).gid(group);
    }
    Ok(command)
}

/// User and group to run as where this process is root.
fn other_user() -> Result<Option<(u32, u32)>, ClusterError> {
    let me = std::fs::metadata("/proc/self")
        .map_err(io_at(Path::new("/proc/self")))?
        .uid();
    if me != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = users.lines().find_map(|line| {
        let mut parts = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    });
    ids.map(Some).ok_or(ClusterError::NoUser)
}

/// The folder of the newest version's programs.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(PROGRAMS).ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            let folder = entry.path().join("bin");
            folder.join("initdb").exists().then_some((version, folder))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, folder)| folder)
}

/// The path without links, which may lead through folders that the other user may not enter.
fn resolved(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn io_at(path: &Path) -> impl FnOnce(std::io::Error) -> ClusterError {
    let path = path.to_owned();
    move |source| ClusterError::Io { path, source }
}
