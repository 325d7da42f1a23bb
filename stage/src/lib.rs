//! The stage on which every test plays: a PostgreSQL cluster of this process's own, gateways as real child
//! processes, receivers that do as they are told, and a client that looks closely.
//!
//! Nothing here knows the product's code. The stage sets up, sends and records, and checks only what a test asks for, such as
//! a reply's status; but for one thing: a reply that the gateway's OpenAPI file does not describe. What is started is named by one folder, and a warden outside this process ends it all when the process
//! is gone, however it went.

pub mod certificate;
pub mod cli;
mod client;
pub mod desk;
pub mod gateway;
mod pair;
mod receivers;
mod servers;
pub mod wait;
pub mod warden;

pub use client::api::{self, Api};
pub use client::reply::{self, Reply};
pub use client::{load, wire};
pub use desk::{Desk, Hook};
pub use gateway::Gateway;
pub use pair::Pair;
pub use receivers::receiver::{self, Receiver};
pub use receivers::script::{self, Act};
pub use receivers::{secure_receiver, signature};
pub use servers::broker::{self, Broker};
pub use servers::cluster::{self, Cluster};
pub use servers::database::{self, Database};
pub use servers::topic::{self, Settings};
pub use servers::{name_server, pgbouncer, port};
pub use wait::{SOON, eventually, steady, until};
