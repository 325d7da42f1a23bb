//! A private PostgreSQL cluster in a temporary folder, durable as in production (fsync on).

use crate::child::{bound, end, free_port, output};
use anyhow::{Context, Result, bail};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::{Child, Command};

const START: Duration = Duration::from_secs(30);
const SETTINGS: &[&str] = &[
    "fsync=on",
    "shared_buffers=512MB",
    "max_wal_size=4GB",
    "min_wal_size=3GB",
    "listen_addresses=127.0.0.1",
];

const WAL_SEGMENTS: usize = 150;

pub struct Cluster {
    pub port: u16,
    programs: PathBuf,
    data: PathBuf,
    log: PathBuf,
    postmaster: Child,
    // Removed after `drop` has stopped the server.
    _folder: TempDir,
}

impl Cluster {
    pub async fn start() -> Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("bench-pg-").tempdir()?;
        if is_root()? {
            output(Command::new("chown").arg("postgres:postgres").arg(folder.path())).await?;
        }
        let data = folder.path().join("data");
        output(
            unprivileged("KILL")?
                .arg(programs.join("initdb"))
                .args(["-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D"])
                .arg(&data),
        )
        .await
        .context("initdb")?;
        let port = free_port()?;
        let log = folder.path().join("postgres.log");
        let postmaster = serve(&programs, &data, port, &log)?;
        let mut cluster = Self {
            port,
            programs,
            data,
            log,
            postmaster,
            _folder: folder,
        };
        cluster.wait_until_ready().await?;
        cluster.lay_wal_in().await?;
        Ok(cluster)
    }

    /// Segments of WAL that wait to be used again, as in a database that has been at work for a while. Without them each
    /// 16 MiB of WAL stop all commits for the 30 to 80 ms that a new file takes.
    async fn lay_wal_in(&self) -> Result<()> {
        let fill = format!(
            "select pg_logical_emit_message(false, 'bench', ''), pg_switch_wal() from generate_series(1, {WAL_SEGMENTS})"
        );
        self.execute(&fill).await?;
        self.execute("checkpoint").await
    }

    /// Kills the postmaster as a crash would; its backends see that and end.
    pub fn kill(&mut self) {
        end(&mut self.postmaster);
    }

    /// Starts it again on what the crash has left.
    pub async fn revive(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        loop {
            self.postmaster = serve(&self.programs, &self.data, self.port, &self.log)?;
            match self.wait_until_ready().await {
                Ok(()) => return Ok(()),
                // A backend that has not yet seen the crash still holds the shared memory.
                Err(_) if Instant::now() < deadline => {
                    end(&mut self.postmaster);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        loop {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status()
                .await?;
            if ready.success() {
                return Ok(());
            }
            if let Some(status) = self.postmaster.try_wait()? {
                bail!("postgres ended with {status}");
            }
            if Instant::now() > deadline {
                bail!("postgres was not ready within {START:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs statements that give nothing back.
    pub async fn execute(&self, statements: &str) -> Result<()> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "-XAqt",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &self.url(),
            "-c",
            statements,
        ]);
        output(&mut psql).await?;
        Ok(())
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Runs SQL, or one of its own commands, by `psql`.
    pub async fn psql(&self, command: &str) -> Result<()> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", command])
            .arg(self.url())
            // Files are named as this process knows them.
            .kill_on_drop(true);
        output(&mut psql).await.map(drop)
    }

    /// Process id of the postmaster, parent of every backend.
    pub fn pid(&self) -> Result<u32> {
        self.postmaster.id().context("postgres has ended")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Ok(command) = unprivileged("KILL") else {
            return;
        };
        let stopped = command
            .into_std()
            .arg(self.programs.join("pg_ctl"))
            .args(["stop", "-s", "-w", "-t", "20", "-m", "immediate", "-D"])
            .arg(&self.data)
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            end(&mut self.postmaster);
        }
        let _ = self.postmaster.try_wait();
    }
}

fn serve(programs: &Path, data: &Path, port: u16, log: &Path) -> Result<Child> {
    let log = std::fs::File::options().create(true).append(true).open(log)?;
    let mut command = unprivileged("QUIT")?;
    command
        .arg(programs.join("postgres"))
        .arg("-D")
        .arg(data)
        .args(["-p", &port.to_string(), "-k"])
        .arg(data)
        .stdout(Stdio::null())
        .stderr(log)
        // Stopped by `drop`; a SIGKILL would leave its shared memory behind.
        .kill_on_drop(false);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command.spawn().context("starting postgres")
}

/// PostgreSQL refuses to run as root.
fn unprivileged(death_signal: &str) -> Result<Command> {
    let mut command = bound(death_signal);
    if is_root()? {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    // The folder we were started in may be closed to that user.
    command.current_dir("/");
    Ok(command)
}

fn is_root() -> Result<bool> {
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}

/// The folder of the newest version that Debian's packages have put there.
fn programs() -> Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .context("no PostgreSQL under /usr/lib/postgresql (apt-get install postgresql)")?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            Some((version, path.join("bin")))
        })
        .filter(|(_, programs)| has_server(programs))
        .collect();
    versions.sort();
    let newest = versions.pop().context("no postgres program found")?;
    Ok(newest.1)
}

fn has_server(programs: &Path) -> bool {
    programs.join("postgres").is_file() && programs.join("initdb").is_file()
}
