//! The pure half of an import: bytes → rows, without a database and without a clock.
//!
//! [`opening::Opening`] collects bytes until encoding, delimiter ([`sniff`]) and header ([`header`]) are known, and
//! refuses what is no table ([`refusal`]). What it gives is a [`rows::RowStream`]: bytes in ([`decode`]), records out
//! ([`csv`]), rows out ([`row`]). Both take whatever slices the network delivers; where they are cut makes no difference.

pub mod csv;
pub mod decode;
mod first_row;
pub mod header;
pub mod limits;
pub mod opening;
pub mod refusal;
pub mod row;
pub mod rows;
pub mod samples;
pub mod sniff;
