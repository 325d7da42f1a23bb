//! The column guide (what a file of an object may hold) and the template, a CSV of a header line and two example rows
//! that is ready to be filled in; both from the object's own table.

use serde::Serialize;

use super::job::report;
use crate::http::call::Call;
use crate::http::cell::push_cell;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::records::{Need, Object};

/// One column.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct GuideColumn {
    pub field: &'static str,
    pub label: &'static str,
    /// Such as `text`, `decimal` or `date`.
    pub r#type: &'static str,
    /// Whether every record has it; what is needed beyond that is said in `needs`.
    pub required: bool,
    /// Header names that are recognised, best first, without regard to case, accents, spaces and punctuation.
    pub headers: Vec<&'static str>,
    pub example: &'static str,
}

/// The guide of one object.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Guide {
    pub object: &'static str,
    /// What a record needs, in words.
    pub needs: String,
    /// The first of these fields that a record has is its key.
    pub key: Vec<&'static str>,
    pub columns: Vec<GuideColumn>,
}

/// `GET /v1/imports/objects/{object}`.
pub fn get_guide(call: Call) -> Result<Reply, Problem> {
    let object = object_in(&call)?;
    call.query.finish()?;
    let mut needs = String::new();
    object.push_need(&mut needs);
    let fields = object.fields.iter().map(|field| GuideColumn {
        field: field.name,
        label: field.label,
        r#type: field.kind.word(),
        required: field.need == Need::Always,
        headers: field.headers.iter().chain(field.last_resort).copied().collect(),
        example: field.example(),
    });
    let helpers = object.helpers.iter().map(|helper| GuideColumn {
        field: helper.name,
        label: helper.label,
        r#type: "text",
        required: false,
        headers: helper.headers.to_vec(),
        example: helper.example,
    });
    Reply::ok(&Guide {
        object: object.name,
        needs,
        key: object.key.iter().map(|key| key.field).collect(),
        columns: fields.chain(helpers).collect(),
    })
}

/// `GET /v1/imports/objects/{object}/template.csv`.
pub fn get_template(call: Call) -> Result<Reply, Problem> {
    let object = object_in(&call)?;
    call.query.finish()?;
    let mut text = report::BYTE_ORDER_MARK.to_string();
    push_template(object, &mut text);
    let reply = Reply::of(http::StatusCode::OK, "text/csv; charset=utf-8", text);
    Ok(report::attachment(reply, "template.csv"))
}

fn object_in(call: &Call) -> Result<&'static Object, Problem> {
    let name = call.parameters.first();
    name.and_then(|name| Object::named(name))
        .ok_or_else(Problem::not_found)
}

/// Appends `object`'s template as CSV (RFC 4180). Its columns are the fields' own names, which need no
/// guessing when the file comes back.
fn push_template(object: &Object, out: &mut String) {
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
    use crate::imports::read::opening::{Opening, Reading};
    use crate::imports::read::row::Outcome;
    use crate::records::objects::OBJECTS;

    #[test]
    fn a_template_imports_with_no_failed_row_and_nothing_unmapped() {
        for object in OBJECTS {
            let mut text = String::from("\u{feff}");
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

    #[test]
    fn every_column_has_an_example() {
        for object in OBJECTS {
            for field in object.fields {
                assert!(!field.example().is_empty(), "{} {}", object.name, field.name);
            }
            for helper in object.helpers {
                assert!(!helper.example.is_empty(), "{} {}", object.name, helper.name);
            }
        }
    }
}
