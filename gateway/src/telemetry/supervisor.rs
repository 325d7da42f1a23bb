//! What a supervisor is told that speaks systemd's `sd_notify` (`Type=notify`): that the gateway is ready, what it waits for,
//! that it stops, and that its tasks still run.
//!
//! The protocol is datagrams to the socket that `NOTIFY_SOCKET` names:
//! <https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>. Being unready is no reason to be killed: the watchdog
//! attests that tasks get their turn, and nothing about what they depend on.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::health::{Health, Readiness};
use crate::base::stop::Stop;

/// How often readiness is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// No watchdog is fed more often.
const SHORTEST: Duration = Duration::from_millis(10);
/// What a supervisor that does not read its socket is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether there is a supervisor that wants to be told.
pub fn is_there() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|path| !path.is_empty())
}

/// Tells the supervisor until `end`; from the moment `stop` is asked for, that the gateway stops.
pub async fn keep_telling(health: Health, stop: Stop, end: CancellationToken) {
    let watchdog = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero());
    // Twice as often as it must be: a turn that comes late is still in time.
    let every = watchdog.map(|limit| limit / 2);
    let mut turns = interval(every.map_or(LOOK, |every| every.clamp(SHORTEST, LOOK)));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Told::default();
    loop {
        let is_last = tokio::select! {
            _ = turns.tick() => false,
            _ = stop.asked(), if !told.stopping => false,
            () = end.cancelled() => true,
        };
        let lines = told.news(&health.readiness(), stop.is_asked(), every, Instant::now());
        if !lines.is_empty() {
            tell(lines).await;
        }
        if is_last {
            return;
        }
    }
}

/// What was said last, so that nothing is said twice.
#[derive(Debug, Default)]
struct Told {
    ready: bool,
    stopping: bool,
    status: String,
    alive_at: Option<Instant>,
}

impl Told {
    /// What has to be said now, a line each.
    fn news(
        &mut self,
        readiness: &Readiness,
        is_stopping: bool,
        every: Option<Duration>,
        now: Instant,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        let mut say = |state: NotifyState<'_>| lines.push(state.to_string());
        if readiness.status == "ready" && !self.ready && !is_stopping {
            self.ready = true;
            say(NotifyState::Ready);
        }
        if is_stopping && !self.stopping {
            self.stopping = true;
            say(NotifyState::Stopping);
        }
        let status = status(readiness, is_stopping);
        if status != self.status {
            say(NotifyState::Status(&status));
            self.status = status;
        }
        let is_due = |every: Duration| self.alive_at.is_none_or(|at| now.duration_since(at) >= every);
        if every.is_some_and(is_due) {
            self.alive_at = Some(now);
            say(NotifyState::Watchdog);
        }
        lines
    }
}

/// One line for `systemctl status`.
fn status(readiness: &Readiness, is_stopping: bool) -> String {
    if is_stopping {
        return "draining".to_owned();
    }
    let failing: Vec<&str> = readiness
        .checks
        .iter()
        .filter(|(_, check)| !check.ok)
        .map(|(name, _)| *name)
        .collect();
    match failing.is_empty() {
        true => readiness.status.to_owned(),
        false => format!("{}: waits for {}", readiness.status, failing.join(", ")),
    }
}

/// Sends them as one message. On a thread of its own, because a socket that nobody reads would block this one.
async fn tell(lines: Vec<String>) {
    let sending = tokio::task::spawn_blocking(move || {
        let states: Vec<NotifyState<'_>> = lines.iter().map(|line| NotifyState::Custom(line)).collect();
        sd_notify::notify(&states)
    });
    match timeout(PATIENCE, sending).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(fault))) => tracing::debug!(%fault, "the supervisor cannot be told"),
        Ok(Err(fault)) => tracing::debug!(%fault, "the supervisor was not told"),
        Err(_) => tracing::debug!("the supervisor does not read what it is told"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(is_up: bool) -> Readiness {
        let health = Health::default();
        health.expect("postgres");
        health.expect("bus");
        if is_up {
            health.up("postgres");
            health.up("bus");
        }
        health.readiness()
    }

    #[tokio::test]
    async fn it_is_ready_once_and_names_what_it_waits_for() {
        let (mut told, now) = (Told::default(), Instant::now());
        let mut news = |is_up, is_stopping| told.news(&health(is_up), is_stopping, None, now);
        assert_eq!(news(false, false), ["STATUS=unready: waits for bus, postgres"]);
        assert!(news(false, false).is_empty());
        assert_eq!(news(true, false), ["READY=1", "STATUS=ready"]);
        assert_eq!(news(false, false), ["STATUS=unready: waits for bus, postgres"]);
        assert_eq!(news(true, false), ["STATUS=ready"]);
        assert_eq!(news(true, true), ["STOPPING=1", "STATUS=draining"]);
        assert!(news(true, true).is_empty());
    }

    #[tokio::test]
    async fn one_that_is_stopped_before_it_was_ready_never_says_so() {
        let (mut told, now) = (Told::default(), Instant::now());
        let news = told.news(&health(true), true, None, now);
        assert_eq!(news, ["STOPPING=1", "STATUS=draining"]);
    }

    #[tokio::test]
    async fn it_says_that_it_lives_each_time_it_is_due_also_while_unready() {
        let (mut told, start) = (Told::default(), Instant::now());
        let every = Duration::from_secs(10);
        let mut is_said = |seconds| {
            let now = start + Duration::from_secs(seconds);
            told.news(&health(false), false, Some(every), now)
                .contains(&"WATCHDOG=1".to_owned())
        };
        let said = [0, 5, 9, 10, 15, 20, 21].map(&mut is_said);
        assert_eq!(said, [true, false, false, true, false, true, false]);
    }
}
