//! What goes wrong beside the kills.

use super::Options;
use crate::cluster::Cluster;
use crate::gateway::Gateway;
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::fs::File;
use std::io::{PipeReader, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::process::Child;

const DAY_SECONDS: u64 = 24 * 60 * 60;
/// From the start of the database to its midnight: the gateways start, and some kills pass.
const TO_MIDNIGHT_SECONDS: u64 = 60;
/// A disk is full for twice as long, with a kill in the middle.
const FULL: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(100);
/// A file system with more room is not one that was made to be filled.
const MOST_ROOM_KIB: u64 = 3 << 20;
const DROPPED_LINES: &str = "gateway_log_lines_dropped_total";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Trouble {
    /// Nobody reads what `pg_dump` writes, so it holds its locks all the time.
    Dump,
    /// The database's day ends during the run.
    Midnight,
    /// PostgreSQL is ended in immediate mode instead of by SIGKILL.
    Immediate,
    /// The disk of PostgreSQL is full for some seconds, in turn with the kills. Its folder, which lies in TMPDIR, must be on
    /// a small file system.
    FullDisk,
    /// Nobody reads what the gateways log, which is all that they do.
    StalledLog,
}

/// What a run was told to go through, and what it has seen of it.
pub struct Troubles {
    wanted: Vec<Trouble>,
    dump: Option<Dump>,
    first_day: String,
    dump_count: u32,
    full_count: u32,
    /// Times that a gateway was unready while the disk was full.
    unready_count: u32,
}

struct Dump {
    _child: Child,
    _unread: PipeReader,
}

impl Troubles {
    pub fn of(options: &Options) -> Self {
        Self {
            wanted: options.trouble.clone(),
            dump: None,
            first_day: String::new(),
            dump_count: 0,
            full_count: 0,
            unready_count: 0,
        }
    }

    pub fn has(&self, trouble: Trouble) -> bool {
        self.wanted.contains(&trouble)
    }

    /// How far the clock of the database is ahead.
    pub fn ahead(&self) -> Result<Duration> {
        if !self.has(Trouble::Midnight) {
            return Ok(Duration::ZERO);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let to_midnight = DAY_SECONDS - now % DAY_SECONDS;
        // Already close: the midnight after it.
        let ahead = (to_midnight + DAY_SECONDS - TO_MIDNIGHT_SECONDS) % DAY_SECONDS;
        Ok(Duration::from_secs(ahead))
    }

    /// What the gateways are told.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = Vec::new();
        if self.has(Trouble::StalledLog) {
            settings.push(("GATEWAY_TELEMETRY__LOG_LEVEL", "debug".to_owned()));
            settings.push(("GATEWAY_TELEMETRY__ACCESS_LOG", "all".to_owned()));
        }
        settings
    }

    pub async fn begin(&mut self, cluster: &Cluster) -> Result<()> {
        self.first_day = day(cluster).await?;
        self.begin_dump(cluster)
    }

    /// Begins a dump, also in the place of one whose session has ended with the server: it is stuck in writing.
    pub fn begin_dump(&mut self, cluster: &Cluster) -> Result<()> {
        if self.has(Trouble::Dump) {
            let (unread, out) = std::io::pipe()?;
            self.dump = Some(Dump {
                _child: cluster.dump(out)?,
                _unread: unread,
            });
            self.dump_count += 1;
        }
        Ok(())
    }

    /// Whether there is something that the run has yet to go through.
    pub async fn is_to_come(&self, cluster: &Cluster) -> Result<bool> {
        Ok(self.has(Trouble::Midnight) && day(cluster).await? == self.first_day)
    }

    /// Keeps the disk full for a while, in which `gateways` must not be ready all the time.
    pub async fn fill_disk(&mut self, cluster: &Cluster, gateways: &[Gateway]) -> Result<()> {
        let started = Instant::now();
        let ballast = cluster.folder().with_extension("ballast");
        if !ballast.exists() {
            refuse_large_disk(cluster.folder())?;
        }
        while started.elapsed() < FULL {
            fill(&ballast)?;
            for gateway in gateways {
                self.unready_count += u32::from(!gateway.is_ready().await);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Gives the room back, and starts the server if it has ended for want of it.
    pub fn free_disk(&mut self, cluster: &Cluster) -> Result<()> {
        self.full_count += 1;
        std::fs::remove_file(cluster.folder().with_extension("ballast"))?;
        if !cluster.is_running() {
            cluster.revive();
        }
        Ok(())
    }

    /// Ends what would go on for ever; an error if the run has not gone through what it was told to.
    pub async fn end(&mut self, cluster: &Cluster, gateways: &[Gateway]) -> Result<()> {
        self.dump = None;
        let mut out = std::io::stdout();
        if self.has(Trouble::Dump) {
            writeln!(out, "dumps begun           {:>8}", self.dump_count)?;
        }
        if self.has(Trouble::Midnight) {
            let days = cluster.ask("select count(distinct tableoid) from events").await?;
            writeln!(out, "days of the events    {days:>8}")?;
            if days.parse::<u32>()? < 2 {
                bail!("all events are of one day: the start took longer than {TO_MIDNIGHT_SECONDS} s");
            }
        }
        if self.has(Trouble::FullDisk) {
            writeln!(out, "times of a full disk  {:>8}", self.full_count)?;
            writeln!(out, "looks at unready ones {:>8}", self.unready_count)?;
            if self.unready_count == 0 {
                bail!("no gateway was ever unready: was the disk full?");
            }
        }
        if self.has(Trouble::StalledLog) {
            let mut count = 0;
            for gateway in gateways {
                count += gateway.metric(DROPPED_LINES).await?.unwrap_or(0);
            }
            writeln!(out, "lines that logs dropped {count:>6}")?;
            if count == 0 {
                bail!("the logs that nobody reads never filled: give the run more kills");
            }
        }
        Ok(())
    }
}

async fn day(cluster: &Cluster) -> Result<String> {
    cluster.ask("select (now() at time zone 'utc')::date").await
}

/// Writes until there is no more room.
fn fill(ballast: &Path) -> Result<()> {
    let mut file = File::options().create(true).append(true).open(ballast)?;
    for size in [1 << 20, 4096] {
        let block = vec![0; size];
        loop {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(fault) if fault.kind() == std::io::ErrorKind::StorageFull => break,
                Err(fault) => return Err(fault.into()),
            }
        }
    }
    Ok(())
}

fn refuse_large_disk(folder: &Path) -> Result<()> {
    let told = Command::new("df")
        .args(["--output=avail", "-k"])
        .arg(folder)
        .output()?;
    let text = String::from_utf8(told.stdout)?;
    let room: u64 = text
        .lines()
        .nth(1)
        .and_then(|line| line.trim().parse().ok())
        .context("df tells the room")?;
    if room > MOST_ROOM_KIB {
        bail!("{room} KiB are free in TMPDIR: give it a small file system, such as a tmpfs");
    }
    Ok(())
}
