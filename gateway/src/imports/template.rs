//! The template of an object: a header line and two example rows, ready to be filled in.

use super::escape::push_cell;
use crate::records::Object;

/// Appends `object`'s template as CSV (RFC 4180). Its columns are the fields' own names, which need no
/// guessing when the file comes back.
pub fn push_template(object: &Object, out: &mut String) {
    push_line(object.fields.iter().map(|field| field.name), out);
    for row in 0..2 {
        push_line(object.fields.iter().map(|field| field.examples[row]), out);
    }
}

fn push_line<'c>(cells: impl Iterator<Item = &'c str>, out: &mut String) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_cell(cell, b',', out);
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::opening::{Opening, Reading};
    use crate::imports::row::Outcome;
    use crate::records::object::OBJECTS;

    #[test]
    fn a_template_imports_with_no_failed_row_and_nothing_unmapped() {
        for object in OBJECTS {
            let mut text = String::new();
            push_template(object, &mut text);
            let mut source = text.as_bytes();
            let mut stream = Opening::new(Reading::of(object))
                .feed(&mut source)
                .unwrap()
                .unwrap();
            assert_eq!(stream.header().unmapped().count(), 0);
            let mut rows = 0;
            while let Some(parsed) = stream.next_row(&mut source) {
                let Outcome::Row(row) = parsed.outcome else {
                    panic!("{:?}", parsed.outcome);
                };
                for (index, field) in object.fields.iter().enumerate() {
                    let example = field.examples[rows];
                    assert_eq!(row.value(index), (!example.is_empty()).then_some(example));
                }
                assert!(row.key().is_some());
                rows += 1;
            }
            assert_eq!(rows, 2, "{}", object.name);
        }
    }

    #[test]
    fn no_example_looks_like_a_formula_to_a_spreadsheet() {
        let examples = OBJECTS.iter().flat_map(|object| object.fields);
        assert!(
            examples
                .flat_map(|field| field.examples)
                .all(|cell| !cell.starts_with(['=', '+', '-', '@']))
        );
    }
}
