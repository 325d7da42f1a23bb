//! Why a row fails that could be read: the report's words, and their cause.

use crate::imports::causes::Cause;

/// See the module.
#[derive(Debug)]
pub struct RowError {
    /// What the report says.
    pub message: String,
    pub cause: Cause,
    /// The value at fault, if it is one.
    pub value: Option<String>,
}
