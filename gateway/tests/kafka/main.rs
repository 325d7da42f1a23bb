//! The gateway on Apache Kafka: real brokers, real gateways, a real PostgreSQL. The suite of every bus runs here too.

mod admin;
mod bus;
mod doors;
mod fault;
mod fleet;
mod flows;
mod many;
#[path = "../it/fault/receipts.rs"]
#[allow(dead_code, reason = "not every suite uses all of it")]
mod receipts;
mod rolling;
mod topic;
mod unled;
