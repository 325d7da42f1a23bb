//! A private PostgreSQL cluster, durable as in production (fsync on).

use crate::child::output;
use anyhow::{Context, Result};
use std::process::Command;

const SETTINGS: &[&str] = &[
    "fsync=on",
    "shared_buffers=512MB",
    "max_wal_size=4GB",
    "min_wal_size=3GB",
];

const WAL_SEGMENTS: usize = 150;

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
        let mut psql: Command = self.server.psql("postgres");
        psql.args(["-c", command]);
        let mut psql = tokio::process::Command::from(psql);
        output(psql.kill_on_drop(true)).await.map(drop)
    }

    /// Process id of the postmaster, parent of every backend.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }
}
