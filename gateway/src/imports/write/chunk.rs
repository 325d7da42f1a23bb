//! Rows on their way from the parser to the database: two thousand at a time, in one buffer.

use uuid::Uuid;

use super::row_keys::RowKeys;
use crate::base::id::next_uuid;
use crate::http::cell;
use crate::imports::causes::tally::Tally;
use crate::imports::read::csv::raw_record::RawRecord;
use crate::imports::read::header::{ColumnUse, HeaderMap};
use crate::imports::read::row::Row;

/// A chunk is full with so many rows …
const MAX_ROWS: usize = 2_000;
/// … or so many bytes of values.
const MAX_BYTES: usize = 1 << 20;

/// A range of a chunk's text; empty where the row has no value.
type Span = Option<(u32, u32)>;

/// One row to apply.
#[derive(Debug, Clone)]
pub struct ChunkRow {
    pub row_number: u64,
    pub line_number: u64,
    /// The id that a new record gets: given in the file's order, so that newer means further down.
    pub id: Uuid,
    /// Whether it has all that a new record needs.
    pub is_complete: bool,
    natural_key: Span,
    matched_key: Span,
    original: Span,
    extras: (u32, u32),
}

/// A row that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    pub row_number: u64,
    pub line_number: u64,
    pub message: String,
    /// The row's own cells as errors.csv shows them.
    pub cells: Option<String>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Chunk {
    pub rows: Vec<ChunkRow>,
    pub failures: Vec<Failure>,
    /// Why they failed.
    pub causes: Tally,
    /// Rows that have nothing to apply.
    pub unchanged_count: u64,
    /// Bytes of the body when the chunk was closed.
    pub bytes_read: u64,
    text: String,
    values: Vec<Span>,
    extras: Vec<((u32, u32), (u32, u32))>,
    field_count: usize,
    failure_bytes: usize,
}

impl Chunk {
    /// An empty chunk of an object with so many fields.
    pub fn new(field_count: usize) -> Self {
        Self {
            field_count,
            ..Self::default()
        }
    }

    /// Empties it for the next rows, which then need no new memory; what one large row needed is given back.
    pub fn clear(&mut self) {
        let Self {
            rows,
            values,
            extras,
            mut text,
            field_count,
            ..
        } = std::mem::take(self);
        text.clear();
        text.shrink_to(2 * MAX_BYTES);
        *self = Self {
            rows: emptied(rows),
            values: emptied(values),
            extras: emptied(extras),
            text,
            ..Self::new(field_count)
        };
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.failures.is_empty() && self.unchanged_count == 0
    }

    /// Whether it is time to write it.
    pub fn is_full(&self) -> bool {
        self.rows.len() + self.failures.len() >= MAX_ROWS || self.text.len() + self.failure_bytes >= MAX_BYTES
    }

    /// Adds a row. `keeps_original`: it may still turn out to fail.
    pub fn push_row(
        &mut self,
        record: &RawRecord<'_>,
        row: &Row<'_>,
        keys: &RowKeys,
        original: Option<&HeaderMap>,
    ) {
        for index in 0..self.field_count {
            let span = row.value(index).map(|value| self.keep(value));
            self.values.push(span);
        }
        let from = self.extras.len() as u32;
        for (name, text) in row.extras() {
            let extra = (self.keep(name), self.keep(text));
            self.extras.push(extra);
        }
        let natural_key = keys.natural().map(|key| self.keep(key));
        let matched_key = keys.matched().map(|key| self.keep(key));
        let original = original.map(|header| {
            let from = self.text.len();
            push_cells(header, record, &mut self.text);
            (from as u32, self.text.len() as u32)
        });
        self.rows.push(ChunkRow {
            row_number: record.row_number,
            line_number: record.line_number,
            id: next_uuid(),
            is_complete: row.is_complete(),
            natural_key,
            matched_key,
            original,
            extras: (from, self.extras.len() as u32),
        });
    }

    /// Adds a row that failed.
    pub fn push_failure(&mut self, record: &RawRecord<'_>, message: &str, header: &HeaderMap) {
        let cells = (!record.raw.is_empty()).then(|| {
            let mut cells = String::new();
            push_cells(header, record, &mut cells);
            cells
        });
        self.failure_bytes += message.len() + cells.as_ref().map_or(0, String::len);
        self.failures.push(Failure {
            row_number: record.row_number,
            line_number: record.line_number,
            message: message.to_owned(),
            cells,
        });
    }

    /// The stored natural key of the record that a row alone would make.
    pub fn natural_key(&self, row: usize) -> Option<&str> {
        self.rows[row].natural_key.map(|span| self.slice(span))
    }

    /// The stored natural key that `&match=` asks of a row for.
    pub fn matched_key(&self, row: usize) -> Option<&str> {
        self.rows[row].matched_key.map(|span| self.slice(span))
    }

    /// A row's value of a field.
    pub fn value(&self, row: usize, field: usize) -> Option<&str> {
        self.values[row * self.field_count + field].map(|span| self.slice(span))
    }

    /// A row's cells that feed no field.
    pub fn extras(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        let (from, to) = self.rows[row].extras;
        let extras = self.extras[from as usize..to as usize].iter();
        extras.map(|(name, text)| (self.slice(*name), self.slice(*text)))
    }

    /// Reports a row as failed, for a reason that only the stored records show.
    pub fn failure(&self, row: usize, message: String) -> Failure {
        let place = &self.rows[row];
        Failure {
            row_number: place.row_number,
            line_number: place.line_number,
            message,
            cells: place.original.map(|span| self.slice(span).to_owned()),
        }
    }

    /// Bytes of a chunk are capped, so they fit 32 bits.
    fn keep(&mut self, text: &str) -> (u32, u32) {
        let from = self.text.len();
        self.text.push_str(text);
        (from as u32, self.text.len() as u32)
    }

    fn slice(&self, (from, to): (u32, u32)) -> &str {
        &self.text[from as usize..to as usize]
    }
}

/// The same memory with nothing in it.
fn emptied<T>(mut list: Vec<T>) -> Vec<T> {
    list.clear();
    list
}

/// Appends a record's own cells as CSV, without the report's, formulas escaped.
fn push_cells(header: &HeaderMap, record: &RawRecord<'_>, out: &mut String) {
    let mut cell = String::new();
    let mut is_first = true;
    for index in 0..record.raw.len() {
        if header
            .columns
            .get(index)
            .is_some_and(|column| column.used_as == ColumnUse::Report)
        {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
        cell.clear();
        record.raw.push_lossy(index, &mut cell);
        // Surplus cells are no fault while they are blank, which an escaped tab is not.
        if index >= header.columns.len() && cell.trim().is_empty() {
            cell.clear();
        }
        let own = match header.is_repair {
            true => cell::unescape(&cell),
            false => &cell,
        };
        cell::push_escaped_cell(own, b',', out);
    }
}

/// The file's own header as errors.csv shows it.
pub fn own_columns(header: &HeaderMap) -> String {
    let mut out = String::new();
    let mut is_first = true;
    for column in &header.columns {
        if column.used_as == ColumnUse::Report {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
        cell::push_escaped_cell(column.heading(), b',', &mut out);
    }
    out
}
