//! Bytes of any encoding → UTF-8, as a stream, without a copy where it is UTF-8 already.
//!
//! Used like a `BufRead`: [`Decoder::fill`] shows what text there is, [`Decoder::consume`] says how much
//! of it was used.
//!
//! Invalid bytes do not stop the stream. UTF-8 passes through unchecked, and the reader checks each
//! record (its cells are cut at ASCII delimiters, which no invalid byte can hide); from other encodings
//! a malformed sequence becomes the one byte [`MALFORMED`], which is valid nowhere in UTF-8 and so meets
//! the same check. Either way the row that holds it fails, and no other does.

use encoding_rs::{DecoderResult, Encoding, UTF_8, WINDOWS_1252};

use super::sniff::encoding::{self, Examination, Stated, Verdict};

/// Stands for a malformed sequence of another encoding.
pub const MALFORMED: u8 = 0xff;

/// Source bytes that are converted at a time.
const SOURCE_BYTES: usize = 16 * 1024;
/// Room for what they become: at most three bytes of UTF-8 for one of a single-byte encoding, and what
/// the converter holds back of the piece before.
const TEXT_BYTES: usize = 4 * SOURCE_BYTES;

/// See the module.
pub struct Decoder {
    stage: Stage,
    /// What the client says of the encoding; else it is found out.
    stated: Stated,
    /// What it is, once it is settled.
    settled: Option<&'static Encoding>,
    /// Source bytes held back until the stage can be decided, or that were when it was.
    held: Vec<u8>,
    held_used: usize,
    /// Converted text.
    text: Vec<u8>,
    text_from: usize,
    text_to: usize,
    is_ended: bool,
}

enum Stage {
    /// Waiting for enough bytes to see a byte order mark.
    Mark,
    /// ASCII so far; `budget` bytes are still to be examined, and `ascii` bytes at the front are known to
    /// be ASCII.
    Ascii { budget: usize, ascii: usize },
    /// Something else than ASCII came; all source from there on is held.
    Doubt { budget: usize, examination: Examination },
    /// UTF-8: source is text.
    Through,
    /// Another encoding.
    Converting(Box<encoding_rs::Decoder>),
    /// Another encoding, converted to its end.
    Converted,
}

impl Decoder {
    /// A decoder that finds out of the encoding what `stated` leaves open.
    pub fn new(stated: Stated) -> Decoder {
        Decoder {
            stage: Stage::Mark,
            stated,
            settled: None,
            held: Vec::new(),
            held_used: 0,
            text: Vec::new(),
            text_from: 0,
            text_to: 0,
            is_ended: false,
        }
    }

