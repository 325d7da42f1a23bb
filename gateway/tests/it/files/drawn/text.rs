//! A table as bytes: encoding, mark, delimiter, quotes, line ends, and what people do to files.

use super::dice::Dice;
use super::table::Drawn;
use super::{Seen, expected};

/// What nobody sees, at the ends of cells.
const UNSEEN: [&str; 5] = [" ", "\u{a0}", "\u{200b}", "\u{feff}", "\t"];

struct Manner {
    delimiter: char,
    line_end: &'static str,
    /// All cells are quoted, or those that have to be.
    quotes_all: bool,
    /// Cells may have unseen characters around them.
    is_sloppy: bool,
    /// Columns without a header or cells, as Excel pads sheets.
    padding: usize,
}

/// Bytes, encoding, delimiter, and the rows as they should be read.
pub fn write(dice: &mut Dice, drawn: &Drawn) -> (Vec<u8>, &'static str, char, Vec<Seen>) {
    let manner = Manner {
        delimiter: *dice.pick(&[',', ';', '\t', '|', ',', ';']),
        line_end: dice.pick::<&str>(&["\r\n", "\n", "\r", "\r\n"]),
        quotes_all: dice.one_in(3),
        is_sloppy: dice.one_in(3),
        padding: if dice.one_in(5) { 1 + dice.below(3) } else { 0 },
    };
    let mut out = String::new();
    let mut line = 1;
    if dice.one_in(6) {
        let quote = if dice.one_in(2) { "\"" } else { "" };
        let name = *dice.pick(&["sep=", "SEP="]);
        out.push_str(&format!(
            "{quote}{name}{}{quote}{}",
            manner.delimiter, manner.line_end
        ));
        line += 1;
    }
    let headers = drawn.columns.iter().map(|column| column.header.to_owned());
    let headers: Vec<_> = headers
        .chain((0..manner.padding).map(|_| String::new()))
        .collect();
    line += put(dice, &mut out, &manner, &headers);
    let mut rows = Vec::new();
    for (nth, row) in drawn.rows.iter().enumerate() {
        for _ in 0..if dice.one_in(8) { 1 + dice.below(2) } else { 0 } {
            let blank = match dice.below(3) {
                0 => String::new(),
                1 => manner.delimiter.to_string().repeat(drawn.columns.len() - 1),
                // A line of white space.
                _ => " ".to_owned(),
            };
            out.push_str(&blank);
            out.push_str(manner.line_end);
            line += 1;
        }
        let mut cells: Vec<_> = row.cells.iter().map(|cell| cell.text.clone()).collect();
        let mut values = expected(row, drawn);
        match dice.below(25) {
            0 if cells.len() > 1 => {
                cells.pop();
                values = None;
            }
            1 => {
                cells.extend(vec![String::new(); manner.padding]);
                cells.push("one too many".to_owned());
                values = None;
            }
            // Surplus blank cells are no fault.
            _ => cells.extend(vec![String::new(); dice.below(manner.padding + 3)]),
        }
        rows.push(Seen {
            row_number: nth as u64 + 1,
            line_number: line,
            values,
        });
        line += put(dice, &mut out, &manner, &cells);
    }
    if !rows.is_empty() && dice.one_in(3) {
        out.truncate(out.len() - manner.line_end.len());
    }
    let (bytes, encoding) = encode(dice, &out);
    (bytes, encoding, manner.delimiter, rows)
}

/// Writes a record; how many lines it takes.
fn put(dice: &mut Dice, out: &mut String, manner: &Manner, cells: &[String]) -> u64 {
    let begin = out.len();
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.push(manner.delimiter);
        }
        let mut cell = cell.clone();
        if manner.is_sloppy && dice.one_in(6) {
            cell = format!("{}{cell}{}", dice.pick(&UNSEEN), dice.pick(&UNSEEN));
        }
        let needs_quotes = cell.contains([manner.delimiter, '"', '\n', '\r']);
        // A quote that is led by something else is text; one at the beginning is not.
        match manner.quotes_all || needs_quotes {
            true => out.push_str(&format!("\"{}\"", cell.replace('"', "\"\""))),
            false => out.push_str(&cell),
        }
    }
    let within = out[begin..].matches('\n').count() as u64;
    out.push_str(manner.line_end);
    within + 1
}

fn encode(dice: &mut Dice, text: &str) -> (Vec<u8>, &'static str) {
    let utf_16 = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(to_bytes).collect()
    };
    let latin: Option<Vec<u8>> = text.chars().map(latin).collect();
    match (dice.below(6), latin) {
        (0, _) => (utf_16(u16::to_le_bytes), "utf-16le"),
        (1, _) => (utf_16(u16::to_be_bytes), "utf-16be"),
        (2, _) => ([b"\xef\xbb\xbf", text.as_bytes()].concat(), "utf-8"),
        (3 | 4, Some(bytes)) if !text.is_ascii() => (bytes, "windows-1252"),
        _ => (text.as_bytes().to_vec(), "utf-8"),
    }
}

/// Windows-1252, as far as the values need it.
fn latin(letter: char) -> Option<u8> {
    match letter {
        '€' => Some(0x80),
        '\0'..='\x7f' | '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(letter)).ok(),
        _ => None,
    }
}
