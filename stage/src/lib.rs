//! The stage on which every test plays: a PostgreSQL cluster of this process's own, gateways as real child
//! processes, receivers that do as they are told, and a client that looks closely.
//!
//! Nothing here judges the product or knows its code; it only sets up, sends and records. What is started is named by one folder, and a
//! warden outside this process ends it all when the process is gone, however it went.

pub mod api;
pub mod broker;
pub mod certificate;
pub mod cli;
pub mod cluster;
pub mod database;
pub mod desk;
pub mod gateway;
pub mod load;
pub mod name_server;
pub mod pgbouncer;
pub mod port;
pub mod receiver;
pub mod reply;
pub mod script;
pub mod secure_receiver;
pub mod signature;
pub mod topic;
pub mod wait;
pub mod warden;
pub mod wire;

pub use api::Api;
pub use broker::Broker;
pub use cluster::Cluster;
pub use database::Database;
pub use desk::{Desk, Hook};
pub use gateway::Gateway;
pub use receiver::Receiver;
pub use reply::Reply;
pub use script::Act;
pub use topic::Settings;
pub use wait::{SOON, eventually, until};
