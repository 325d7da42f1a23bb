//! The gateway as its clients, receivers and operators see it: real processes, a real PostgreSQL, real sockets.
//!
//! The files follow the ways through the house; `fault` cuts, kills and stalls. Every test works in a workspace or a
//! database of its own, so they run side by side. `stage` is what they play on.

mod audit;
mod authentication;
mod bus_conformance;
mod bus_emission;
mod bus_place;
mod config;
mod drain;
mod events;
mod fault;
mod http;
mod idempotency;
mod keys;
mod operations;
mod postgres_bus;
mod problems;
mod retention;
mod stage;
mod two_instances;
mod unheard_commits;
mod webhooks;
