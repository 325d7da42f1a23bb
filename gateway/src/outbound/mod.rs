//! Outgoing HTTP: connections to addresses that are allowed, and requests with a limit on everything.

pub mod client;
pub mod connections;
mod dial;
pub mod elsewhere;
pub mod exchange;
pub mod fault;
pub mod guard;
mod hosts;
mod names;
mod stamp;
pub mod target;
mod tls;
