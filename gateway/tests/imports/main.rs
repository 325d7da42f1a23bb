//! Records and imports, against the real binary on a PostgreSQL of its own.

mod hostile;
mod jobs;
mod records;
mod rules;
mod stage;
mod undoing;
