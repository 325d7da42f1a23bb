//! How long the audit trail is kept.

use super::Reader;
use super::values::between;

/// The audit trail.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Whole months for which entries are kept; 0 keeps them for ever.
    pub retention_months: u32,
}

impl Audit {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            retention_months: reader.get("audit", "retention_months", 0, between(0, 1200)),
        }
    }
}
