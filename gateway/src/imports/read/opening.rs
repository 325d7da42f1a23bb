//! The first bytes of a file: what it is, and whether it can be read as what the client says.

use super::csv::raw_record::{RawRecord, RecordFault};
use super::csv::reader::Reader;
use super::decode::Decoder;
use super::first_row::FirstRow;
use super::header::HeaderMap;
use super::header::known_names::KnownNames;
use super::header::mapping::Mapping;
use super::limits::Limits;
use super::refusal::Refusal;
use super::row::RowBuilder;
use super::rows::RowStream;
use super::sniff::delimiter::{self, FirstLine};
use super::sniff::encoding::Stated;
use super::sniff::{encoding, signature};
use crate::imports::mode::Mode;
use crate::records::Object;
use crate::records::value::{Spelling, unseen};

/// Decoded text is looked at after so many bytes at the latest.
const STEP_BYTES: usize = 64 * 1024;
/// So many looks are free; then each waits until a quarter more is there, so that a long header that
/// comes byte by byte costs no square of its length.
const FREE_LOOKS: usize = 64;

/// How a file is to be read: the query's words, parsed.
#[derive(Debug, Clone)]
pub struct Reading {
    /// What its rows are.
    pub object: &'static Object,
    /// `&mode=`
    pub mode: Mode,
    /// `&mapping=`
    pub mapping: Option<Mapping>,
    /// `&encoding=` or the Content-Type's `charset`.
    pub encoding: Stated,
    /// `&delimiter=`
    pub delimiter: Option<u8>,
    /// `&decimal=` and `&date_order=`
    pub spelling: Spelling,
    /// The caps.
    pub limits: Limits,
}

impl Reading {
    /// All found out, upserting, under the default caps.
    pub fn of(object: &'static Object) -> Reading {
        Reading {
            object,
            mode: Mode::default(),
            mapping: None,
            encoding: Stated::Nothing,
            delimiter: None,
            spelling: Spelling::CELLS,
            limits: Limits::default(),
        }
    }
}

/// What a look at a file's first text may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// More may come at once.
    Arriving,
    /// The lines that are whole are what there is to go by.
    Whole,
    /// There is no more.
    End,
}

/// A file whose header is not known yet.
pub struct Opening {
    reading: Reading,
    names: KnownNames,
    decoder: Decoder,
    /// The file's first bytes, as they came.
    first: Vec<u8>,
    /// All its text so far.
    text: Vec<u8>,
    looks: usize,
    next_look_bytes: usize,
}

impl Opening {
    /// Nothing was read yet.
    pub fn new(reading: Reading) -> Opening {
        Opening {
            names: KnownNames::of(reading.object),
            decoder: Decoder::new(reading.encoding),
            first: Vec::new(),
            text: Vec::new(),
            looks: 0,
            next_look_bytes: 0,
            reading,
        }
    }

    /// Reads on, and takes what it read off `source`. `None`: all of it was read, and more is needed.
    /// Once it gave the stream, it has nothing more to give.
    pub fn feed(&mut self, source: &mut &[u8]) -> Result<Option<RowStream>, Refusal> {
        self.look_at_signature(source)?;
        loop {
            let shown = self.decoder.fill(source);
            if shown.is_empty() {
                return Ok(None);
            }
            let step = &shown[..shown.len().min(STEP_BYTES)];
            let has_break = memchr::memchr2(b'\n', b'\r', step).is_some();
            let taken = step.len();
            self.text.extend_from_slice(step);
            self.decoder.consume(taken, source);
            let is_due = self.looks < FREE_LOOKS || self.text.len() >= self.next_look_bytes;
            let is_over = self.text.len() > self.reading.limits.header_bytes;
            if (has_break && is_due) || is_over {
                self.looks += 1;
                self.next_look_bytes = self.text.len() + self.text.len() / 4;
                if let Some(stream) = self.look(false)? {
                    return Ok(Some(stream));
                }
            }
            if is_over {
                let limit_bytes = self.reading.limits.header_bytes;
                return Err(Refusal::HeaderTooLong { limit_bytes });
            }
        }
    }

    /// Makes up its mind by the whole lines that have come, if the header is among them: the next may take long.
    pub fn decide(&mut self) -> Result<Option<RowStream>, Refusal> {
        self.look_at(Look::Whole)
    }

    /// Says that the file ends here.
    pub fn end(&mut self) -> Result<RowStream, Refusal> {
        self.decoder.end();
        let mut nothing: &[u8] = &[];
        if let Some(mut stream) = self.feed(&mut nothing)? {
            stream.end();
            return Ok(stream);
        }
        let stream = self.look(true)?;
        let mut stream = stream.ok_or(Refusal::Empty)?;
        stream.end();
        Ok(stream)
    }

    fn look_at_signature(&mut self, source: &[u8]) -> Result<(), Refusal> {
        let missing = signature::EXAMINED_BYTES.saturating_sub(self.first.len());
        if missing == 0 {
            return Ok(());
        }
        self.first.extend_from_slice(&source[..missing.min(source.len())]);
        match signature::of_bytes(&self.first) {
            Some(what) => Err(Refusal::NotTable { what }),
            None => Ok(()),
        }
    }

