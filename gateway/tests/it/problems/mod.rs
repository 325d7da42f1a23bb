//! Bad input: a clear refusal that names place and cure, and nothing half applied.

mod cursor;
mod database;
mod framing;
mod json;
mod outcome;
mod query;
mod request_id;
