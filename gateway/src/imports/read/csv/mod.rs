//! Text → records: finds where each ends and what its cells are, without regard to their meaning.

mod lines;
pub mod raw_record;
pub mod reader;
