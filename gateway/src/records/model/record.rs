//! A record: its fields in stored form, and how the API shows it.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use uuid::Uuid;

use super::key::push_stored_key;
use crate::base::clock::Millis;
use crate::base::id::{parse_uuid, uuid_millis};
use crate::records::{Kind, Object};

/// Names and texts that no field took.
pub type Extra = BTreeMap<String, String>;

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
            id: Uuid::now_v7(),
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

    /// The record's key as it is stored, if it has one.
    pub fn key(&self) -> Option<String> {
        key_of(self.object, |index| self.value(index))
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

/// The key, as it is stored, of a record of which `value` gives the fields: the number of the key's field, so that an
/// email and an external id that look the same are two keys, and the value with its case folded where the object says.
pub fn key_of<'v>(object: &Object, value: impl Fn(usize) -> Option<&'v str>) -> Option<String> {
    object.key.iter().enumerate().find_map(|(rank, key)| {
        let value = value(object.field_index(key.field)?)?;
        Some(stored_key(rank, key.folds_case, value))
    })
}

/// The stored form of a value of the key's field `rank`.
pub fn stored_key(rank: usize, folds_case: bool, value: &str) -> String {
    let mut stored = String::with_capacity(value.len() + 1);
    push_stored_key(rank, folds_case, value, &mut stored);
    stored
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
    fn the_first_field_of_the_key_that_is_set_is_the_key() {
        let object = Object::named("contact").expect("an object");
        let mut record = Record::new(object);
        assert_eq!(record.key(), None);
        let external = object.field_index("external_id").expect("a field");
        record.values[external] = Some("X-1".into());
        assert_eq!(record.key().as_deref(), Some("1X-1"));
        record.values[0] = Some("Ada@Example.com".into());
        assert_eq!(record.key().as_deref(), Some("0ada@example.com"));
    }

    #[test]
    fn decimals_are_the_same_with_more_zeros() {
        let same = |one, other| is_same_value(Kind::Decimal, Some(one), Some(other));
        assert!(same("1200.50", "1200.5") && same("5", "5.00") && same("100", "100"));
        assert!(!same("100", "1") && !same("1.05", "1.5"));
        assert!(!is_same_value(Kind::Text, Some("1.50"), Some("1.5")));
    }
}