    /// The encoding, as far as it is known: UTF-8 while everything was ASCII.
    pub fn encoding(&self) -> &'static Encoding {
        match &self.stage {
            Stage::Converting(converter) => converter.encoding(),
            Stage::Through => UTF_8,
            _ => self.settled.unwrap_or(UTF_8),
        }
    }

    /// Says that no more source comes. What is left comes out of [`Decoder::fill`].
    pub fn end(&mut self) {
        self.is_ended = true;
    }

    /// The text at hand, out of `source` and of what was held back of earlier ones. Empty: more source is
    /// needed, and all of this one was taken. Call [`Decoder::consume`] with what was used before the next
    /// call, and give what is left of the same source again.
    pub fn fill<'a>(&'a mut self, source: &'a mut &[u8]) -> &'a [u8] {
        while self.decide(source) {}
        match &mut self.stage {
            Stage::Mark | Stage::Doubt { .. } => &[],
            Stage::Ascii { ascii, .. } => {
                let known = *ascii;
                let bytes = rest_of(&self.held, self.held_used, source);
                &bytes[..known.min(bytes.len())]
            }
            Stage::Through => rest_of(&self.held, self.held_used, source),
            Stage::Converting(_) | Stage::Converted => &self.text[self.text_from..self.text_to],
        }
    }

    /// Takes `used` bytes off what [`Decoder::fill`] showed.
    pub fn consume(&mut self, used: usize, source: &mut &[u8]) {
        match &mut self.stage {
            Stage::Mark | Stage::Doubt { .. } => return,
            Stage::Converting(_) | Stage::Converted => {
                self.text_from = (self.text_from + used).min(self.text_to);
                return;
            }
            Stage::Ascii { budget, ascii } => {
                *budget = budget.saturating_sub(used);
                *ascii = ascii.saturating_sub(used);
            }
            Stage::Through => {}
        }
        if self.held_used < self.held.len() {
            self.held_used = (self.held_used + used).min(self.held.len());
        } else {
            *source = source.get(used..).unwrap_or_default();
        }
    }

    /// One step towards having text to show; false if none can be made.
    fn decide(&mut self, source: &mut &[u8]) -> bool {
        match &mut self.stage {
            Stage::Mark => self.look_for_mark(source),
            Stage::Ascii { .. } => self.look_for_other_than_ascii(source),
            Stage::Doubt { .. } => self.look_for_evidence(source),
            Stage::Through => self.release_held(),
            Stage::Converting(_) => self.convert(source),
            Stage::Converted => false,
        }
    }

    fn look_for_mark(&mut self, source: &mut &[u8]) -> bool {
        let missing = encoding::MARK_BYTES.saturating_sub(self.held.len());
        let (taken, rest) = source.split_at(missing.min(source.len()));
        self.held.extend_from_slice(taken);
        *source = rest;
        if self.held.len() < encoding::MARK_BYTES && !self.is_ended {
            return false;
        }
        let settled = self.stated.settle(&self.held);
        self.held_used = settled.map_or(0, |(_, mark_bytes)| mark_bytes);
        self.settled = settled.map(|(encoding, _)| encoding);
        self.stage = match self.settled {
            Some(encoding) => stage_of(encoding),
            None => Stage::Ascii {
                budget: encoding::EXAMINED_BYTES,
                ascii: 0,
            },
        };
        true
    }

    fn look_for_other_than_ascii(&mut self, source: &mut &[u8]) -> bool {
        let Stage::Ascii { budget, ascii } = &mut self.stage else {
            return false;
        };
        if *budget == 0 {
            self.stage = Stage::Through;
            return true;
        }
        if *ascii > 0 {
            return false;
        }
        let bytes = rest_of(&self.held, self.held_used, source);
        let examined = &bytes[..bytes.len().min(*budget)];
        *ascii = Encoding::ascii_valid_up_to(examined);
        if *ascii > 0 || bytes.is_empty() {
            return false;
        }
        let budget = *budget;
        self.held.drain(..self.held_used);
        self.held_used = 0;
        self.stage = Stage::Doubt {
            budget,
            examination: Examination::default(),
        };
        true
    }

    fn look_for_evidence(&mut self, source: &mut &[u8]) -> bool {
        let Stage::Doubt { budget, examination } = &mut self.stage else {
            return false;
        };
        let missing = budget.saturating_sub(self.held.len());
        let (taken, rest) = source.split_at(missing.min(source.len()));
        self.held.extend_from_slice(taken);
        *source = rest;
        let is_all = self.held.len() >= *budget;
        let is_end = self.is_ended && source.is_empty();
        match examination.verdict(&self.held, is_all, is_end) {
            Verdict::Open => return false,
            Verdict::Utf8 => self.stage = Stage::Through,
            Verdict::Windows1252 => self.stage = stage_of(WINDOWS_1252),
        }
        true
    }

    /// Gives the held bytes' memory back once they are used.
    fn release_held(&mut self) -> bool {
        if self.held_used > 0 && self.held_used == self.held.len() {
            self.held = Vec::new();
            self.held_used = 0;
        }
        false
    }

    fn convert(&mut self, source: &mut &[u8]) -> bool {
        if self.text_from < self.text_to {
            return false;
        }
        self.release_held();
        let Stage::Converting(converter) = &mut self.stage else {
            return false;
        };
        self.text.resize(TEXT_BYTES, 0);
        let is_held = self.held_used < self.held.len();
        let bytes = if is_held {
            &self.held[self.held_used..]
        } else {
            *source
        };
        let piece = &bytes[..bytes.len().min(SOURCE_BYTES)];
        let is_last = self.is_ended && piece.len() == bytes.len() && (!is_held || source.is_empty());
        if piece.is_empty() && !is_last {
            return false;
        }
        let converted = convert_piece(converter, piece, &mut self.text, is_last);
        let encoding = converter.encoding();
        self.text_from = 0;
        self.text_to = converted.written;
        if is_held {
            self.held_used += converted.read;
        } else {
            *source = source.get(converted.read..).unwrap_or_default();
        }
        if converted.is_finished {
            self.settled = Some(encoding);
            self.stage = Stage::Converted;
        }
        // A piece may leave no text yet, such as half a character.
        self.text_to == 0 && !converted.is_finished
    }
}

/// What is left to read: held bytes first, then the source.
fn rest_of<'a>(held: &'a [u8], held_used: usize, source: &'a [u8]) -> &'a [u8] {
    match held.get(held_used..) {
        Some(rest) if !rest.is_empty() => rest,
        _ => source,
    }
}

fn stage_of(encoding: &'static Encoding) -> Stage {
    if encoding == UTF_8 {
        return Stage::Through;
    }
    // The mark is off already, and a second one is text.
    Stage::Converting(Box::new(encoding.new_decoder_without_bom_handling()))
}

struct Converted {
    read: usize,
    written: usize,
    is_finished: bool,
}

fn convert_piece(
    converter: &mut encoding_rs::Decoder,
    piece: &[u8],
    text: &mut [u8],
    is_last: bool,
) -> Converted {
    let mut done = Converted {
        read: 0,
        written: 0,
        is_finished: false,
    };
    loop {
        // One byte stays free for the mark of a malformed sequence.
        let room = text.len() - 1;
        let (result, read, written) = converter.decode_to_utf8_without_replacement(
            &piece[done.read..],
            &mut text[done.written..room],
            is_last,
        );
        done.read += read;
        done.written += written;
        match result {
            DecoderResult::InputEmpty => {
                done.is_finished = is_last;
                return done;
            }
            DecoderResult::OutputFull => return done,
            DecoderResult::Malformed(_, _) => {
                text[done.written] = MALFORMED;
                done.written += 1;
                // The converter wants room for one whole character more.
                if done.written + 8 > room {
                    return done;
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
