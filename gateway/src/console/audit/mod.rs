//! The page of the audit trail: who changed what, with filters, and the same as a file.

mod changes;
mod list;

pub use list::{download_trail, list_audit};
