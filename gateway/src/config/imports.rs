//! The limits of imports, and the retention of jobs, their undo logs and failed rows.

use super::Reader;
use super::values::between;

/// What an import may take.
#[derive(Debug, Clone)]
pub struct Imports {
    /// Data records of one file.
    pub max_rows: u64,
    /// Bytes of one file, inflated.
    pub max_bytes: u64,
    /// Bytes of one record's cells.
    pub max_record_bytes: usize,
    /// Bytes, as sent, of an upload that is kept after a dry run.
    pub keep_max_bytes: u64,
    /// Imports that run at once on this instance.
    pub max_running: usize,
    /// Connections that write rows of one import.
    pub lanes: usize,
    /// How long an ended import can be undone, and its failed rows be fetched.
    pub retention_days: u32,
    /// Whole months for which ended jobs are listed; 0 keeps them for ever.
    pub jobs_retention_months: u32,
}

impl Imports {
    pub(super) fn read(reader: &mut Reader) -> Self {
        const RECORD_BYTES: usize = 16 << 20;
        Self {
            max_rows: reader.get("imports", "max_rows", 1_000_000, between(1, 1_000_000_000)),
            max_bytes: reader.get("imports", "max_bytes", 4 << 30, between(1, 1 << 40)),
            max_record_bytes: reader.get(
                "imports",
                "max_record_bytes",
                RECORD_BYTES,
                between(1024, RECORD_BYTES),
            ),
            keep_max_bytes: reader.get("imports", "keep_max_bytes", 64 << 20, between(1, 1 << 32)),
            max_running: reader.get("imports", "max_running", 4, between(1, 100)),
            lanes: reader.get("imports", "lanes", 2, between(1, 8)),
            retention_days: reader.get("imports", "retention_days", 30, between(1, 3650)),
            jobs_retention_months: reader.get("imports", "jobs_retention_months", 0, between(0, 1200)),
        }
    }
}
