//! Bytes in, rows out: the chain of decoder, reader and row builder.

use encoding_rs::Encoding;

use super::csv::raw_record::RawRecord;
use super::csv::reader::Reader;
use super::decode::Decoder;
use super::first_row::FirstRow;
use super::header::HeaderMap;
use super::row::{Outcome, RowBuilder};
use super::sniff::encoding;

/// The rows of a file whose header is known.
pub struct RowStream {
    pub(super) decoder: Decoder,
    pub(super) reader: Reader,
    pub(super) builder: RowBuilder,
    /// The encoding that the builder names in faults.
    pub(super) named: &'static Encoding,
    /// Decoded text behind the header, from the time before the header was known.
    pub(super) text: Vec<u8>,
    pub(super) text_used: usize,
    pub(super) delimiter: u8,
    /// Until the delimiter is known, where the header does not need it.
    pub(super) first_row: Option<FirstRow>,
    pub(super) is_ended: bool,
}

/// A record and what became of it, borrowed from the stream until the next is asked for.
#[derive(Debug)]
pub struct Parsed<'s> {
    /// Its place in the file, and its cells as they stand there.
    pub record: RawRecord<'s>,
    /// The row, or what is wrong.
    pub outcome: Outcome<'s>,
}

impl RowStream {
    /// The next row, out of `source` and of what is left of earlier ones; it takes what it reads off
    /// `source`. `None`: all of `source` was read; after [`RowStream::end`]: there are no more rows.
    pub fn next_row<'s>(&'s mut self, source: &mut &[u8]) -> Option<Parsed<'s>> {
        if !self.advance(source) {
            return None;
        }
        self.name_encoding();
        let record = self.reader.record();
        let outcome = match record.cells {
            Ok(cells) => self.builder.build(cells),
            Err(fault) => self.builder.fail(fault),
        };
        Some(Parsed { record, outcome })
    }

    /// Says that the file ends where the last source did.
    pub fn end(&mut self) {
        self.is_ended = true;
        self.decoder.end();
    }

    /// The columns.
    pub fn header(&self) -> &HeaderMap {
        self.builder.header()
    }

    /// The columns, to be kept beside a row that is borrowed from the stream.
    pub fn shared_header(&self) -> std::sync::Arc<HeaderMap> {
        self.builder.shared_header()
    }

    /// The delimiter, an ASCII character, as far as it is known.
    pub fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The encoding's name, as far as it is known: `utf-8` while everything was ASCII.
    pub fn encoding(&self) -> String {
        encoding::name(self.decoder.encoding())
    }

    fn advance(&mut self, source: &mut &[u8]) -> bool {
        if self.first_row.is_some() && !self.settle_delimiter(source) {
            return false;
        }
        if self.text_used < self.text.len() {
            let mut rest = &self.text[self.text_used..];
            let has_record = self.reader.advance(&mut rest);
            self.text_used = self.text.len() - rest.len();
            if has_record {
                return true;
            }
            self.text = Vec::new();
            self.text_used = 0;
        }
        loop {
            let shown = self.decoder.fill(source);
            let shown_bytes = shown.len();
            if shown_bytes == 0 {
                return self.is_ended && self.reader.finish();
            }
            let mut rest = shown;
            let has_record = self.reader.advance(&mut rest);
            let used = shown_bytes - rest.len();
            self.decoder.consume(used, source);
            if has_record {
                return true;
            }
        }
    }

    /// Reads on until the delimiter is known; false if more text is needed.
    fn settle_delimiter(&mut self, source: &mut &[u8]) -> bool {
        while let Some(first_row) = &mut self.first_row {
            let shown = self.decoder.fill(source);
            let (taken, is_end) = (shown.len(), shown.is_empty());
            if is_end && !self.is_ended {
                return false;
            }
            let is_due = first_row.take(shown) || is_end;
            self.decoder.consume(taken, source);
            if !is_due {
                continue;
            }
            if let Some(settled) = first_row.look(is_end, self.builder.header()) {
                self.reader = settled.reader;
                self.delimiter = settled.delimiter;
                self.text = settled.text;
                self.text_used = settled.text_used;
                self.first_row = None;
            } else if is_end {
                return false;
            }
        }
        true
    }

    fn name_encoding(&mut self) {
        let encoding = self.decoder.encoding();
        if encoding != self.named {
            self.named = encoding;
            self.builder.set_encoding(encoding::name(encoding));
        }
    }
}
