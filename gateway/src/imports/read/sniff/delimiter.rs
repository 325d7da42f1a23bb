//! The delimiter: Excel's `sep=` line, else the header, else the first rows.

use crate::imports::read::csv::reader::Reader;
use crate::imports::read::limits::Limits;

/// The delimiters that are looked for; of those for which equally much speaks, the first.
pub const CANDIDATES: [u8; 4] = *b"\t|;,";

/// How many rows are looked at where the header leaves it open.
const SAMPLE_ROWS: usize = 10;
/// Where a file has no so many rows in its first bytes, these must do.
pub const SAMPLE_BYTES: usize = 64 * 1024;
/// So many of a header's first cells are looked up.
const MAX_KNOWN_CELLS: usize = 1_000;
/// `"sep=;"` and some white space.
const MAX_SEPARATOR_LINE_BYTES: usize = 16;

/// What `&delimiter=` takes: the character, or `tab`.
pub fn named(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [byte] if can_delimit(*byte) => Some(*byte),
        word if word.eq_ignore_ascii_case(b"tab") => Some(b'\t'),
        _ => None,
    }
}

/// What [`named`] takes for it.
pub fn word(delimiter: u8) -> String {
    match delimiter {
        b'\t' => "tab".to_owned(),
        sign => char::from(sign).to_string(),
    }
}

fn can_delimit(byte: u8) -> bool {
    byte == b'\t' || byte == b' ' || (byte.is_ascii_punctuation() && byte != b'"')
}

/// What the first line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstLine {
    /// More text is needed.
    Open,
    /// The header, or a blank line.
    Table,
    /// Excel's `sep=;`, which is no row.
    Separator {
        /// The character it names.
        delimiter: u8,
        /// Its length with its line break.
        bytes: usize,
    },
}

/// Looks for Excel's `sep=;`, quoted or not, in any case.
pub fn first_line(text: &[u8], is_end: bool) -> FirstLine {
    let window = &text[..text.len().min(MAX_SEPARATOR_LINE_BYTES)];
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let line_bytes = match window.iter().position(is_break) {
        Some(at) => at,
        None if is_end || text.len() > MAX_SEPARATOR_LINE_BYTES => window.len(),
        None => return FirstLine::Open,
    };
    let Some(delimiter) = separator(&text[..line_bytes]) else {
        return FirstLine::Table;
    };
    let break_bytes = match &text[line_bytes..] {
        [b'\r', b'\n', ..] => 2,
        [b'\r'] if !is_end => return FirstLine::Open,
        [b'\r' | b'\n', ..] => 1,
        [] => 0,
        _ => return FirstLine::Table,
    };
    let bytes = line_bytes + break_bytes;
    FirstLine::Separator { delimiter, bytes }
}

fn separator(line: &[u8]) -> Option<u8> {
    let unquoted = line.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let (name, rest) = unquoted.unwrap_or(line).split_at_checked(4)?;
    let [delimiter, rest @ ..] = rest else {
        return None;
    };
    let is_separator = name.eq_ignore_ascii_case(b"sep=")
        && can_delimit(*delimiter)
        && rest.iter().all(|byte| *byte == b' ');
    is_separator.then_some(*delimiter)
}

