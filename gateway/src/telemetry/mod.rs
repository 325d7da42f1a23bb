//! What operators see: log lines, metrics, and whether the instance is well; and what a supervisor is told.

pub mod health;
pub mod log;
pub mod names;
pub mod registry;
pub mod supervisor;
