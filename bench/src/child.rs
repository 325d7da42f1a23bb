//! Child processes that never outlive the run.
//!
//! Dropping a child kills it, and `setpriv --pdeathsig` has the kernel do it when the run itself
//! is killed in a way that runs no destructor.

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const START: Duration = Duration::from_secs(10);
/// A killed process is gone in milliseconds, unless the disk holds it.
const END: Duration = Duration::from_secs(2);

/// A command that is bound to the life of this thread; add the program and its arguments.
pub fn bound(death_signal: &str) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", death_signal])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// A server of our own, which tells its address in its first line.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// `arguments` are those of this very executable.
    pub async fn start(arguments: &[&str]) -> Result<Self> {
        let mut child = bound("KILL")
            .arg(std::env::current_exe()?)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting bench {}", arguments.join(" ")))?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        timeout(START, stdout.read_line(&mut line)).await??;
        let address = line
            .trim()
            .strip_prefix("listening ")
            .with_context(|| format!("bench {} did not start", arguments.join(" ")))?
            .parse()?;
        Ok(Self {
            address,
            child,
            _stdout: stdout,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Kills a child and collects it: where process 1 reaps nobody, it would stay as a zombie.
pub fn end(child: &mut Child) {
    if child.start_kill().is_err() {
        return;
    }
    let deadline = Instant::now() + END;
    while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs this very executable to its end and reads the JSON that it prints.
pub async fn report<T: DeserializeOwned>(arguments: &[String]) -> Result<T> {
    let mut command = bound("KILL");
    command.arg(std::env::current_exe()?).args(arguments);
    let stdout = output(&mut command).await?;
    serde_json::from_slice(&stdout).with_context(|| format!("bench {} printed no report", arguments[0]))
}

/// Standard output of a command that must succeed.
pub async fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .output()
        .await
        .context("starting a command (is setpriv there?)")?;
    if !output.status.success() {
        let arguments: Vec<_> = command.as_std().get_args().map(OsStr::to_string_lossy).collect();
        bail!(
            "{} ended with {}: {}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(output.stdout)
}

/// A port that was free a moment ago, for programs that cannot tell which one they took.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
