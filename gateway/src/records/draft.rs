//! A record as a request's JSON gives it, before it is created or changes a stored one.

use super::model::record::{Extra, Record, extra_fault};
use super::value::{self, Spelling};
use super::{Field, Kind, Object};
use crate::http::fields::{Faults, Fields};
use crate::http::json::Node;

/// Names that `extra` may hold, and the characters of one name.
const MAX_EXTRAS: usize = 1_000;
const MAX_NAME_CHARS: usize = 4_000;

/// The fields that a request names.
#[derive(Debug)]
pub struct Draft {
    object: &'static Object,
    /// For each field: `None` if it is not named, `Some(None)` to clear it.
    values: Vec<Option<Option<String>>>,
    extra: ExtraDraft,
    /// For each field: whether what is named cannot be its value.
    are_faulty: Vec<bool>,
    /// Whether the body says anything of a record at all.
    is_object: bool,
    pub faults: Faults,
}

#[derive(Debug, Default)]
enum ExtraDraft {
    #[default]
    Absent,
    Cleared,
    /// `None` removes a name.
    Merged(Vec<(String, Option<String>)>),
}

impl Draft {
    /// Reads a body, and keeps all that is wrong with it.
    pub fn read(body: Node, object: &'static Object) -> Self {
        let is_object = matches!(body, Node::Object(_));
        let mut fields = Fields::of(body);
        let mut are_faulty = vec![false; object.fields.len()];
        let values = object
            .fields
            .iter()
            .zip(&mut are_faulty)
            .map(|(field, is_faulty)| {
                let node = fields.take(field.name)?;
                let value = read_value(&mut fields, field, node);
                *is_faulty = value.is_none();
                value
            });
        let values = values.collect();
        let extra = match fields.take("extra") {
            None => ExtraDraft::Absent,
            Some(node) => read_extra(&mut fields, node),
        };
        Self {
            object,
            values,
            extra,
            are_faulty,
            is_object,
            faults: fields.finish_faults(),
        }
    }

    /// A new record, with the defaults of what is not given.
    pub fn create(&self) -> Record {
        let mut record = Record::new(self.object);
        self.apply(&mut record);
        for (index, field) in self.object.fields.iter().enumerate() {
            if record.values[index].is_none() {
                record.values[index] = field.default.map(str::to_owned);
            }
        }
        record
    }

    /// Puts what is named into a record.
    pub fn apply(&self, record: &mut Record) {
        for (value, named) in record.values.iter_mut().zip(&self.values) {
            if let Some(named) = named {
                value.clone_from(named);
            }
        }
        match &self.extra {
            ExtraDraft::Absent => {}
            ExtraDraft::Cleared => record.extra = Extra::new(),
            ExtraDraft::Merged(members) => {
                for (name, text) in members {
                    match text {
                        Some(text) => record.extra.insert(name.clone(), text.clone()),
                        None => record.extra.remove(name),
                    };
                }
            }
        }
    }

    /// Notes it if a record lacks what its object needs, beside what else is wrong. A field that is at fault itself is not
    /// lacking.
    pub fn check_needs(&mut self, record: &Record) {
        let has = |index: usize| record.values[index].is_some() || self.are_faulty[index];
        if self.is_object && !self.object.is_satisfied_by(has) {
            let mut message = String::new();
            self.object.push_need(&mut message);
            self.faults.add("body", "required", message);
        }
        if let Some(fault) = extra_fault(&record.extra) {
            self.faults.add("body.extra", "too_large", fault);
        }
    }
}

/// `None`: the value is at fault; a blank string is no value.
fn read_value(fields: &mut Fields, field: &Field, node: Node) -> Option<Option<String>> {
    let text = match (field.kind, node) {
        (_, Node::Null) => return Some(None),
        (Kind::Boolean, Node::Bool(flag)) => flag.to_string(),
        (Kind::Integer | Kind::Decimal, Node::Number(text)) => text,
        (Kind::Boolean | Kind::Integer, _) => {
            let expected = match field.kind {
                Kind::Boolean => "expected true or false",
                _ => "expected a whole number",
            };
            fields.fault(field.name, "invalid_type", expected);
            return None;
        }
        (_, Node::Text(text)) => text,
        (Kind::Decimal, _) => {
            fields.fault(
                field.name,
                "invalid_type",
                "expected a number, or a string that holds one",
            );
            return None;
        }
        _ => {
            fields.fault(field.name, "invalid_type", "expected a string");
            return None;
        }
    };
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Some(None);
    }
    let mut stored = String::with_capacity(trimmed.len());
    match value::parse(field.kind, trimmed, Spelling::Exact, &mut stored) {
        Ok(()) => Some(Some(stored)),
        // That is a fault of the whole body already.
        Err(value::ValueFault::Nul) => None,
        Err(fault) => {
            fields.fault(field.name, "invalid", fault.to_string());
            None
        }
    }
}

