//! Sentinel Gateway: API keys checked at line rate and webhooks that are not lost, on PostgreSQL alone.
//!
//! The modules, in the order in which data meets them, import downward only (`tests/laws.rs` holds them to it):
//! `cli`, `app` (the only place where things are built), `routes`, the features (`hoots`, `sentries`, `webhooks`, `imports`, `records`,
//! `events`, `connections`, `keys`, `audit`), `connectors` (vendors' ways, read from files), then `delivery` (from an event to a recorded outcome, whatever the destination), `bus`,
//! `feed`, `vault`, `db`, `outbound`, `http`, `telemetry`, `config`, `base`. ARCHITECTURE.md is the map.

#![cfg_attr(
    not(feature = "kafka"),
    allow(
        dead_code,
        unused_imports,
        reason = "what only the Kafka bus uses is idle without it"
    )
)]

mod app;
mod audit;
mod base;
mod bus;
pub mod cli;
mod config;
mod connections;
mod connectors;
mod console;
mod db;
mod delivery;
mod events;
#[doc(hidden)]
pub mod facade;
mod feed;
mod filter;
mod hoots;
mod http;
mod imports;
mod keys;
mod maintenance;
mod operations;
mod outbound;
mod records;
mod routes;
mod rules;
mod sentries;
mod sources;
mod telemetry;
mod vault;
mod webhooks;
