//! The planner against a model that applies one row at a time to a plain list of records.

use proptest::prelude::*;

use super::super::row_keys::RowKeys;
use super::*;
use crate::imports::read::opening::{Opening, Reading};
use crate::imports::read::row::Outcome;

/// A record of the model: a value for each of the object's fields, in stored form.
type Plain = Vec<Option<String>>;

/// The outcome of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Created,
    Updated,
    Unchanged,
    Failed,
}

struct Model {
    object: &'static Object,
    mode: Mode,
    match_by: Option<usize>,
    records: Vec<Plain>,
}

impl Model {
    fn at<'p>(&self, record: &'p Plain, field: &str) -> Option<&'p str> {
        record[self.object.field_index(field).expect("a field")].as_deref()
    }

    /// IMPORT-RULES' words, object by object.
    fn has_key(&self, record: &Plain, row: &Plain, field: &str) -> bool {
        let (has, gives) = (self.at(record, field), self.at(row, field));
        let is_same = match (has, gives) {
            (Some(has), Some(gives)) if matches!(field, "external_id" | "sku") => has == gives,
            (Some(has), Some(gives)) => has.to_lowercase() == gives.to_lowercase(),
            _ => false,
        };
        match (self.object.name, field) {
            // Among accounts without domain.
            ("account", "name") => is_same && self.at(record, "domain").is_none(),
            _ => is_same,
        }
    }

    fn natural_field(&self, row: &Plain) -> Option<&'static str> {
        match self.object.name {
            "contact" => Some("email"),
            "product" => Some("sku"),
            "account" if self.at(row, "domain").is_some() => Some("domain"),
            "account" => Some("name"),
            _ => None,
        }
    }

    fn holder(&self, row: &Plain, field: &str) -> Option<usize> {
        self.records
            .iter()
            .position(|record| self.has_key(record, row, field))
    }

    fn apply(&mut self, row: &Plain) -> End {
        let found = match self.match_by {
            Some(place) => self.holder(row, self.object.key[place].field),
            None => {
                let one = self.holder(row, "external_id");
                let other = self.natural_field(row).and_then(|field| self.holder(row, field));
                match (one, other) {
                    (Some(one), Some(other)) if one != other => return End::Failed,
                    (one, other) => one.or(other),
                }
            }
        };
        let (place, mut after) = match (found, self.mode) {
            (Some(_), Mode::Create) | (None, Mode::Update) => return End::Failed,
            (Some(place), _) => (place, self.records[place].clone()),
            (None, _) => (self.records.len(), vec![None; row.len()]),
        };
        for (value, given) in after.iter_mut().zip(row) {
            if given.is_some() {
                value.clone_from(given);
            }
        }
        if found.is_some() && after == self.records[place] {
            return End::Unchanged;
        }
        for (index, field) in self.object.fields.iter().enumerate() {
            if after[index].is_none() {
                after[index] = field.default.map(str::to_owned);
            }
        }
        if !self.object.is_satisfied_by(|index| after[index].is_some()) {
            return End::Failed;
        }
        let mut own = vec!["external_id"];
        own.extend(self.natural_field(&after));
        let is_taken = own.into_iter().any(|field| {
            let mut others = self
                .records
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != place);
            others.any(|(_, other)| self.has_key(other, &after, field))
        });
        if is_taken {
            return End::Failed;
        }
        match found {
            Some(place) => self.records[place] = after,
            None => self.records.push(after),
        }
        match found {
            Some(_) => End::Updated,
            None => End::Created,
        }
    }
}

/// Puts rows through the file reader into a chunk; those that the reader refuses are not in it.
fn chunk_of(
    object: &'static Object,
    mode: Mode,
    match_by: Option<usize>,
    rows: &[Plain],
) -> (Chunk, Vec<usize>) {
    let names: Vec<&str> = object.fields.iter().map(|field| field.name).collect();
    let mut file = names.join(",") + ",number\n";
    for (number, row) in rows.iter().enumerate() {
        for value in row {
            file.push_str(value.as_deref().unwrap_or_default());
            file.push(',');
        }
        file.push_str(&format!("{number}\n"));
    }
    let mapping = crate::imports::read::header::mapping::Mapping::parse("{\"number\": null}", object);
    let reading = Reading {
        mode,
        mapping: mapping.ok(),
        delimiter: Some(b','),
        ..Reading::of(object)
    };
    let mut source = file.as_bytes();
    let mut stream = Opening::new(reading)
        .feed(&mut source)
        .expect("a file")
        .expect("a header");
    let header = stream.shared_header();
    let mut keys = RowKeys::new(object, match_by);
    let mut chunk = Chunk::new(object.fields.len());
    let mut taken = Vec::new();
    stream.end();
    while let Some(parsed) = stream.next_row(&mut source) {
        if let Outcome::Row(row) = parsed.outcome {
            keys.read(&row);
            taken.push(parsed.record.row_number as usize - 1);
            chunk.push_row(&parsed.record, &row, &keys, Some(&header));
        }
    }
    (chunk, taken)
}

