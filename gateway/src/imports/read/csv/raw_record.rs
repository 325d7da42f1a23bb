//! A borrowed view of one CSV record: its place in the file, its cells, or why it has none.

use std::fmt;

use crate::imports::causes::RowCode;
use crate::records::value::Excerpt;

/// A record, borrowed from the reader until the next one is asked for.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'r> {
    /// Which data record it is, from 1; the header is 0. Blank records are not counted.
    pub row_number: u64,
    /// The line of the file on which it begins, from 1.
    pub line_number: u64,
    /// What could be kept of it, for a report; nothing if it went over a limit.
    pub raw: RawCells<'r>,
    /// Its cells, if it can be read as a row.
    pub cells: Result<Cells<'r>, RecordFault>,
}

/// Cells that are valid UTF-8 and hold no NUL.
#[derive(Debug, Clone, Copy)]
pub struct Cells<'r> {
    text: &'r str,
    ends: &'r [usize],
}

impl<'r> Cells<'r> {
    /// Cell `index` of `text` ends at byte `ends[index]`; all ends lie between characters.
    pub(in crate::imports::read) fn new(text: &'r str, ends: &'r [usize]) -> Cells<'r> {
        Cells { text, ends }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The cell as it stands in the file, less its quotes; empty beyond the last.
    pub fn get(&self, index: usize) -> &'r str {
        let range = range_of(self.ends, index);
        self.text.get(range).unwrap_or_default()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &'r str> + use<'r> {
        let cells = *self;
        (0..cells.len()).map(move |index| cells.get(index))
    }

    /// The text of all cells in one piece, to search it.
    pub fn text(&self) -> &'r str {
        self.text
    }
}

/// Cells as bytes, valid or not.
#[derive(Debug, Clone, Copy)]
pub struct RawCells<'r> {
    bytes: &'r [u8],
    ends: &'r [usize],
}

