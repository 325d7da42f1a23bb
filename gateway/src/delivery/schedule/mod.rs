//! Brings scheduled deliveries back to their lanes: retries on time, and waiting ones when their destination has room.
//!
//! `store` has the states of a row. Of the rows without a lease, `timed` leases those that are due, `waiting` those that
//! wait for room, and `turns` the first of each key. A lease that expires makes the row due again, for this instance or
//! another.

mod handout;
pub mod ripe;
pub mod store;
mod timed;
mod turns;
mod waiting;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::ripe::Ripe;
use self::timed::Timed;
use self::turns::Turns;
use self::waiting::Waiting;

pub use handout::Handout;

/// The scheduler.
pub struct Schedule {
    pub handout: Handout,
    /// Rings when something was scheduled for now.
    pub wake: Arc<Notify>,
    /// Keys of which the recorder notes that the next may have its turn.
    pub ripe: Arc<Ripe>,
}

impl Schedule {
    /// Leases and hands out until `stop`; what is held then is given back.
    pub async fn run(self, stop: CancellationToken) {
        let handout = &self.handout;
        let timed = Timed {
            handout,
            wake: &self.wake,
        };
        let turns = Turns {
            handout,
            ripe: &self.ripe,
        };
        let waiting = Waiting { handout };
        tokio::join!(
            waiting.run(stop.clone()),
            turns.run(stop.clone()),
            timed.run(stop)
        );
    }
}