    /// Tries to make out the header; `None`: more text is needed.
    fn look(&mut self, is_end: bool) -> Result<Option<RowStream>, Refusal> {
        self.look_at(if is_end { Look::End } else { Look::Arriving })
    }

    fn look_at(&mut self, look: Look) -> Result<Option<RowStream>, Refusal> {
        let is_end = look == Look::End;
        let shown_bytes = match look {
            Look::Arriving | Look::End => self.text.len(),
            // A line that is under way would count as a whole one.
            Look::Whole => memchr::memrchr2(b'\n', b'\r', &self.text).map_or(0, |place| place + 1),
        };
        if shown_bytes == 0 && !is_end {
            return Ok(None);
        }
        let shown = &self.text[..shown_bytes];
        let decides = look != Look::Arriving;
        let (given, skipped_bytes) = match delimiter::first_line(shown, decides) {
            FirstLine::Open => return Ok(None),
            FirstLine::Table => (None, 0),
            FirstLine::Separator { delimiter, bytes } => (Some(delimiter), bytes),
        };
        let table = &shown[skipped_bytes..];
        if !is_end && signature::is_open(table) {
            return Ok(None);
        }
        if let Some(what) = signature::of_text(table) {
            return Err(Refusal::NotTable { what });
        }
        let is_known = |cell: &str| self.is_known(cell);
        let given = self.reading.delimiter.or(given);
        let told = given.or_else(|| delimiter::of_text(table, decides, &is_known));
        let is_open = told.is_none();
        if is_open && !delimiter::is_one_known_column(table, &is_known) {
            return Ok(None);
        }
        // Any of them reads a header of one column; this one stands if the first row tells no other.
        let delimiter = told.unwrap_or(delimiter::CANDIDATES[0]);
        let first_line = 1 + u64::from(skipped_bytes > 0);
        let mut reader = Reader::new(delimiter, self.reading.limits, first_line);
        let mut rest = table;
        let has_header = reader.advance(&mut rest) || (is_end && reader.finish());
        if !has_header {
            return Ok(None);
        }
        let header = self.read_header(reader.record())?;
        reader.expect(header.width());
        let text_used = shown_bytes - rest.len();
        if !is_open {
            return Ok(Some(self.stream(reader, header, delimiter, text_used, None)));
        }
        let first_row = FirstRow::of(table, self.reading.limits, first_line);
        self.text.clear();
        Ok(Some(self.stream(reader, header, delimiter, 0, Some(first_row))))
    }

    /// Whether a header cell speaks for the delimiter that cut it out.
    fn is_known(&self, cell: &str) -> bool {
        let cell = unseen::trim(crate::http::cell::unescape(cell));
        let mapping = self.reading.mapping.as_ref();
        self.names.knows(cell) || mapping.is_some_and(|mapping| mapping.find(cell, cell).is_some())
    }

    fn read_header(&self, record: RawRecord<'_>) -> Result<HeaderMap, Refusal> {
        let limit_bytes = self.reading.limits.header_bytes;
        let cells = record.cells.map_err(|fault| match fault {
            RecordFault::Nul { .. } => Refusal::NulInHeader,
            RecordFault::NotEncoding { .. } => {
                let encoding = encoding::name(self.decoder.encoding());
                Refusal::HeaderNotEncoding { encoding }
            }
            RecordFault::CellTooLong { .. } | RecordFault::RecordTooLong { .. } => {
                Refusal::HeaderTooLong { limit_bytes }
            }
            RecordFault::TooManyCells { found, .. } => {
                let limit = self.reading.limits.columns;
                Refusal::TooManyColumns { found, limit }
            }
            other => Refusal::HeaderUnreadable(other),
        })?;
        if cells.text().len() > limit_bytes {
            return Err(Refusal::HeaderTooLong { limit_bytes });
        }
        let Reading {
            object, mode, limits, ..
        } = &self.reading;
        HeaderMap::build(
            cells,
            object,
            &self.names,
            self.reading.mapping.as_ref(),
            *mode,
            limits,
        )
    }

    fn stream(
        &mut self,
        reader: Reader,
        header: HeaderMap,
        delimiter: u8,
        text_used: usize,
        first_row: Option<FirstRow>,
    ) -> RowStream {
        let decoder = std::mem::replace(&mut self.decoder, Decoder::new(Stated::Nothing));
        let named = decoder.encoding();
        let Reading { mode, spelling, .. } = self.reading;
        RowStream {
            builder: RowBuilder::new(header, mode, spelling, encoding::name(named)),
            decoder,
            reader,
            named,
            text: std::mem::take(&mut self.text),
            text_used,
            delimiter,
            first_row,
            is_ended: false,
        }
    }
}

#[cfg(test)]
#[path = "opening_tests.rs"]
mod tests;
