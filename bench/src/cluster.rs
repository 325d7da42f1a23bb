//! A private PostgreSQL cluster, durable as in production (fsync on).

use crate::child::output;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const SETTINGS: &[&str] = &[
    "fsync=on",
    "shared_buffers=512MB",
    "max_wal_size=4GB",
    "min_wal_size=3GB",
];

const WAL_SEGMENTS: usize = 150;

/// For runs that measure no rates, on disks that may be small.
const SMALL: &[&str] = &[
    "fsync=on",
    "shared_buffers=128MB",
    "max_wal_size=256MB",
    "min_wal_size=80MB",
];

/// Gives a process another clock; the package `libfaketime` has it.
const CLOCK_LIBRARIES: &str = "/usr/lib";
const CLOCK_LIBRARY: &str = "faketime/libfaketime.so.1";

pub struct Cluster {
    server: stage::Cluster,
}

impl Cluster {
    pub async fn start() -> Result<Self> {
        let starting = tokio::task::spawn_blocking(|| stage::Cluster::start_with(SETTINGS, None));
        let server = starting.await.context("starting postgres")?;
        let cluster = Self { server };
        cluster.lay_wal_in().await?;
        Ok(cluster)
    }

    /// A small one, the clock of which is so far ahead.
    pub async fn start_small(ahead: Duration) -> Result<Self> {
        let mut environment = Vec::new();
        if !ahead.is_zero() {
            environment.extend([
                ("LD_PRELOAD", clock_library()?),
                ("FAKETIME", format!("+{}s", ahead.as_secs())),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ]);
        }
        let starting = tokio::task::spawn_blocking(move || {
            let environment: Vec<_> = environment
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            stage::Cluster::start_in(SMALL, None, &environment)
        });
        let server = starting.await.context("starting postgres")?;
        Ok(Self { server })
    }

    /// Segments of WAL that wait to be used again, as in a database that has been at work for a while. Without them each
    /// 16 MiB of WAL stop all commits for the 30 to 80 ms that a new file takes.
    async fn lay_wal_in(&self) -> Result<()> {
        let fill = format!(
            "select pg_logical_emit_message(false, 'bench', ''), pg_switch_wal() from generate_series(1, {WAL_SEGMENTS})"
        );
        self.psql(&fill).await?;
        self.psql("checkpoint").await
    }

    /// Kills the postmaster as a crash would; its backends see that and end.
    pub fn kill(&self) {
        self.server.kill();
    }

    /// Ends it in immediate mode.
    pub fn end_immediately(&self) {
        self.server.end_immediately();
    }

    pub fn is_running(&self) -> bool {
        self.server.is_running()
    }

    /// Where its data is.
    pub fn folder(&self) -> &Path {
        self.server.folder()
    }

    /// Begins a dump of it, to `out`.
    pub fn dump(&self, out: impl Into<Stdio>) -> Result<tokio::process::Child> {
        let mut dump = tokio::process::Command::from(self.server.dump("postgres"));
        let dump = dump.stdin(Stdio::null()).stdout(out).stderr(Stdio::null());
        dump.kill_on_drop(true).spawn().context("starting pg_dump")
    }

    /// Starts it again on what the crash has left.
    pub fn revive(&self) {
        self.server.restart();
    }

    pub fn url(&self) -> String {
        self.server.url("postgres")
    }

    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Runs SQL, or one of its own commands, by `psql`, and gives nothing back.
    pub async fn psql(&self, command: &str) -> Result<()> {
        self.ask(command).await.map(drop)
    }

    /// What SQL gives, by `psql`: a line a row.
    pub async fn ask(&self, command: &str) -> Result<String> {
        let mut psql: Command = self.server.psql("postgres");
        psql.args(["-c", command]);
        let mut psql = tokio::process::Command::from(psql);
        let printed = output(psql.kill_on_drop(true)).await?;
        Ok(String::from_utf8(printed)?.trim().to_owned())
    }

    /// Process id of the postmaster, parent of every backend.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }
}

fn clock_library() -> Result<String> {
    let folders = std::fs::read_dir(CLOCK_LIBRARIES)?.flatten();
    let mut libraries = folders.map(|folder| folder.path().join(CLOCK_LIBRARY));
    let library = libraries.find(|library| library.exists());
    let library = library.context("no libfaketime: install Debian's package faketime")?;
    Ok(library.to_string_lossy().into_owned())
}
