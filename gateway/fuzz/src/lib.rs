//! What the fuzzers of files have in common: a way of reading told by a few bytes, and all the rows of a file, however
//! its bytes are cut.
//!
//! The first four bytes of an input say how the rest is read, so that the corpus can be made with a shell.

use std::sync::Arc;

use gateway::facade::imports::HeaderMap;
use gateway::facade::imports::Limits;
use gateway::facade::imports::Mode;
use gateway::facade::imports::Outcome;
use gateway::facade::imports::{Opening, Reading};
use gateway::facade::imports::{Parsed, RowStream};
use gateway::facade::imports::{Stated, labelled};
use gateway::facade::records::OBJECTS;
use gateway::facade::records::{DateOrder, DecimalSign, Spelling};

/// How a file is read, and how it is cut.
pub struct Way {
    pub reading: Reading,
    /// What the lengths of the pieces follow from.
    cuts: u8,
}

impl Way {
    /// The way that the first four bytes tell, and the file behind them.
    pub fn told(input: &[u8]) -> Option<(Way, &[u8])> {
        let ([object, spelling, options, cuts], file) = input.split_first_chunk()?;
        let mut reading = Reading::of(OBJECTS[usize::from(*object) % OBJECTS.len()]);
        reading.mode = [Mode::Upsert, Mode::Create, Mode::Update][usize::from(object / 4) % 3];
        reading.spelling = spelling_told(*spelling);
        let labels = [
            None,
            None,
            None,
            Some("utf-8"),
            Some("windows-1252"),
            Some("utf-16le"),
            Some("shift_jis"),
        ];
        let label = labels[usize::from(options % 8) % labels.len()];
        reading.encoding = match (label.and_then(labelled), options & 0x40) {
            (None, _) => Stated::Nothing,
            (Some(told), 0) => Stated::Parameter(told),
            (Some(told), _) => Stated::Charset(told),
        };
        reading.delimiter = [None, None, Some(b';'), Some(b'\t')][usize::from(options / 8 % 4)];
        if options & 0x80 != 0 {
            // Small ones, so that files of a fuzzer's size reach them.
            reading.limits = Limits {
                cell_bytes: 24,
                record_bytes: 64,
                header_bytes: 200,
                columns: 9,
            };
        }
        let way = Way { reading, cuts: *cuts };
        Some((way, file))
    }

    /// The file in pieces of one to a few dozen bytes.
    pub fn cut<'f>(&self, file: &'f [u8]) -> impl Iterator<Item = &'f [u8]> {
        pieces(self.cuts, file)
    }
}

/// Bytes in pieces whose lengths follow from `cuts`.
pub fn pieces(cuts: u8, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(cuts) * 2 + 1;
    let most = [1, 2, 3, 7, 40, 300][usize::from(cuts) % 6];
    let mut rest = bytes;
    std::iter::from_fn(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let size = 1 + (state >> 16) as usize % most;
        let (piece, next) = rest.split_at(size.min(rest.len()));
        rest = next;
        (!piece.is_empty()).then_some(piece)
    })
}

/// One of the spellings of values.
pub fn spelling_told(byte: u8) -> Spelling {
    let decimal = [None, Some(DecimalSign::Point), Some(DecimalSign::Comma)][usize::from(byte % 3)];
    let date_order =
        [None, Some(DateOrder::MonthFirst), Some(DateOrder::DayFirst)][usize::from(byte / 3 % 3)];
    match byte / 9 % 8 {
        7 => Spelling::Exact,
        _ => Spelling::Loose { decimal, date_order },
    }
}

/// Shows every row to `see`; the columns, or nothing where the file is refused.
pub fn read<'f>(
    reading: Reading,
    pieces: impl Iterator<Item = &'f [u8]>,
    mut see: impl FnMut(&HeaderMap, Parsed<'_>),
) -> Option<Arc<HeaderMap>> {
    let mut opening = Some(Opening::new(reading));
    let mut stream = None;
    for mut piece in pieces {
        if let Some(open) = &mut opening
            && let Some(opened) = open.feed(&mut piece).ok()?
        {
            stream = Some(opened);
            opening = None;
        }
        if let Some(stream) = &mut stream {
            take(stream, piece, &mut see);
        }
    }
    let mut stream = match opening {
        Some(mut opening) => opening.end().ok()?,
        None => stream?,
    };
    stream.end();
    take(&mut stream, &[], &mut see);
    Some(stream.shared_header())
}

fn take(stream: &mut RowStream, mut piece: &[u8], see: &mut impl FnMut(&HeaderMap, Parsed<'_>)) {
    let header = stream.shared_header();
    while let Some(parsed) = stream.next_row(&mut piece) {
        see(&header, parsed);
    }
    assert!(piece.is_empty(), "bytes were left");
}

/// What became of a row, in words.
pub fn tell(outcome: &Outcome<'_>) -> String {
    match outcome {
        Outcome::Row(row) => format!("{row:?} complete {}", row.is_complete()),
        Outcome::Unchanged => "unchanged".to_owned(),
        Outcome::Failed(faults) => format!("failed: {faults}"),
    }
}
