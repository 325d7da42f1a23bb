//! Text → records: where one ends and what its cells are, and nothing of what they mean.

mod lines;
pub mod raw_record;
pub mod reader;
