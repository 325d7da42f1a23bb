//! The columns of a checked file, for the person who decides what each of them feeds.

use serde::{Deserialize, Serialize};

use crate::imports::read::header::known_names::Rank;
use crate::imports::read::header::{ColumnUse, HeaderMap};
use crate::imports::read::samples::{MAX_COLUMNS, Samples};

/// A column of a checked file. It is kept as long as the file's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedColumn {
    /// Its name, by which a mapping finds it.
    pub name: String,
    /// What it feeds; `None` where it is kept in `extra` or left out.
    pub field: Option<String>,
    pub is_left_out: bool,
    /// Whether the mapping said so.
    pub is_given: bool,
    /// Whether a field is known by its header.
    pub is_known: bool,
    /// The first of its values.
    pub samples: Vec<String>,
    /// Why it was taken for that.
    pub reason: String,
}

/// The columns in the file's order, as many as are shown; those of a report are none of the file's own.
pub fn checked(header: &HeaderMap, samples: &Samples) -> Vec<CheckedColumn> {
    let columns = header.columns.iter().enumerate().take(MAX_COLUMNS);
    let columns = columns.filter(|(_, column)| column.used_as != ColumnUse::Report);
    columns
        .map(|(place, column)| CheckedColumn {
            name: column.name.clone(),
            field: header.fed(column).map(str::to_owned),
            is_left_out: column.used_as == ColumnUse::LeftOut,
            is_given: column.rank() == Rank::Mapped,
            is_known: column.is_known,
            samples: samples.values(place).to_vec(),
            reason: header.reason(place),
        })
        .collect()
}
