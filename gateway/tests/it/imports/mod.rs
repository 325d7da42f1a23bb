//! CSV files on their way to records, and back. Where what is tested is not one instance's own (its memory, its metrics,
//! its end), requests go to two instances in turn: one is told, the other is asked.

use std::time::Duration;

mod dry_run;
mod faults;
mod forms;
mod hostile;
mod instances;
mod jobs;
mod matching;
mod metrics;
mod once;
mod places;
mod purging;
mod rules;
mod undoing;
mod watching;

/// An import under a debug build on a busy machine takes a while.
const PATIENCE: Duration = Duration::from_secs(60);
