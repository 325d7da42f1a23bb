//! The gateway as its clients, receivers and operators see it: real processes, a real PostgreSQL, real sockets.
//!
//! The files follow the ways through the house; `fault` cuts, kills and stalls. Every test works in a workspace or a
//! database of its own, so they run side by side. `stage` is what they play on.

mod access;
mod audit;
mod audit_months;
mod authentication;
mod balancer;
mod bus;
mod config;
mod connections;
mod connectors;
mod console;
mod database;
mod deliveries;
mod drain;
mod events;
mod fault;
mod files;
mod http;
mod idempotency;
mod imports;
mod keys;
mod operations;
mod problems;
mod process;
mod record_keys;
mod records;
mod refresh_order;
mod restore;
mod retention;
mod rules;
mod sentries;
mod sources;
mod two_instances;
mod webhooks;
