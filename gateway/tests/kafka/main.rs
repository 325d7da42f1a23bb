//! The gateway on Apache Kafka: real brokers, real gateways, a real PostgreSQL. The suite of every bus runs here too.

mod broker;
#[path = "../it/bus_conformance.rs"]
mod bus_conformance;
mod bus_place;
mod doors;
mod fault;
mod fleet;
mod flows;
mod many;
#[path = "../it/fault/receipts.rs"]
mod receipts;
mod rolling;
#[path = "../it/stage/mod.rs"]
#[allow(dead_code, unused_imports, reason = "not every suite uses all of the stage")]
mod stage;