fn read_extra(fields: &mut Fields, node: Node) -> ExtraDraft {
    let members = match node {
        Node::Null => return ExtraDraft::Cleared,
        Node::Object(members) if members.len() <= MAX_EXTRAS => members,
        Node::Object(_) => {
            fields.fault(
                "extra",
                "too_many",
                format!("expected at most {MAX_EXTRAS} names"),
            );
            return ExtraDraft::Absent;
        }
        _ => {
            fields.fault("extra", "invalid_type", "expected an object of strings");
            return ExtraDraft::Absent;
        }
    };
    let mut merged = Vec::with_capacity(members.len());
    for (name, node) in members {
        if name.chars().nth(MAX_NAME_CHARS).is_some() {
            fields.fault(
                "extra",
                "invalid_length",
                format!("a name has over {MAX_NAME_CHARS} characters"),
            );
            continue;
        }
        match node {
            Node::Null => merged.push((name, None)),
            Node::Text(text) => merged.push((name, Some(text))),
            _ => fields.fault(
                &format!("extra.{name}"),
                "invalid_type",
                "expected a string or null",
            ),
        }
    }
    ExtraDraft::Merged(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json;

    fn draft(object: &str, body: &str) -> Draft {
        let object = Object::named(object).expect("an object");
        Draft::read(json::parse(body.as_bytes()).expect("JSON"), object)
    }

    #[test]
    fn null_clears_absent_leaves_and_blank_is_null() {
        let mut record = draft("contact", r#"{"email":"A@b.c","city":"Rome","owner":"x"}"#).create();
        draft(
            "contact",
            r#"{"city":null,"owner":" ","extra":{"a":"1","b":"2"}}"#,
        )
        .apply(&mut record);
        assert_eq!(
            (record.named("email"), record.named("city")),
            (Some("A@b.c"), None)
        );
        assert_eq!(record.named("owner"), None);
        draft("contact", r#"{"extra":{"a":null,"c":"3"}}"#).apply(&mut record);
        assert_eq!(record.extra.keys().collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn defaults_are_of_new_records_alone() {
        let deal = draft("deal", r#"{"name":"n","amount":1200.50,"currency":"eur"}"#).create();
        assert_eq!(deal.named("status"), Some("open"));
        assert_eq!(deal.named("amount"), Some("1200.50"));
        assert_eq!(deal.named("currency"), Some("EUR"));
        let product = draft("product", r#"{"name":"n","active":false}"#).create();
        assert_eq!(product.named("active"), Some("false"));
    }

    #[test]
    fn every_fault_is_told() {
        let draft = draft(
            "account",
            r#"{"employees":"12","annual_revenue":true,"domain":"x","extra":{"a":1},"colour":"red"}"#,
        );
        let faults = draft.faults.into_vec();
        let places: Vec<_> = faults.iter().map(|fault| fault.location.as_str()).collect();
        assert_eq!(
            places,
            [
                "body.domain",
                "body.employees",
                "body.annual_revenue",
                "body.extra.a",
                "body.colour"
            ]
        );
    }

    /// Where a new deal of this body is at fault.
    fn faults(body: &str) -> Vec<String> {
        let mut draft = draft("deal", body);
        let record = draft.create();
        draft.check_needs(&record);
        let faults = draft.faults.into_vec();
        faults.into_iter().map(|fault| fault.location).collect()
    }

    #[test]
    fn what_is_needed_stands_among_the_other_faults() {
        assert_eq!(faults(r#"{"amount":"x"}"#), ["body.amount", "body"]);
        assert_eq!(faults("{}"), ["body"]);
        assert_eq!(faults(r#"{"name":7}"#), ["body.name"], "said once");
        assert_eq!(faults(r#"{"name":"a","amount":"x"}"#), ["body.amount"]);
        assert_eq!(faults("[]"), ["body"], "said once");
    }
}
