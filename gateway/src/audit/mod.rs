//! The audit trail: who changed what, when, from where. A change and its entry commit in one transaction. The table refuses
//! UPDATE, DELETE and TRUNCATE.
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
