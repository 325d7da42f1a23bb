//! Receipts: what became of the newest requests of each source, and counts of all.
//!
//! A request writes nothing for its receipt: `journal` gathers in memory and writes once a second, for all sources together.

pub mod api;
pub mod journal;
pub mod model;
pub mod pending;
pub mod store;
