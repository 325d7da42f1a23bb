//! The audit trail: who changed what, when, from where. A change and its entry commit in one transaction. The table refuses
//! UPDATE, DELETE and TRUNCATE.
//!
//! [`Work`] is that transaction: it carries the actor, answers a repeated `Idempotency-Key`, and writes to the
//! audit trail and the change feed. A request that is longer than a transaction has a [`Reservation`] of its key.

pub mod api;
mod csv;
pub mod idempotency;
mod key_store;
mod model;
mod reservation;
mod store;
mod work;

pub use idempotency::{PublishedOnce, publish_once, request_key};
pub use key_store::purge_replies;
pub use model::{Actor, Changes, Entry, Target};
pub use reservation::{FirstReply, Reservation};
pub use store::{Filter, insert, list};
pub use work::{Begun, Work};
