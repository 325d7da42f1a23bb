//! Sentinel Gateway: API keys checked at line rate and webhooks that are not lost, on PostgreSQL alone.
//!
//! The modules, in the order in which data meets them, import downward only (`tests/laws.rs` holds them to it):
//! `cli`, `app` (the only place where things are built), `routes`, the features (`webhooks`, `imports`, `records`,
//! `events`, `keys`, `audit`), then `delivery` (from an event to a recorded outcome, whatever the destination), `bus`,
//! `feed`, `db`, `outbound`, `http`, `telemetry`, `config`, `base`. ARCHITECTURE.md is the map.

#![cfg_attr(
    not(feature = "kafka"),
    allow(
        dead_code,
        unused_imports,
        reason = "what only the Kafka bus uses is idle without it"
    )
)]

pub mod app;
pub mod audit;
pub mod base;
pub mod bus;
pub mod cli;
pub mod config;
pub mod db;
pub mod delivery;
pub mod events;
pub mod feed;
pub mod http;
pub mod imports;
pub mod keys;
pub mod maintenance;
pub mod operations;
pub mod outbound;
pub mod records;
pub mod routes;
pub mod telemetry;
pub mod webhooks;
