//! A client's file, from its bytes to typed rows: the pure half of an import.
//!
//! [`opening::Opening`] collects bytes until encoding, delimiter and header are known ([`sniff`],
//! [`header`]), and refuses what is no table. What it gives is a [`rows::RowStream`]: bytes in
//! ([`decode`]), records out ([`reader`]), rows out ([`row`]). Both take whatever slices the network
//! delivers; where they are cut makes no difference.

pub mod decode;
pub mod escape;
pub mod header;
pub mod heading;
mod lines;
pub mod mapping;
pub mod names;
pub mod opening;
pub mod reader;
pub mod record;
pub mod refusal;
pub mod row;
pub mod rows;
pub mod sniff;
pub mod template;

/// What to do with rows whose key exists, and with those whose key does not (`&mode=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Update the one, create the other.
    #[default]
    Upsert,
    /// A key that exists is the row's error.
    Create,
    /// A key that does not exist, or is not given, is the row's error.
    Update,
}

impl Mode {
    /// What `&mode=` takes.
    pub fn named(name: &str) -> Option<Mode> {
        match name {
            "upsert" => Some(Mode::Upsert),
            "create" => Some(Mode::Create),
            "update" => Some(Mode::Update),
            _ => None,
        }
    }

    /// The word that [`Mode::named`] takes.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Upsert => "upsert",
            Mode::Create => "create",
            Mode::Update => "update",
        }
    }
}

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
