//! What a gateway needs beside it: PostgreSQL, Kafka, a pooler and a name server, each at a port of its own.

pub mod backup;
pub mod broker;
pub mod cluster;
pub mod database;
pub mod name_server;
pub mod pgbouncer;
pub mod port;
pub mod topic;
