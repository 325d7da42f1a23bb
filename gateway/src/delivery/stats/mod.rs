//! How deliveries to each destination went, in buckets of five minutes and of an hour.
//!
//! An instance counts in memory what its recorder has written (`counters`), and every ten seconds writes the buckets that
//! changed (`writer`): whole, in rows of its own, so that a write that is repeated counts nothing twice. Whoever reads adds
//! up the rows of all instances (`history`). So an event costs no write more, and a kill -9 loses what was counted since the
//! last write. A delivery that was attempted by two instances, because one of them stalled, counts in both.

pub mod counters;
pub mod history;
pub mod model;
pub mod store;
pub mod tally;
pub mod writer;

pub use history::History;
pub use model::{Range, Stats};
