//! What operators see: log lines, metrics, and whether the instance is well.

pub mod health;
pub mod log;
pub mod names;
pub mod registry;
