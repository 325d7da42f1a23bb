//! Holds a process to a share of one core, by a control group (see cgroups(7); version 1 and 2).

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";
/// Short, so that what is held back stands still for milliseconds and not for tenths of a second.
const PERIOD_US: u32 = 10_000;

/// While this lives, its process gets no more than its share.
pub struct Quota {
    parent: PathBuf,
    folder: PathBuf,
    pid: u32,
}

impl Quota {
    /// Holds `pid` to `share` of one core.
    pub fn hold(pid: u32, share: f64) -> Result<Self> {
        let is_first = Path::new(ROOT).join("cpu/cpu.cfs_quota_us").exists();
        let parent = match is_first {
            true => Path::new(ROOT).join("cpu"),
            false => PathBuf::from(ROOT),
        };
        let folder = parent.join(format!("bench-{pid}"));
        fs::create_dir(&folder)
            .with_context(|| format!("a control group at {} (root can make one)", folder.display()))?;
        let quota = Self { parent, folder, pid };
        let quota_us = (f64::from(PERIOD_US) * share).round();
        if is_first {
            quota.write("cpu.cfs_period_us", &PERIOD_US.to_string())?;
            quota.write("cpu.cfs_quota_us", &quota_us.to_string())?;
        } else if quota.folder.join("cpu.max").exists() {
            quota.write("cpu.max", &format!("{quota_us} {PERIOD_US}"))?;
        } else {
            bail!("{ROOT} has no cpu controller for its groups");
        }
        quota.write("cgroup.procs", &pid.to_string())?;
        Ok(quota)
    }

    fn write(&self, name: &str, value: &str) -> Result<()> {
        let file = self.folder.join(name);
        fs::write(&file, value).with_context(|| format!("writing {value} to {}", file.display()))
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // A group goes only when nobody is in it.
        let _ = fs::write(self.parent.join("cgroup.procs"), self.pid.to_string());
        let _ = fs::remove_dir(&self.folder);
    }
}
