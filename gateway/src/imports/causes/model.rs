//! A cause as the API shows it.

use serde::{Deserialize, Serialize};

/// One row that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Example {
    pub row_number: u64,
    /// The value at fault, cut at 200 characters; null where it is no value.
    pub value: Option<String>,
}

/// Why rows of an import failed, and how many.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Fault {
    /// The kind of row error.
    pub code: String,
    /// The field at fault; null where it is the row as a whole.
    pub field: Option<String>,
    /// What is wrong; it holds no value.
    pub message: String,
    /// Rows that failed by it, alone or beside others.
    pub count: i64,
    /// The first of these rows, at most 20.
    pub examples: Vec<Example>,
}
