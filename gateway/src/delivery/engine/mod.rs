//! The engine: makes jobs of events, attempts them, and records what happened.
//!
//! A job's path: `fanout` → `lanes` → `lane` → `attempt` → `outcome` → `recorder`.

pub mod attempt;
mod attempt_metrics;
pub mod breaker;
mod errands;
pub mod fanout;
pub mod health;
pub mod job;
pub mod lane;
pub mod lanes;
pub mod outcome;
pub mod pace;
mod putting_off;
pub mod record_store;
pub mod recorder;
