//! Records and imports, against the real binary on a PostgreSQL of its own.

mod dry_run;
mod hostile;
mod jobs;
mod purging;
mod records;
mod rules;
mod session;
mod stage;
mod undoing;
