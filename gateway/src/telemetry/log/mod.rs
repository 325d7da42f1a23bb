//! Log lines to standard error, as text for people or JSON for collectors.
//!
//! Logging neither blocks nor fails: lines go through [`writer`], which drops and counts those that cannot be written.

mod writer;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Telemetry};
use writer::{LogWriter, Submitted};

/// What the last lines are given to be written when the process ends.
const LAST_LINES: Duration = Duration::from_millis(500);

static WRITER: OnceLock<LogWriter> = OnceLock::new();

/// Starts logging for the whole process; a second call changes nothing.
pub fn start(settings: &Telemetry) -> io::Result<()> {
    if WRITER.get().is_some() {
        return Ok(());
    }
    let opened = LogWriter::to_standard_error()?;
    let writer = WRITER.get_or_init(|| opened);
    // The filter was checked when the configuration was read.
    let filter = EnvFilter::try_new(&settings.log_level).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Submitted::to(writer))
        // It would print its own errors to standard error, and panic if that fails.
        .log_internal_errors(false)
        .with_target(false);
    let _ = match settings.log_format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Panics go where all lines go; by default they would wait for a reader who has stalled.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or_default();
    let cause = panic.payload_as_str().unwrap_or_default();
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = Backtrace::capture();
    match backtrace.status() {
        BacktraceStatus::Captured => tracing::error!(thread, place, cause, %backtrace, "panicked"),
        _ => tracing::error!(thread, place, cause, "panicked"),
    }
}

/// Prints a line for the user who started the process, whatever the log level.
pub fn tell(text: &str) {
    let line = format!("{text}\n");
    match WRITER.get() {
        Some(writer) => writer.submit(line.as_bytes()),
        // There is nobody else to tell.
        None => drop(io::stderr().write_all(line.as_bytes())),
    }
}

/// Gives the last lines a moment to be written.
pub fn finish() {
    if let Some(writer) = WRITER.get() {
        writer.flush_within(LAST_LINES);
    }
}