/// The delimiter of a table that begins `text`; `None` if more text is needed. `is_known` tells whether
/// a header cell is the name of a field. The answer does not depend on how much more text is there.
pub fn of_text(text: &[u8], is_end: bool, is_known: &dyn Fn(&str) -> bool) -> Option<u8> {
    let is_enough = is_end || text.len() >= SAMPLE_BYTES;
    let mut samples = CANDIDATES.map(|delimiter| sample(text, is_end, delimiter, is_known));
    // A header that ends late because the wrong delimiter opens a quote in it must not hold up the rest.
    let is_early = |sample: &Sample| (1..=SAMPLE_BYTES).contains(&sample.header_bytes);
    if is_enough && samples.iter().any(is_early) {
        samples
            .iter_mut()
            .filter(|sample| !is_early(sample))
            .for_each(Sample::rule_out);
    } else if !is_end && samples.iter().any(|sample| sample.header_bytes == 0) {
        return None;
    }
    let splitting = || samples.iter().filter(|sample| sample.header_cells > 1);
    let most_known = splitting().map(|sample| sample.known_cells).max();
    let contenders = || splitting().filter(|sample| Some(sample.known_cells) == most_known);
    if let (Some(winner), 1) = (contenders().next(), contenders().count()) {
        return Some(winner.delimiter);
    }
    // A header of one column leaves little open, so that its upload need not wait for more rows to be known.
    let wanted_rows = if most_known.is_some() { SAMPLE_ROWS } else { 1 };
    if !is_enough && samples.iter().any(|sample| sample.rows < wanted_rows) {
        return None;
    }
    let by_rows = if most_known.is_some() {
        // Of equals `max_by_key` takes the last.
        contenders().rev().max_by_key(|sample| sample.even_rows)
    } else {
        samples.iter().find(|sample| sample.is_padded)
    };
    let by_names = || {
        let known = samples.iter().rev().filter(|sample| sample.known_cells > 0);
        known.max_by_key(|sample| sample.known_cells)
    };
    // A header of which no name is known is refused, and a comma gives it the words that most clients expect.
    Some(by_rows.or_else(by_names).map_or(b',', |sample| sample.delimiter))
}

/// Whether the header of a table is whole and has one column, of a known name, whatever the delimiter.
pub fn is_one_known_column(text: &[u8], is_known: &dyn Fn(&str) -> bool) -> bool {
    CANDIDATES.into_iter().all(|delimiter| {
        let sample = sample(text, false, delimiter, is_known);
        sample.header_bytes > 0 && sample.header_cells == 1 && sample.known_cells == 1
    })
}

/// How the first records look if they are cut at one delimiter.
struct Sample {
    delimiter: u8,
    /// Where the header ends; 0 while its end was not seen.
    header_bytes: usize,
    header_cells: usize,
    known_cells: usize,
    rows: usize,
    /// Rows with as many cells as the header.
    even_rows: usize,
    /// Whether the first row has more than one cell, of which all but the first are blank: `a@b.c;;`.
    is_padded: bool,
}

impl Sample {
    fn rule_out(&mut self) {
        self.header_cells = 0;
        self.is_padded = false;
        self.rows = SAMPLE_ROWS;
    }
}

