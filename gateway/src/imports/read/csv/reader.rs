//! Text → records: csv-core, pushed, and all that it leaves to its caller.
//!
//! csv-core neither allocates nor fails; it also neither counts the lines of CR files, nor tells an
//! unterminated quote from a cell, nor knows a limit, and it takes an empty slice for the end of the
//! file. This reader adds those, and allocates nothing once its buffers have met their largest record.
//!
//! A record that goes over a limit is skipped to its own end, quotes observed, and reported; the next
//! one is read. Where the next begins is never guessed at: inside a cell of a million lines a line is not
//! a record.

use csv_core::ReadRecordResult;

use super::lines::LineCounter;
use super::raw_record::{Cells, RawCells, RawRecord, RecordFault};
use crate::imports::read::limits::Limits;
use crate::records::value::unseen;

/// First size of the buffer for a record's text, in bytes.
const FIRST_TEXT_BYTES: usize = 8 * 1024;
/// First size of the list of its cells' ends.
const FIRST_ENDS: usize = 64;
/// Most cells of a record that are kept apart: twice Excel's widest sheet (16,384 columns).
const MAX_CELLS: usize = 32 * 1024;

/// See the module.
pub struct Reader {
    core: csv_core::Reader,
    limits: Limits,
    width: Option<Width>,
    lines: LineCounter,
    text: Vec<u8>,
    text_used: usize,
    ends: Vec<usize>,
    ends_used: usize,
    /// Whether bytes of a record were read whose end was not.
    is_inside: bool,
    /// Why the present record's text is thrown away, if it is.
    skipped: Option<RecordFault>,
    /// Cells whose ends were thrown away.
    forgotten_cells: usize,
    line_number: u64,
    record_count: u64,
}

/// How many cells a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width {
    /// Fewer are too few: the header's columns up to the last that has a name.
    pub least: usize,
    /// What is beyond these must be blank: the header's columns.
    pub most: usize,
}

impl Reader {
    /// A reader that stands at the beginning of line `first_line` of the file.
    pub fn new(delimiter: u8, limits: Limits, first_line: u64) -> Reader {
        let mut reader = Reader {
            core: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            limits,
            width: None,
            lines: LineCounter::at(first_line),
            text: vec![0; FIRST_TEXT_BYTES],
            text_used: 0,
            ends: vec![0; FIRST_ENDS],
            ends_used: 0,
            is_inside: false,
            skipped: None,
            forgotten_cells: 0,
            line_number: first_line,
            record_count: 0,
        };
        // csv-core drops a byte order mark if its first input holds all of it, so that what it does would
        // depend on how the input is cut. The decoder took the mark; a blank line ends the looking for it.
        let _ = reader.core.read_record(b"\n", &mut reader.text, &mut reader.ends);
        reader
    }

    /// From here on, rows have so many cells.
    pub fn expect(&mut self, width: Width) {
        self.width = Some(width);
    }

    /// Reads on, and takes what it read off `input`. True: [`Reader::record`] is the next record. False:
    /// all of `input` was read, and more is needed; that it ran out means nothing about the file's end.
    pub fn advance(&mut self, input: &mut &[u8]) -> bool {
        loop {
            if !self.is_inside && !self.begin(input) {
                return false;
            }
            if input.is_empty() {
                return false;
            }
            if self.read(input) && self.settle() {
                return true;
            }
        }
    }

    /// Says that the file ends here. True: [`Reader::record`] is its last record, which no line break ends.
    pub fn finish(&mut self) -> bool {
        if !self.is_inside {
            return false;
        }
        // A line break ends a record everywhere but within quotes.
        let mut line_break: &[u8] = b"\n";
        while !line_break.is_empty() {
            if self.read(&mut line_break) {
                return self.settle();
            }
        }
        self.is_inside = false;
        self.core.reset();
        let row_number = self.record_count;
        self.skip(RecordFault::UnterminatedQuote { row_number });
        self.record_count += 1;
        true
    }

