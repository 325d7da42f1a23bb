//! How a body arrives: at a least rate, and within a budget of bytes that the workspaces share.

use std::time::Duration;

use tokio::time::timeout;

use super::problem::{Code, Problem};
use super::shares::{Growing, Share, Stuck};

/// Half of what the slowest honest client sends, a phone at 64 kbit/s.
const LEAST_BYTES_PER_SECOND: usize = 4 << 10;
/// The shortest time over which the rate is measured.
const MIN_WINDOW: Duration = Duration::from_secs(30);

/// The least rate of a body, over windows of time spent waiting for it. What the gateway does meanwhile does not count.
#[derive(Debug)]
pub(super) struct LeastRate {
    window: Duration,
    left: Duration,
    byte_count: usize,
}

impl LeastRate {
    /// A pause of up to `silence` is allowed, so a window is at least as long.
    pub(super) fn new(silence: Duration) -> Self {
        let window = silence.max(MIN_WINDOW);
        Self {
            window,
            left: window,
            byte_count: 0,
        }
    }

    /// How long to wait before the rate is checked.
    pub(super) const fn left(&self) -> Duration {
        self.left
    }

    /// Counts bytes that arrived.
    pub(super) const fn add(&mut self, byte_count: usize) {
        self.byte_count += byte_count;
    }

    /// Counts time spent waiting; 408 if a window ends with too few bytes.
    pub(super) fn wait(&mut self, waited: Duration) -> Result<(), Problem> {
        self.left = self.left.saturating_sub(waited);
        if !self.left.is_zero() {
            return Ok(());
        }
        let least = LEAST_BYTES_PER_SECOND * self.window.as_secs() as usize;
        if self.byte_count < least {
            let seconds = self.window.as_secs();
            let detail = format!(
                "{} bytes arrived within {seconds} seconds; send at least {least}.",
                self.byte_count
            );
            return Err(Problem::new(Code::BodyTimeout, detail).closing());
        }
        self.left = self.window;
        self.byte_count = 0;
        Ok(())
    }
}

/// Holds a share of the budget for as long as the body is in memory.
#[derive(Debug)]
pub(super) struct Allowance {
    growing: Growing,
    /// How long a piece may wait for its bytes of the budget.
    wait: Duration,
}

impl Allowance {
    pub(super) const fn new(share: Share, wait: Duration) -> Self {
        Self {
            growing: Growing::of(share),
            wait,
        }
    }

    /// Takes so many bytes; 503 if they are not free in time.
    pub(super) async fn take(&mut self, byte_count: usize) -> Result<(), Problem> {
        let count = u32::try_from(byte_count).unwrap_or(u32::MAX);
        match timeout(self.wait, self.growing.grow(count)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Stuck)) | Err(_) => {
                let detail = "Other requests hold all memory for bodies of this size. Nothing was done.";
                Err(Problem::unavailable(detail).closing())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_body_that_drips_is_cut() {
        let mut rate = LeastRate::new(SECOND);
        for _ in 1..MIN_WINDOW.as_secs() {
            rate.add(1);
            assert!(rate.wait(SECOND).is_ok());
        }
        rate.add(1);
        let cut = rate.wait(SECOND).expect_err("too slow");
        assert_eq!(cut.code(), Code::BodyTimeout);
    }

    #[test]
    fn a_phone_may_take_its_time() {
        let mut rate = LeastRate::new(SECOND);
        for _ in 0..1_000 {
            rate.add(64_000 / 8);
            assert!(rate.wait(SECOND).is_ok());
        }
        rate.add(1);
        let cut = (0..100).find(|_| rate.wait(SECOND).is_err());
        assert!(cut.is_some(), "what arrived before a window does not count in it");
    }

    #[test]
    fn a_pause_that_the_settings_allow_is_no_drip() {
        let mut rate = LeastRate::new(10 * MIN_WINDOW);
        assert!(rate.wait(9 * MIN_WINDOW).is_ok());
        assert!(rate.wait(MIN_WINDOW).is_err());
    }
}
