//! Signals: the first SIGTERM or SIGINT drains the gateway, the second ends it at once. SIGHUP reloads the certificate and
//! the operator's definitions of connectors; SIGUSR1 and SIGUSR2 do nothing. None of the others ends it by default.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use crate::base::stop::Stop;
use crate::telemetry::log;

/// When the process ends although something in it hangs that heeds no deadline: after the drain time and this …
const LAST_RESORT: Duration = Duration::from_millis(9_800);
/// … or so long after a task failed.
const FAULT_LAST_RESORT: Duration = Duration::from_millis(4_500);
const LOOK: Duration = Duration::from_millis(100);

/// What an end at once must not leave undone.
static LAST_ACT: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

/// Handles signals from now on. To be called first: a signal without a handler ends the process.
pub(super) fn hear() -> std::io::Result<Stop> {
    for unused in [
        SignalKind::hangup(),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
    ] {
        // Once heard, a signal has no effect of its own any more, also when nobody waits for it.
        drop(signal(unused)?);
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = Stop::default();
    let given = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if given.is_asked() {
                tracing::warn!("second stop signal: ending at once; a successor does the rest");
                exit();
            }
            tracing::info!("stopping");
            given.ask();
        }
    });
    Ok(stop)
}

/// Ends the process when it should have ended long ago.
pub(super) fn end_surely(stop: &Stop, drain: Duration) -> std::io::Result<()> {
    let (stop, runtime) = (stop.clone(), Handle::current());
    let watching = move || {
        let asked_at = runtime.block_on(stop.asked());
        let mut failed_for = Duration::ZERO;
        while asked_at.elapsed() < drain + LAST_RESORT && failed_for < FAULT_LAST_RESORT {
            std::thread::sleep(LOOK);
            if stop.fault().is_some() {
                failed_for += LOOK;
            }
        }
        tracing::error!("something does not end; the gateway ends without it");
        exit();
    };
    std::thread::Builder::new()
        .name("last resort".into())
        .spawn(watching)
        .map(drop)
}

/// Has `act` done before the process ends at once.
pub(super) fn before_exit(act: impl FnOnce() + Send + 'static) {
    *LAST_ACT.lock() = Some(Box::new(act));
}

fn exit() -> ! {
    let act = LAST_ACT.lock().take();
    if let Some(act) = act {
        act();
    }
    log::finish();
    std::process::exit(1)
}
