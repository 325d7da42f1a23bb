//! A few values of each column, for the person who checks a file.

use super::csv::raw_record::Cells;
use super::header::HeaderMap;

/// Columns of which values are kept.
pub const MAX_COLUMNS: usize = 200;
/// Values of a column.
const MAX_VALUES: usize = 3;
/// Characters of a value.
const MAX_CHARS: usize = 40;
/// Rows that are looked at.
const MAX_ROWS: usize = 100;

/// See the module.
pub struct Samples {
    columns: Vec<Vec<String>>,
    row_count: usize,
}

impl Samples {
    /// No row was seen yet.
    pub fn of(header: &HeaderMap) -> Self {
        let count = header.columns.len().min(MAX_COLUMNS);
        Self {
            columns: vec![Vec::new(); count],
            row_count: 0,
        }
    }

    /// Takes what a row has that is new.
    pub fn take(&mut self, header: &HeaderMap, cells: Cells<'_>) {
        if self.row_count >= MAX_ROWS {
            return;
        }
        self.row_count += 1;
        for (place, values) in self.columns.iter_mut().enumerate() {
            if values.len() >= MAX_VALUES {
                continue;
            }
            let value = shortened(header.cell(cells, place));
            if !value.is_empty() && !values.contains(&value) {
                values.push(value);
            }
        }
    }

    /// The first different values of a column.
    pub fn values(&self, place: usize) -> &[String] {
        self.columns.get(place).map_or(&[], Vec::as_slice)
    }
}

fn shortened(cell: &str) -> String {
    match cell.char_indices().nth(MAX_CHARS) {
        None => cell.to_owned(),
        Some(_) => {
            let kept: String = cell.chars().take(MAX_CHARS - 1).collect();
            kept + "…"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::read::opening::{Opening, Reading};
    use crate::records::Object;

    #[test]
    fn the_first_different_values_are_kept_and_cut() {
        let object = Object::named("contact").expect("an object");
        let long = "é".repeat(60);
        let text = format!("email,Note\na@b.c,\na@b.c,{long}\nd@b.c,x\ne@b.c,y\nf@b.c,z\n");
        let mut opening = Opening::new(Reading::of(object));
        let mut source = text.as_bytes();
        let mut stream = match opening.feed(&mut source).expect("is read") {
            Some(stream) => stream,
            None => opening.end().expect("is read"),
        };
        let header = stream.shared_header();
        let mut samples = Samples::of(&header);
        for is_end in [false, true] {
            // What is not ASCII is decoded once the encoding is known, at the end at the latest.
            if is_end {
                stream.end();
            }
            while let Some(parsed) = stream.next_row(&mut source) {
                samples.take(&header, parsed.record.cells.expect("cells"));
            }
        }
        assert_eq!(samples.values(0), ["a@b.c", "d@b.c", "e@b.c"]);
        assert_eq!(samples.values(1).len(), 3);
        assert_eq!(samples.values(1)[0].chars().count(), MAX_CHARS);
        assert_eq!(samples.values(7), [""; 0]);
    }
}
