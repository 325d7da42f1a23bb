//! How large the parts of a file may be.

/// The caps of IMPORT-RULES.md, "Limits".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one cell, as UTF-8.
    pub cell_bytes: usize,
    /// Most bytes of one record's cells (`imports.max_record_bytes`).
    pub record_bytes: usize,
    /// Most bytes of the header, and of all that is read before it is found.
    pub header_bytes: usize,
    /// Most columns of the header.
    pub columns: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            cell_bytes: 1024 * 1024,
            record_bytes: 16 * 1024 * 1024,
            header_bytes: 1024 * 1024,
            columns: 10_000,
        }
    }
}
