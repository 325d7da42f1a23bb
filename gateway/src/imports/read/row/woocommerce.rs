//! WooCommerce's product exports, whose `Published` is 1 for all, 0 for logged-in editors, and -1 for a draft.

use crate::imports::read::header::{Column, heading};
use crate::records::Kind;

/// The value in the words of all other files. -1 means a draft in that column alone: elsewhere, as in exports of Access,
/// it means true, and so it is a fault.
pub fn spelled<'v>(column: &Column, kind: Kind, value: &'v str) -> &'v str {
    let is_draft = kind == Kind::Boolean && value == "-1" && heading::key(column.heading()) == "published";
    if is_draft { "draft" } else { value }
}
