//! Files drawn as foreign programs write them, against what they were drawn to mean.
//!
//! The reading is independent: nothing here reads CSV. A file is drawn as a table of values whose meaning is known, and
//! then written in the manner of some program, country and system ([`table`], [`text`]).

mod dice;
mod table;
mod text;
mod values;

use std::collections::BTreeMap;

use super::reading;
use dice::Dice;
use gateway::facade::imports::{Opening, Outcome, Reading, RowStream};
use gateway::facade::records::{DateOrder, DecimalSign, Spelling};
use table::{Drawn, Row, draw};
use values::{Country, Told};

const FILES: u64 = 350;

/// A row as it was read, or as it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub row_number: u64,
    pub line_number: u64,
    /// Fields and, behind a `+`, what went to `extra`; none where the row failed.
    pub values: Option<BTreeMap<String, String>>,
}

#[test]
fn drawn_files_are_read_as_they_are_meant() {
    let mut wrong = Vec::new();
    let (mut rows, mut failed) = (0, 0);
    for seed in 0..FILES {
        let drawn = draw(&mut Dice::of(seed));
        let (bytes, encoding, delimiter, expected) = text::write(&mut Dice::of(seed + 10_000), &drawn);
        rows += expected.len();
        failed += expected.iter().filter(|row| row.values.is_none()).count();
        for size in [bytes.len(), 1, 7] {
            let found = match read(&bytes, reading_of(&drawn), size) {
                Ok(found) => found,
                Err(refusal) => {
                    wrong.push(format!("file {seed} is refused: {refusal}"));
                    continue;
                }
            };
            if (found.0.as_str(), found.1) != (encoding, delimiter) {
                wrong.push(format!(
                    "file {seed}: {} {:?}, not {encoding} {delimiter:?}",
                    found.0, found.1
                ));
            }
            if found.2.len() != expected.len() {
                wrong.push(format!(
                    "file {seed}: {} rows, not {}",
                    found.2.len(),
                    expected.len()
                ));
            }
            let pairs = found.2.iter().zip(&expected);
            let differ = pairs.filter(|((seen, _), row)| seen != *row);
            wrong.extend(
                differ.map(|((seen, words), row)| format!("file {seed}: {seen:?} ({words}), not {row:?}")),
            );
        }
    }
    wrong.dedup();
    let shown: Vec<_> = wrong.iter().take(20).collect();
    assert!(wrong.is_empty(), "{} differences: {shown:#?}", wrong.len());
    // Files of blank lines would be read right too.
    assert!(
        rows > 3_000 && failed > 200 && failed < rows / 2,
        "{failed} of {rows}"
    );
}

fn reading_of(drawn: &Drawn) -> Reading {
    let Told {
        country,
        order,
        decimal,
    } = drawn.told;
    let sign = match country {
        Country::Germany | Country::France => ",",
        _ => ".",
    };
    let mut reading = reading(drawn.object);
    reading.spelling = Spelling::Loose {
        decimal: decimal.then(|| DecimalSign::named(sign)).flatten(),
        date_order: order.and_then(DateOrder::named),
    };
    reading
}

type Found = (String, char, Vec<(Seen, String)>);

/// Encoding, delimiter, and the rows, with the words of those that failed.
fn read(bytes: &[u8], reading: Reading, size: usize) -> Result<Found, String> {
    let mut opening = Some(Opening::new(reading));
    let mut stream: Option<RowStream> = None;
    let mut rows = Vec::new();
    for mut piece in bytes.chunks(size.max(1)) {
        if let Some(open) = &mut opening
            && let Some(opened) = open.feed(&mut piece).map_err(|refusal| refusal.to_string())?
        {
            stream = Some(opened);
            opening = None;
        }
        if let Some(stream) = &mut stream {
            drain(stream, piece, &mut rows);
        }
    }
    let mut stream = match opening {
        Some(mut opening) => opening.end().map_err(|refusal| refusal.to_string())?,
        None => stream.ok_or("nothing was read")?,
    };
    stream.end();
    drain(&mut stream, &[], &mut rows);
    Ok((stream.encoding(), stream.delimiter().into(), rows))
}

fn drain(stream: &mut RowStream, mut piece: &[u8], rows: &mut Vec<(Seen, String)>) {
    let object = stream.header().object;
    while let Some(parsed) = stream.next_row(&mut piece) {
        let mut words = String::new();
        let values = match parsed.outcome {
            Outcome::Unchanged => Some(BTreeMap::new()),
            Outcome::Failed(faults) => {
                words = faults.to_string();
                None
            }
            Outcome::Row(row) => {
                let fields = object.fields.iter().enumerate();
                let fields = fields.filter_map(|(index, field)| {
                    let value = row.value(index)?;
                    let is_number =
                        value.contains('.') && matches!(field.name, "amount" | "price" | "annual_revenue");
                    let value = match is_number {
                        true => value.trim_end_matches('0').trim_end_matches('.'),
                        false => value,
                    };
                    Some((field.name.to_owned(), value.to_owned()))
                });
                let extras = row
                    .extras()
                    .map(|(name, text)| (format!("+{name}"), text.to_owned()));
                Some(fields.chain(extras).collect())
            }
        };
        let seen = Seen {
            row_number: parsed.record.row_number,
            line_number: parsed.record.line_number,
            values,
        };
        rows.push((seen, words));
    }
}

/// What a row should be read as.
fn expected(row: &Row, drawn: &Drawn) -> Option<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for (column, cell) in drawn.columns.iter().zip(&row.cells) {
        let text = cell.text.clone();
        match (&cell.means, column.field) {
            (values::Means::Nothing, _) => {}
            (values::Means::Fault, Some(_)) => return None,
            (values::Means::Fault | values::Means::Extra, _) | (_, None) => {
                values.insert(format!("+{}", column.header), text);
            }
            // At its last space.
            (values::Means::Value(name), Some("full_name")) => {
                if let Some((first, last)) = name.rsplit_once(' ') {
                    values.insert("first_name".into(), first.into());
                    values.insert("last_name".into(), last.into());
                }
            }
            (values::Means::Value(value), Some(field)) => {
                if values.contains_key(field) {
                    // Another column of the same field stands before it in rank.
                    values.insert(format!("+{}", column.header), text);
                } else {
                    values.insert(field.to_owned(), value.clone());
                }
            }
        }
    }
    Some(values)
}