/// A record or a row with few different values, so that keys meet.
fn plain(object: &'static Object) -> impl Strategy<Value = Plain> {
    let few = |words: &'static [&'static str]| {
        proptest::option::weighted(0.6, proptest::sample::select(words))
            .prop_map(|word| word.map(str::to_owned))
    };
    let of_field = object.fields.iter().map(move |field| match field.name {
        "external_id" | "sku" => few(&["A", "B", "C", "a"]).boxed(),
        "email" => few(&["a@x.y", "A@x.y", "b@x.y", "c@x.y"]).boxed(),
        "domain" => few(&["a.example", "b.example"]).boxed(),
        "name" => few(&["Acme", "ACME", "Globex"]).boxed(),
        "owner" => few(&["one", "two"]).boxed(),
        _ => Just(None).boxed(),
    });
    of_field.collect::<Vec<_>>()
}

fn case() -> impl Strategy<Value = (Mode, Option<usize>, &'static Object, Vec<Plain>, Vec<Plain>)> {
    let objects = proptest::sample::select(&crate::records::objects::OBJECTS[..]);
    let modes = proptest::sample::select(&[Mode::Upsert, Mode::Create, Mode::Update][..]);
    (objects, modes).prop_flat_map(|(object, mode)| {
        let match_by = proptest::option::of(0..object.key.len());
        let stored = proptest::collection::vec(plain(object), 0..5);
        let rows = proptest::collection::vec(plain(object), 0..12);
        (Just(mode), match_by, Just(object), stored, rows)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_plan_does_what_one_row_after_another_would(
        (mode, match_by, object, stored, rows) in case(), cut in 0_usize..12
    ) {
        let mut model = Model { object, mode: Mode::Create, match_by: None, records: Vec::new() };
        for record in &stored {
            model.apply(record);
        }
        (model.mode, model.match_by) = (mode, match_by);
        let present = model.records.clone();
        let (chunk, taken) = chunk_of(object, mode, match_by, &rows);
        let ends: Vec<End> = taken.iter().map(|row| model.apply(&rows[*row])).collect();
        let rules = Rules { object, workspace: WorkspaceId(1), mode, match_by, emits_each: false };
        let cut = cut.min(taken.len());
        // In one part, and in two of which the second is planned from what the first has left.
        for cuts in [vec![0, taken.len()], vec![0, cut, taken.len()]] {
            let mut records = present.clone();
            let mut counts = Counts::default();
            let mut failed = Vec::new();
            for part in cuts.windows(2) {
                let stored: Vec<Stored> = records.iter().map(|values| {
                    let record = Record { values: values.clone(), ..Record::new(object) };
                    Stored { natural_key: record.natural_key(), record }
                }).collect();
                let plan = plan(&rules, &chunk, part[0]..part[1], &stored, Millis(1));
                counts.created += plan.counts.created;
                counts.updated += plan.counts.updated;
                counts.unchanged += plan.counts.unchanged;
                counts.failed += plan.counts.failed;
                failed.extend(plan.failures.iter().map(|failure| failure.row_number as usize - 1));
                let hands_on = hands_keys_on(object, &records, &plan);
                prop_assert!(plan.hands_keys_on || !hands_on, "a key is handed on unnoticed");
                for (place, record) in plan.updated {
                    records[place] = record.values;
                }
                let created = plan.created.into_iter().map(|created| match created {
                    Created::Record(record) => record.values,
                    Created::Row(row) => object.fields.iter().enumerate().map(|(index, field)| {
                        chunk.value(row, index).or(field.default).map(str::to_owned)
                    }).collect(),
                });
                records.extend(created);
            }
            let count = |end: End| ends.iter().filter(|one| **one == end).count() as u64;
            prop_assert_eq!(counts, Counts {
                created: count(End::Created),
                updated: count(End::Updated),
                unchanged: count(End::Unchanged),
                failed: count(End::Failed),
            });
            let expected: Vec<usize> = taken.iter().zip(&ends)
                .filter(|(_, end)| **end == End::Failed).map(|(row, _)| *row).collect();
            prop_assert_eq!(failed, expected);
            records.sort();
            let mut expected = model.records.clone();
            expected.sort();
            prop_assert_eq!(records, expected);
        }
    }
}

/// Whether a changed record gets a key that another one has in the database until it is changed.
fn hands_keys_on(object: &'static Object, records: &[Plain], plan: &Plan) -> bool {
    let of = |values: &Plain| {
        let record = Record {
            values: values.clone(),
            ..Record::new(object)
        };
        [record.external_id().map(str::to_owned), record.natural_key()]
    };
    plan.updated.iter().any(|(place, after)| {
        let new = of(&after.values);
        let mut others = records.iter().enumerate().filter(|(other, _)| other != place);
        others.any(|(_, other)| {
            of(other)
                .iter()
                .zip(&new)
                .any(|(old, new)| new.is_some() && old == new)
        })
    })
}
