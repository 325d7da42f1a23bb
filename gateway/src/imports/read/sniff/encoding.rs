//! The encoding of a file that does not say it: byte order marks, and the rule for Windows-1252.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// How far into a file without a byte order mark its encoding is looked for, in bytes. Up to there plain
/// ASCII passes at once, for it is the same in both encodings.
pub const EXAMINED_BYTES: usize = 1024 * 1024;

/// Bytes of the longest mark.
pub const MARK_BYTES: usize = 3;

/// The encoding that a byte order mark tells, and the mark's length in bytes.
pub fn of_mark(first: &[u8]) -> Option<(&'static Encoding, usize)> {
    match first {
        [0xef, 0xbb, 0xbf, ..] => Some((UTF_8, 3)),
        [0xff, 0xfe, ..] => Some((UTF_16LE, 2)),
        [0xfe, 0xff, ..] => Some((UTF_16BE, 2)),
        _ => None,
    }
}

/// The encoding of that WHATWG label (`&encoding=`, `charset`). `None` for unknown labels, and for those
/// that WHATWG maps to "replacement" because they cannot be read safely.
pub fn labelled(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label_no_replacement(label.as_bytes())?;
    (encoding != encoding_rs::X_USER_DEFINED).then_some(encoding)
}

/// The name a job shows: `utf-8`, `utf-16le`, `windows-1252`, …
pub fn name(encoding: &'static Encoding) -> String {
    encoding.name().to_ascii_lowercase()
}

/// What the client says of a file's encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stated {
    /// Nothing: it is found out.
    #[default]
    Nothing,
    /// The Content-Type's `charset`, which a byte order mark overrides.
    Charset(&'static Encoding),
    /// `&encoding=`, which overrides all.
    Parameter(&'static Encoding),
}

impl Stated {
    /// The encoding and the mark's length in bytes, where the client's word or the mark tells it.
    pub fn settle(self, first: &[u8]) -> Option<(&'static Encoding, usize)> {
        match (self, of_mark(first)) {
            (Stated::Parameter(given), Some((marked, bytes))) if given == marked => Some((given, bytes)),
            (Stated::Parameter(given), _) => Some((given, 0)),
            (_, Some(marked)) => Some(marked),
            (Stated::Charset(given), None) => Some((given, 0)),
            (Stated::Nothing, None) => None,
        }
    }
}

/// One kind of sequence that leads the other by so many decides, whatever the rest of the examined part holds.
const DECISIVE_LEAD: i64 = 1_000;

/// UTF-8 or Windows-1252, told byte by byte as they come: it is Windows-1252 if more sequences are invalid as UTF-8 than
/// are valid multi-byte sequences of it.
#[derive(Debug, Default)]
pub struct Examination {
    /// How many of the bytes given so far need no second look.
    examined: usize,
    /// By how many the valid sequences are more than the invalid ones.
    lead: i64,
}

/// What an [`Examination`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// At least as many valid sequences as invalid ones.
    Utf8,
    /// More invalid sequences than valid ones.
    Windows1252,
    /// More bytes are needed.
    Open,
}