    /// The record that [`Reader::advance`] or [`Reader::finish`] announced. Checks it anew at every call.
    pub fn record(&self) -> RawRecord<'_> {
        let (bytes, ends) = match self.skipped {
            Some(_) => (&[][..], &[][..]),
            None => (&self.text[..self.text_used], &self.ends[..self.ends_used]),
        };
        RawRecord {
            row_number: self.record_count.saturating_sub(1),
            line_number: self.line_number,
            raw: RawCells::new(bytes, ends),
            cells: self.check(bytes, ends),
        }
    }

    /// Goes past blank lines to a record's first byte; false if there is none.
    fn begin(&mut self, input: &mut &[u8]) -> bool {
        let is_break = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let blank = input.iter().take_while(is_break).count();
        let (breaks, rest) = input.split_at(blank);
        self.lines.pass(breaks);
        *input = rest;
        if rest.is_empty() {
            return false;
        }
        self.is_inside = true;
        self.line_number = self.lines.line();
        self.text_used = 0;
        self.ends_used = 0;
        self.forgotten_cells = 0;
        self.skipped = None;
        true
    }

    /// One call of csv-core on input that is not empty; true at a record's end.
    fn read(&mut self, input: &mut &[u8]) -> bool {
        let (result, read, written, ends) = self.core.read_record(
            input,
            &mut self.text[self.text_used..],
            &mut self.ends[self.ends_used..],
        );
        let (passed, rest) = input.split_at(read);
        self.lines.pass(passed);
        *input = rest;
        self.text_used += written;
        self.ends_used += ends;
        match result {
            ReadRecordResult::Record => {
                self.is_inside = false;
                return true;
            }
            ReadRecordResult::OutputFull => self.make_room_for_text(),
            ReadRecordResult::OutputEndsFull => self.make_room_for_ends(),
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
        }
        false
    }

    fn make_room_for_text(&mut self) {
        // One byte more, so that a record of exactly the limit is not full before its end.
        let cap = self.limits.record_bytes.max(FIRST_TEXT_BYTES) + 1;
        if self.skipped.is_some() {
            self.text_used = 0;
        } else if self.text.len() < cap {
            let doubled = self.text.len() * 2;
            self.text.resize(doubled.min(cap), 0);
        } else {
            let last_end = self.ends[..self.ends_used].last().copied().unwrap_or(0);
            let limits = self.limits;
            self.skip(
                if self.text_used - last_end.min(self.text_used) > limits.cell_bytes {
                    let column = self.ends_used + 1;
                    RecordFault::CellTooLong {
                        column,
                        limit_bytes: limits.cell_bytes,
                    }
                } else {
                    RecordFault::RecordTooLong {
                        limit_bytes: limits.record_bytes,
                    }
                },
            );
        }
    }

    fn make_room_for_ends(&mut self) {
        if self.skipped.is_none() && self.ends.len() < MAX_CELLS {
            let doubled = self.ends.len() * 2;
            self.ends.resize(doubled.min(MAX_CELLS), 0);
            return;
        }
        if self.skipped.is_none() {
            let expected = self.width.map_or(self.limits.columns, |width| width.most);
            self.skip(RecordFault::TooManyCells { found: 0, expected });
        }
        self.forgotten_cells += self.ends_used;
        self.ends_used = 0;
    }

    /// Throws the present record away as it comes; the first reason stands.
    fn skip(&mut self, fault: RecordFault) {
        let is_worse = matches!(fault, RecordFault::UnterminatedQuote { .. });
        if self.skipped.is_none() || is_worse {
            self.skipped = Some(fault);
        }
        self.text_used = 0;
    }

    /// Counts the record that just ended, unless it is blank; then there is none.
    fn settle(&mut self) -> bool {
        if let Some(RecordFault::TooManyCells { found, .. }) = &mut self.skipped {
            *found = self.forgotten_cells + self.ends_used;
        }
        let is_blank = self.skipped.is_none() && is_blank(&self.text[..self.text_used]);
        self.record_count += u64::from(!is_blank);
        !is_blank
    }

    fn check<'r>(&self, bytes: &'r [u8], ends: &'r [usize]) -> Result<Cells<'r>, RecordFault> {
        if let Some(fault) = self.skipped {
            return Err(fault);
        }
        let limit_bytes = self.limits.cell_bytes;
        if bytes.len() > limit_bytes
            && let Some(column) = column_where(bytes, ends, |cell| cell.len() > limit_bytes)
        {
            return Err(RecordFault::CellTooLong { column, limit_bytes });
        }
        if bytes.len() > self.limits.record_bytes {
            let limit_bytes = self.limits.record_bytes;
            return Err(RecordFault::RecordTooLong { limit_bytes });
        }
        // Two cells may only together be valid, as "Ã" and "©" torn apart by a delimiter.
        let text = simdutf8::basic::from_utf8(bytes).ok();
        let is_torn = |text: &str| !ends.iter().all(|end| text.is_char_boundary(*end));
        let Some(text) = text.filter(|text| !is_torn(text)) else {
            let invalid = |cell: &[u8]| std::str::from_utf8(cell).is_err();
            let column = column_where(bytes, ends, invalid).unwrap_or(1);
            return Err(RecordFault::NotEncoding { column });
        };
        if memchr::memchr(0, bytes).is_some() {
            let column = column_where(bytes, ends, |cell| cell.contains(&0)).unwrap_or(1);
            return Err(RecordFault::Nul { column });
        }
        if let Some(width) = self.width {
            check_width(text, ends, width)?;
        }
        Ok(Cells::new(text, ends))
    }
}

fn check_width(text: &str, ends: &[usize], width: Width) -> Result<(), RecordFault> {
    let found = ends.len();
    if found < width.least {
        return Err(RecordFault::TooFewCells {
            found,
            expected: width.least,
        });
    }
    if found > width.most {
        let surplus_from = ends[..width.most].last().copied().unwrap_or(0);
        if !unseen::trim(&text[surplus_from..]).is_empty() {
            return Err(RecordFault::TooManyCells {
                found,
                expected: width.most,
            });
        }
    }
    Ok(())
}

/// Whether nobody sees anything of the cells. Text that is no UTF-8 is not blank.
fn is_blank(bytes: &[u8]) -> bool {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => true,
        Some(byte) if byte.is_ascii_graphic() => false,
        Some(_) => std::str::from_utf8(bytes).is_ok_and(|text| unseen::trim(text).is_empty()),
    }
}

/// The first column, from 1, whose cell is such.
fn column_where(bytes: &[u8], ends: &[usize], is_such: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let cells = RawCells::new(bytes, ends);
    (0..cells.len())
        .find(|index| is_such(cells.get(*index)))
        .map(|index| index + 1)
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
