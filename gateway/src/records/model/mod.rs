//! A record, its key, and what a change of it is.

pub mod change;
pub mod key;
pub mod record;