impl Examination {
    /// Looks at `bytes`: all that was given before, and more. `is_all`: no more comes, or no more is to
    /// be examined. `is_end`: the file ends here, so that a sequence cut short is invalid; where only the
    /// examined part ends, a cut sequence is no evidence.
    pub fn verdict(&mut self, bytes: &[u8], is_all: bool, is_end: bool) -> Verdict {
        while let Some(rest) = bytes.get(self.examined..).filter(|rest| !rest.is_empty()) {
            let (valid, skip) = match std::str::from_utf8(rest) {
                Ok(text) => (text, Some(0)),
                Err(error) => {
                    let valid = &rest[..error.valid_up_to()];
                    (std::str::from_utf8(valid).unwrap_or_default(), error.error_len())
                }
            };
            self.lead += valid.chars().filter(|letter| !letter.is_ascii()).count() as i64;
            self.examined += valid.len();
            if self.lead >= DECISIVE_LEAD {
                return Verdict::Utf8;
            }
            match skip {
                Some(0) => break,
                Some(invalid) => {
                    self.lead -= 1;
                    self.examined += invalid;
                }
                None if is_end => {
                    self.lead -= 1;
                    self.examined += 1;
                }
                None => break,
            }
            if self.lead <= -DECISIVE_LEAD {
                return Verdict::Windows1252;
            }
        }
        match (is_all || is_end, self.lead < 0) {
            (false, _) => Verdict::Open,
            (true, true) => Verdict::Windows1252,
            (true, false) => Verdict::Utf8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict_at_end(bytes: &[u8]) -> Verdict {
        let whole = Examination::default().verdict(bytes, true, true);
        let mut piecewise = Examination::default();
        for end in 0..bytes.len() {
            match piecewise.verdict(&bytes[..end], false, false) {
                Verdict::Open => {}
                early => {
                    assert_eq!(early, whole);
                    return whole;
                }
            }
        }
        assert_eq!(piecewise.verdict(bytes, true, true), whole);
        whole
    }

    #[test]
    fn marks() {
        assert_eq!(of_mark(b"\xef\xbb\xbfa"), Some((UTF_8, 3)));
        assert_eq!(of_mark(b"\xff\xfea\0"), Some((UTF_16LE, 2)));
        assert_eq!(of_mark(b"\xfe\xff\0a"), Some((UTF_16BE, 2)));
        assert_eq!(of_mark(b"\xef\xbb"), None);
    }

    #[test]
    fn the_more_frequent_kind_of_sequence_decides() {
        assert_eq!(verdict_at_end(b"plain"), Verdict::Utf8);
        assert_eq!(verdict_at_end("Ren\u{e9}".as_bytes()), Verdict::Utf8);
        assert_eq!(verdict_at_end(b"Ren\xe9"), Verdict::Windows1252);
        assert_eq!(verdict_at_end(b"Ren\xe9,x"), Verdict::Windows1252);
        assert_eq!(
            verdict_at_end(b"M\xfcller \xe9t\xe9 \xe9\xbb"),
            Verdict::Windows1252
        );
        // As many valid as invalid ones: UTF-8 with a bad row.
        assert_eq!(verdict_at_end(b"Ren\xe9,Ren\xc3\xa9"), Verdict::Utf8);
        assert_eq!(verdict_at_end(b"Ren\xc3\xa9,Ren\xe9"), Verdict::Utf8);
        // A sequence of two letters of Windows-1252 (`Ã©`) among many of its letters.
        assert_eq!(verdict_at_end(b"\xc3\xa9 \xfc, \xe4."), Verdict::Windows1252);
        assert_eq!(
            verdict_at_end(b"\xe9,\xe9,\xc3\xa9,\xc3\xa9,\xc3\xa9"),
            Verdict::Utf8
        );
    }

    #[test]
    fn a_long_lead_decides_early() {
        let many = "\u{e9}".repeat(1_000);
        assert_eq!(
            Examination::default().verdict(many.as_bytes(), false, false),
            Verdict::Utf8
        );
        let many = b"\xe9,".repeat(1_000);
        assert_eq!(
            Examination::default().verdict(&many, false, false),
            Verdict::Windows1252
        );
        assert_eq!(
            Examination::default().verdict(&many[..1_998], false, false),
            Verdict::Open
        );
        assert_eq!(verdict_at_end(&many), Verdict::Windows1252);
    }

    #[test]
    fn a_parameter_overrides_all_and_a_mark_the_charset() {
        let marked = b"\xef\xbb\xbfa";
        let latin = encoding_rs::WINDOWS_1252;
        assert_eq!(Stated::Nothing.settle(marked), Some((UTF_8, 3)));
        assert_eq!(Stated::Charset(latin).settle(marked), Some((UTF_8, 3)));
        assert_eq!(Stated::Charset(latin).settle(b"abc"), Some((latin, 0)));
        assert_eq!(Stated::Parameter(latin).settle(marked), Some((latin, 0)));
        assert_eq!(Stated::Parameter(UTF_8).settle(marked), Some((UTF_8, 3)));
        assert_eq!(Stated::Nothing.settle(b"abc"), None);
    }

    #[test]
    fn a_sequence_cut_by_the_end_of_the_examined_part_is_no_evidence() {
        let mut examination = Examination::default();
        assert_eq!(examination.verdict(b"abc\xe2\x82", true, false), Verdict::Utf8);
        let mut examination = Examination::default();
        assert_eq!(
            examination.verdict(b"ab\xff\xe2\x82", true, false),
            Verdict::Windows1252
        );
    }

    #[test]
    fn labels() {
        assert_eq!(labelled("latin1").map(name).as_deref(), Some("windows-1252"));
        assert_eq!(labelled(" UTF-16 ").map(name).as_deref(), Some("utf-16le"));
        assert_eq!(labelled("Shift_JIS").map(name).as_deref(), Some("shift_jis"));
        assert_eq!(labelled("iso-2022-kr"), None);
        assert_eq!(labelled("nonsense"), None);
    }
}
