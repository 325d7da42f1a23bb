//! Rows → database, and back.
//!
//! A [`chunk`] of rows goes to a [`writer`], which looks up the stored records, has [`merge`] plan what each row does, and
//! writes the plan over its [`session`] in one transaction with the chunk's counts, its failed rows and its [`undo_log`].
//! From the undo logs [`undo`] takes a whole import back.

pub mod chunk;
pub mod merge;
mod part;
mod record_line;
mod row_error;
pub mod row_keys;
mod session;
mod slots;
pub mod statements;
pub mod undo;
mod undo_log;
mod version;
pub mod writer;
