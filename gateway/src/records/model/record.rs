//! A record: its fields in stored form, and how the API shows it.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use uuid::Uuid;

use super::key::push_natural_key;
use crate::base::clock::Millis;
use crate::base::id::{next_uuid, parse_uuid, uuid_millis};
use crate::records::{Kind, Object};

/// Names and texts that no field took.
pub type Extra = BTreeMap<String, String>;

/// What `extra` of one record may hold: no less than one row of a file can bring, so that only what many requests or
/// imports add up to is refused.
const MAX_EXTRA_NAMES: usize = 10_000;
const MAX_EXTRA_BYTES: usize = 16 << 20;

/// What is wrong with a record's `extra`, if it holds too much.
pub fn extra_fault(extra: &Extra) -> Option<String> {
    if extra.len() > MAX_EXTRA_NAMES {
        return Some(format!(
            "the record's extra would have more than {MAX_EXTRA_NAMES} names"
        ));
    }
    let bytes: usize = extra.iter().map(|(name, text)| name.len() + text.len()).sum();
    (bytes > MAX_EXTRA_BYTES).then(|| {
        format!(
            "the record's extra would be larger than {} MiB",
            MAX_EXTRA_BYTES >> 20
        )
    })
}

/// One record of any object.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub object: &'static Object,
    pub id: Uuid,
    /// One for each field of the object, in stored form.
    pub values: Vec<Option<String>>,
    pub extra: Extra,
    pub updated_at: Millis,
}

impl Record {
    /// A record without any value, made now.
    pub fn new(object: &'static Object) -> Self {
        Self {
            object,
            id: next_uuid(),
            values: vec![None; object.fields.len()],
            extra: Extra::new(),
            updated_at: Millis::now(),
        }
    }

    /// The value of field `index`.
    pub fn value(&self, index: usize) -> Option<&str> {
        self.values[index].as_deref()
    }

    /// The value of the field of that name.
    pub fn named(&self, name: &str) -> Option<&str> {
        self.value(self.object.field_index(name)?)
    }

    /// The record's natural key as it is stored, if it has one.
    pub fn natural_key(&self) -> Option<String> {
        let mut stored = String::new();
        push_natural_key(self.object, |index| self.value(index), &mut stored).then_some(stored)
    }

    /// The record's external id.
    pub fn external_id(&self) -> Option<&str> {
        self.value(self.object.external_id_index()?)
    }

    /// The bytes of its texts.
    pub fn text_bytes(&self) -> usize {
        let values = self.values.iter().flatten().map(String::len);
        let extra = self.extra.iter().map(|(name, text)| name.len() + text.len());
        values.chain(extra).sum()
    }

    /// The public id.
    pub fn public_id(&self) -> String {
        public_id(self.object, self.id)
    }

    /// What a person knows the record by.
    pub fn title(&self) -> Option<&str> {
        let names = ["name", "email", "last_name", "first_name", "domain", "phone"];
        names.iter().find_map(|name| self.named(name))
    }
}

/// The public id of a record.
pub fn public_id(object: &Object, id: Uuid) -> String {
    format!("{}{}", object.id_prefix, id.hyphenated())
}

/// Reads a public id.
pub fn parse_id(object: &Object, text: &str) -> Option<Uuid> {
    parse_uuid(object.id_prefix, text)
}

/// Whether two stored forms are the same value: decimals are, with more zeros or fewer.
pub fn is_same_value(kind: Kind, one: Option<&str>, other: Option<&str>) -> bool {
    match (kind, one, other) {
        (Kind::Decimal, Some(one), Some(other)) => bare_decimal(one) == bare_decimal(other),
        _ => one == other,
    }
}

fn bare_decimal(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

/// A stored value as JSON has it.
pub struct ShownValue<'v>(pub Kind, pub Option<&'v str>);

impl Serialize for ShownValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.0, self.1) {
            (_, None) => serializer.serialize_none(),
            (Kind::Boolean, Some(text)) => serializer.serialize_bool(text == "true"),
            (Kind::Integer, Some(text)) => match text.parse::<i64>() {
                Ok(number) => serializer.serialize_i64(number),
                Err(_) => serializer.serialize_str(text),
            },
            (_, Some(text)) => serializer.serialize_str(text),
        }
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len() + 4))?;
        map.serialize_entry("id", &self.public_id())?;
        for (field, value) in self.object.fields.iter().zip(&self.values) {
            map.serialize_entry(field.name, &ShownValue(field.kind, value.as_deref()))?;
        }
        map.serialize_entry("extra", &self.extra)?;
        map.serialize_entry("created_at", &Millis(uuid_millis(self.id)))?;
        map.serialize_entry("updated_at", &self.updated_at)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_field_of_the_natural_key_that_is_set_is_the_key() {
        let object = Object::named("account").expect("an object");
        let mut record = Record::new(object);
        assert_eq!((record.natural_key(), record.external_id()), (None, None));
        let external = object.external_id_index().expect("a field");
        record.values[external] = Some("X-1".into());
        assert_eq!((record.natural_key(), record.external_id()), (None, Some("X-1")));
        for (name, value, key) in [("name", "ACME", "1acme"), ("domain", "acme.com", "0acme.com")] {
            record.values[object.field_index(name).expect("a field")] = Some(value.into());
            assert_eq!(record.natural_key().as_deref(), Some(key));
        }
    }

    #[test]
    fn every_object_has_an_external_id_for_its_first_key() {
        for object in crate::records::objects::OBJECTS {
            assert_eq!(object.key[0].field, "external_id");
            assert!(object.external_id_index().is_some() && !object.key[0].folds_case);
        }
    }

    #[test]
    fn decimals_are_the_same_with_more_zeros() {
        let same = |one, other| is_same_value(Kind::Decimal, Some(one), Some(other));
        assert!(same("1200.50", "1200.5") && same("5", "5.00") && same("100", "100"));
        assert!(!same("100", "1") && !same("1.05", "1.5"));
        assert!(!is_same_value(Kind::Text, Some("1.50"), Some("1.5")));
    }
}
