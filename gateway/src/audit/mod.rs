//! Who did what to which, when, from where. Every mutation writes its entry in its own transaction, so there is no
//! change without an entry and no entry without a change. The table refuses UPDATE and DELETE.
//!
//! [`Work`] is that transaction: it carries the actor, answers a repeated `Idempotency-Key`, and writes to the
//! audit trail and the change feed.

pub mod api;
pub mod idempotency;
mod model;
mod store;
mod work;

pub use model::{Actor, Changes, Entry, Target};
pub use store::{insert, purge_replies};
pub use work::{Begun, Work};
