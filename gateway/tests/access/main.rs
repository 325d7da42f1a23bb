//! Access that an operator can trust: revocation on every instance, floods, load balancers, TLS to the database,
//! secrets at rest and in the output. Each test has a PostgreSQL cluster of its own and real gateway processes.

// A test says what it expects by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
mod canary;
mod client;
mod cluster;
mod command_line;
mod flood;
mod idempotency;
mod instances;
mod load_balancer;
mod postgres_tls;
mod sealing;
mod stage;
