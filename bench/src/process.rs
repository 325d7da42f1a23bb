//! CPU time and memory of processes, from `/proc` (see proc(5)).

use anyhow::{Context, Result};
use std::fs;

/// Clock ticks a second in `/proc/PID/stat`: 100 on every Linux that runs on x86-64 or arm64.
const TICKS: f64 = 100.0;

/// One process, memory in MB of 10^6 bytes.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    pub cpu_seconds: f64,
    pub rss_mb: f64,
    pub rss_peak_mb: f64,
}

pub fn usage(pid: u32) -> Result<Usage> {
    let status = read(pid, "status")?;
    Ok(Usage {
        cpu_seconds: stat(pid)?.own_seconds(),
        rss_mb: kilobytes(&status, "VmRSS:")? / 1_000.0,
        rss_peak_mb: kilobytes(&status, "VmHWM:")? / 1_000.0,
    })
}

/// Lets `rss_peak_mb` start anew from the present size.
pub fn forget_peak(pid: u32) -> Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("resetting the memory peak")
}

/// CPU seconds of a parent and of its children, those that have ended included.
pub fn family_cpu_seconds(parent: u32) -> Result<f64> {
    let parent_stat = stat(parent)?;
    let mut seconds = parent_stat.own_seconds() + parent_stat.ended_children_seconds();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end between the listing and the look.
        if let Ok(child) = stat(pid)
            && child.parent == parent
        {
            seconds += child.own_seconds() + child.ended_children_seconds();
        }
    }
    Ok(seconds)
}

struct Stat {
    parent: u32,
    user: f64,
    system: f64,
    children_user: f64,
    children_system: f64,
}

impl Stat {
    fn own_seconds(&self) -> f64 {
        (self.user + self.system) / TICKS
    }

    fn ended_children_seconds(&self) -> f64 {
        (self.children_user + self.children_system) / TICKS
    }
}

fn stat(pid: u32) -> Result<Stat> {
    parse_stat(&read(pid, "stat")?).with_context(|| format!("/proc/{pid}/stat is unreadable"))
}

/// The program's name (in brackets) may hold spaces and brackets, so fields count from its end.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, after_name) = text.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        user: number(11)?,
        system: number(12)?,
        children_user: number(13)?,
        children_system: number(14)?,
    })
}

fn kilobytes(status: &str, name: &str) -> Result<f64> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|kibibytes| kibibytes.parse::<f64>().ok())
        .map(|kibibytes| kibibytes * 1.024)
        .with_context(|| format!("no {name} in /proc/PID/status"))
}

fn read(pid: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).with_context(|| format!("reading {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let text = "42 (a) b (c)) S 7 1 1 0 -1 4194304 1 2 3 4 150 50 30 20 20 0 1 0 5 6 7";
        let stat = parse_stat(text).expect("parses");
        assert_eq!(stat.parent, 7);
        assert!((stat.own_seconds() - 2.0).abs() < f64::EPSILON);
        assert!((stat.ended_children_seconds() - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn this_process_can_be_read() {
        let usage = usage(std::process::id()).expect("our own /proc");
        assert!(usage.rss_mb > 0.0 && usage.rss_peak_mb >= usage.rss_mb);
    }
}