impl<'r> RawCells<'r> {
    /// As [`Cells::new`], of any bytes.
    pub(super) fn new(bytes: &'r [u8], ends: &'r [usize]) -> RawCells<'r> {
        RawCells { bytes, ends }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The cell's bytes; empty beyond the last.
    pub fn get(&self, index: usize) -> &'r [u8] {
        self.bytes.get(range_of(self.ends, index)).unwrap_or_default()
    }

    /// Appends the cell as text that PostgreSQL can store: invalid bytes and NUL become U+FFFD.
    pub fn push_lossy(&self, index: usize, out: &mut String) {
        for chunk in self.get(index).utf8_chunks() {
            let valid = chunk.valid().split('\0').enumerate();
            for (piece_index, piece) in valid {
                if piece_index > 0 {
                    out.push(char::REPLACEMENT_CHARACTER);
                }
                out.push_str(piece);
            }
            if !chunk.invalid().is_empty() {
                out.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }
}

fn range_of(ends: &[usize], index: usize) -> std::ops::Range<usize> {
    match ends.get(index) {
        Some(end) if index > 0 => ends[index - 1]..*end,
        Some(end) => 0..*end,
        None => usize::MAX..usize::MAX,
    }
}

/// Why a record is no row. Columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFault {
    /// The file ended within quotes.
    UnterminatedQuote {
        /// The row that holds the opening quote: this one.
        row_number: u64,
    },
    /// A cell over [`crate::imports::read::limits::Limits::cell_bytes`].
    CellTooLong {
        /// Which.
        column: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// All cells together over [`crate::imports::read::limits::Limits::record_bytes`].
    RecordTooLong {
        /// The limit.
        limit_bytes: usize,
    },
    /// Fewer cells than the header.
    TooFewCells {
        /// The row's.
        found: usize,
        /// The header's.
        expected: usize,
    },
    /// More cells than the header, and not all of the surplus is blank.
    TooManyCells {
        /// The row's.
        found: usize,
        /// The header's.
        expected: usize,
    },
    /// PostgreSQL stores no U+0000 in text.
    Nul {
        /// Which.
        column: usize,
    },
    /// Invalid as the file's encoding.
    NotEncoding {
        /// Which.
        column: usize,
    },
}

impl RecordFault {
    /// Its kind, for programs.
    pub fn code(&self) -> RowCode {
        match self {
            RecordFault::UnterminatedQuote { .. } => RowCode::UnterminatedQuote,
            RecordFault::CellTooLong { .. } => RowCode::CellTooLong,
            RecordFault::RecordTooLong { .. } => RowCode::RowTooLong,
            RecordFault::TooFewCells { .. } => RowCode::TooFewCells,
            RecordFault::TooManyCells { .. } => RowCode::TooManyCells,
            RecordFault::Nul { .. } => RowCode::Nul,
            RecordFault::NotEncoding { .. } => RowCode::EncodingInvalid,
        }
    }

    /// How many cells the row has, where these are too few or too many.
    pub fn found_cells(&self) -> Option<usize> {
        match self {
            RecordFault::TooFewCells { found, .. } | RecordFault::TooManyCells { found, .. } => Some(*found),
            _ => None,
        }
    }

    /// The column at fault, from 1, where it is one.
    pub fn column(&self) -> Option<usize> {
        match self {
            RecordFault::CellTooLong { column, .. }
            | RecordFault::Nul { column }
            | RecordFault::NotEncoding { column } => Some(*column),
            _ => None,
        }
    }

    /// Appends the fault as a report says it: the column by its `heading`, the `encoding` by its name.
    pub fn describe(&self, heading: Option<&str>, encoding: &str, out: &mut String) {
        // A `String` takes every write.
        let _ = match heading {
            Some(heading) => self.say(&Excerpt(heading), encoding, out),
            None => self.say(&self.column().unwrap_or_default(), encoding, out),
        };
    }

    fn say(&self, column: &dyn fmt::Display, encoding: &str, out: &mut dyn fmt::Write) -> fmt::Result {
        match self {
            RecordFault::UnterminatedQuote { row_number } => write!(
                out,
                "a quote that opened in row {row_number} is never closed, so that all text to the end of the file \
                 belongs to it"
            ),
            RecordFault::CellTooLong { limit_bytes, .. } => write!(
                out,
                "column {column}: a cell is over the limit of {limit_bytes} bytes"
            ),
            RecordFault::RecordTooLong { limit_bytes } => {
                write!(out, "the row is over the limit of {limit_bytes} bytes")
            }
            RecordFault::TooFewCells { found, expected } => {
                write!(out, "too few cells: {found}, where the header has {expected}")
            }
            RecordFault::TooManyCells { found, expected } => {
                write!(out, "too many cells: {found}, where the header has {expected}")
            }
            RecordFault::Nul { .. } => write!(out, "column {column}: a cell holds a NUL character"),
            RecordFault::NotEncoding { .. } => {
                write!(out, "column {column}: a cell holds bytes that are not {encoding}")
            }
        }
    }
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.say(&self.column().unwrap_or_default(), "the file's encoding", f)
    }
}

impl std::error::Error for RecordFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_beyond_the_last_are_empty() {
        let cells = Cells::new("abc", &[1, 1, 3]);
        let all: Vec<_> = cells.iter().collect();
        assert_eq!(all, ["a", "", "bc"]);
        assert_eq!(cells.get(3), "");
        assert_eq!(Cells::new("", &[]).get(0), "");
    }

    #[test]
    fn a_fault_names_its_column_by_number_or_by_heading() {
        let fault = RecordFault::NotEncoding { column: 2 };
        let mut out = String::new();
        fault.describe(None, "utf-8", &mut out);
        assert_eq!(out, "column 2: a cell holds bytes that are not utf-8");
        out.clear();
        fault.describe(Some("Mail"), "utf-8", &mut out);
        assert_eq!(out, "column \"Mail\": a cell holds bytes that are not utf-8");
        assert_eq!(
            fault.to_string(),
            "column 2: a cell holds bytes that are not the file's encoding"
        );
    }

    #[test]
    fn raw_cells_become_storable_text() {
        let raw = RawCells::new(b"a\0\0b\xffc", &[4, 6]);
        let mut out = String::new();
        raw.push_lossy(0, &mut out);
        raw.push_lossy(1, &mut out);
        assert_eq!(out, "a\u{fffd}\u{fffd}b\u{fffd}c");
    }
}
