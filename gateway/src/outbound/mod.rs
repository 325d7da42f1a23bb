//! The way out: connections to addresses that are allowed, and requests with a limit on everything.

pub mod client;
pub mod connections;
pub mod exchange;
pub mod guard;
pub mod target;