fn sample(text: &[u8], is_end: bool, delimiter: u8, is_known: &dyn Fn(&str) -> bool) -> Sample {
    let mut found = Sample {
        delimiter,
        header_bytes: 0,
        header_cells: 0,
        known_cells: 0,
        rows: 0,
        even_rows: 0,
        is_padded: false,
    };
    let mut reader = Reader::new(delimiter, Limits::default(), 1);
    let mut rest = text;
    let has_header = reader.advance(&mut rest) || (is_end && reader.finish());
    if !has_header {
        return found;
    }
    let record = reader.record();
    found.header_bytes = (text.len() - rest.len()).max(1);
    found.header_cells = record.raw.len();
    let cells = record.cells.iter().flat_map(|cells| cells.iter());
    let cells = cells.take(MAX_KNOWN_CELLS);
    found.known_cells = cells.filter(|cell| is_known(cell)).count();
    // Rows count up to the same byte, however much more text came with them.
    let window_bytes = text.len().min(SAMPLE_BYTES);
    let is_whole = is_end && window_bytes == text.len();
    let mut rest = text.get(found.header_bytes..window_bytes).unwrap_or_default();
    while found.rows < SAMPLE_ROWS && (reader.advance(&mut rest) || (is_whole && reader.finish())) {
        let cells = reader.record().raw;
        if found.rows == 0 {
            let is_blank = |index: usize| cells.get(index).trim_ascii().is_empty();
            found.is_padded = cells.len() > 1 && (1..cells.len()).all(is_blank);
        }
        found.rows += 1;
        found.even_rows += usize::from(cells.len() == found.header_cells);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(text: &str) -> Option<char> {
        let is_known = |cell: &str| matches!(cell.trim(), "email" | "name" | "phone");
        of_text(text.as_bytes(), true, &is_known).map(char::from)
    }

    #[test]
    fn the_header_decides() {
        assert_eq!(detected("email,name\n1;2;3,4\n"), Some(','));
        assert_eq!(detected("email;name\n1,5;2,5\n"), Some(';'));
        assert_eq!(detected("email\tname\n"), Some('\t'));
        assert_eq!(detected("email|name\n"), Some('|'));
        assert_eq!(detected("\"email, work\";\"name\"\n"), Some(';'));
        // Two delimiters stand in it: the one that gives names wins.
        assert_eq!(detected("Street, No;email;name\n"), Some(';'));
        assert_eq!(detected("a|b,email,name\n"), Some(','));
    }

    #[test]
    fn the_rows_decide_what_it_leaves_open() {
        assert_eq!(detected("a,b;c\n1,5;2\n1;2\n3;4\n"), Some(';'));
        assert_eq!(detected("email\na@b.c;\nd@e.f;\n"), Some(';'));
        // A comma within the one column of a file is text.
        assert_eq!(detected("colour"), Some(','));
        assert_eq!(detected("name\nAcme, Inc.\nGlobex; Co.\n"), Some('\t'));
    }

    #[test]
    fn of_equals_tab_then_pipe_then_semicolon_then_comma() {
        assert_eq!(detected("a\tb|c;d,e\n1\t2|3;4,5\n"), Some('\t'));
        assert_eq!(detected("a|c;d,e\n1|3;4,5\n"), Some('|'));
        assert_eq!(detected("c;d,e,f\n3;4,5,6\n"), Some(';'));
        assert_eq!(detected("email|x;name\n1|2;3\n"), Some('|'));
        assert_eq!(detected("email\na@b.c\n"), Some('\t'));
        assert_eq!(detected("email"), Some('\t'));
    }

    #[test]
    fn it_waits_while_it_is_open() {
        let none = |_: &str| false;
        assert_eq!(of_text(b"email,na", false, &none), None);
        assert_eq!(of_text(b"email,name\n", false, &none), Some(b','));
        assert_eq!(of_text(b"a,b;c\n1,2\n", false, &none), None);
        assert_eq!(of_text(b"\"a\nb", false, &none), None);
        let email = |cell: &str| cell == "email";
        assert_eq!(of_text(b"email\n", false, &email), None);
        assert_eq!(of_text(b"email\na@b.c\n", false, &email), Some(b'\t'));
        assert_eq!(of_text(b"email\na@b.c;\n", false, &email), Some(b';'));
    }

    #[test]
    fn the_separator_line() {
        let found = |delimiter, bytes| FirstLine::Separator { delimiter, bytes };
        assert_eq!(first_line(b"sep=;\nemail", false), found(b';', 6));
        assert_eq!(first_line(b"\"SEP=,\"\r\nemail", false), found(b',', 9));
        assert_eq!(first_line(b"sep=\t\remail", false), found(b'\t', 6));
        assert_eq!(first_line(b"sep=;\r", false), FirstLine::Open);
        assert_eq!(first_line(b"sep=;", false), FirstLine::Open);
        assert_eq!(first_line(b"sep=;", true), found(b';', 5));
        assert_eq!(first_line(b"sep=\nemail", false), FirstLine::Table);
        assert_eq!(first_line(b"separator,email", true), FirstLine::Table);
        assert_eq!(
            first_line(b"a long first line without a break", false),
            FirstLine::Table
        );
        assert_eq!(first_line(b"\nemail", false), FirstLine::Table);
    }

    #[test]
    fn names() {
        assert_eq!(named(";"), Some(b';'));
        assert_eq!(named("TAB"), Some(b'\t'));
        assert_eq!(named("\t"), Some(b'\t'));
        for bad in ["", "\"", "a", ";;", "§", "\n"] {
            assert_eq!(named(bad), None, "{bad:?}");
        }
    }
}
