//! A header of one column is read alike under every delimiter, so that its rows need not wait for one; but the first of them
//! may tell it, as `a@b.c;;` does.

use super::csv::reader::Reader;
use super::header::HeaderMap;
use super::limits::Limits;
use super::sniff::delimiter;

/// So many looks are free; then each waits until a quarter more is there, so that a long row that comes byte by byte costs
/// no square of its length.
const FREE_LOOKS: usize = 64;

/// A file of which the header is known and the delimiter is not.
pub struct FirstRow {
    /// Its text from the header on.
    text: Vec<u8>,
    limits: Limits,
    first_line: u64,
    looks: usize,
    next_look_bytes: usize,
}

/// A reader that stands behind the header, and what it has still to read.
pub struct Settled {
    pub reader: Reader,
    pub delimiter: u8,
    pub text: Vec<u8>,
    pub text_used: usize,
}

impl FirstRow {
    /// A file whose header, the name of a field, begins `text`, on that line.
    pub fn of(text: &[u8], limits: Limits, first_line: u64) -> Self {
        Self {
            text: text.to_vec(),
            limits,
            first_line,
            looks: 0,
            next_look_bytes: 0,
        }
    }

    /// Takes more text; whether it is worth a look.
    pub fn take(&mut self, text: &[u8]) -> bool {
        let has_break = memchr::memchr2(b'\n', b'\r', text).is_some();
        self.text.extend_from_slice(text);
        let is_due = self.looks < FREE_LOOKS || self.text.len() >= self.next_look_bytes;
        (has_break && is_due) || self.text.len() >= delimiter::SAMPLE_BYTES
    }

    /// Makes up its mind, if what has come is enough.
    pub fn look(&mut self, is_end: bool, header: &HeaderMap) -> Option<Settled> {
        self.looks += 1;
        self.next_look_bytes = self.text.len() + self.text.len() / 4;
        let delimiter = delimiter::of_text(&self.text, is_end, &|_| true)?;
        let mut reader = Reader::new(delimiter, self.limits, self.first_line);
        let mut rest = &self.text[..];
        let has_header = reader.advance(&mut rest) || (is_end && reader.finish());
        if !has_header {
            return None;
        }
        reader.expect(header.width());
        Some(Settled {
            reader,
            delimiter,
            text_used: self.text.len() - rest.len(),
            text: std::mem::take(&mut self.text),
        })
    }
}
