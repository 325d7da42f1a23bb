//! `&mapping=`: the client says which column feeds which field.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::known_names::Feeds;
use crate::records::Object;
use crate::records::value::Excerpt;

/// Header → field, or → nothing where the column is to be left out; in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    entries: Vec<Entry>,
}

/// One header of the mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As the client wrote it.
    pub heading: String,
    /// `None`: the column is left out.
    pub feeds: Option<Feeds>,
    /// The header's key.
    key: String,
}

/// What is wrong with a mapping, before any file is seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingFault {
    /// Not an object of strings and nulls.
    #[error("is not a JSON object that maps headers to field names or null")]
    NotMapping,
    /// A field that the object does not have.
    #[error(
        "{} is mapped to {}, which is no field of {object}",
        Excerpt(heading),
        Excerpt(field)
    )]
    UnknownField {
        /// The header.
        heading: String,
        /// What it was mapped to.
        field: String,
        /// The object's name.
        object: &'static str,
    },
    /// The same header twice.
    #[error("{} is mapped twice", Excerpt(heading))]
    Doubled {
        /// The header.
        heading: String,
    },
}

impl Mapping {
    /// Reads the parameter, and names all that is wrong with it.
    pub fn parse(json: &str, object: &'static Object) -> Result<Mapping, Vec<MappingFault>> {
        let pairs: Pairs = serde_json::from_str(json).map_err(|_| vec![MappingFault::NotMapping])?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut faults = Vec::new();
        for (heading, field) in pairs.0 {
            if entries.iter().any(|entry| entry.heading == heading) {
                faults.push(MappingFault::Doubled { heading });
                continue;
            }
            let feeds = field.as_deref().map(|field| feeds_named(object, field));
            if let Some(None) = feeds {
                let field = field.unwrap_or_default();
                faults.push(MappingFault::UnknownField {
                    heading,
                    field,
                    object: object.name,
                });
                continue;
            }
            entries.push(Entry {
                key: super::heading::key(&heading),
                feeds: feeds.flatten(),
                heading,
            });
        }
        if faults.is_empty() {
            Ok(Mapping { entries })
        } else {
            Err(faults)
        }
    }

    /// All entries, in the order given.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The place of the entry that means the column: by the name it has in replies (`Tag (2)`), else as
    /// its header stands in the file, else by the header's key.
    pub fn find(&self, name: &str, heading: &str) -> Option<usize> {
        let place_of = |is_meant: &dyn Fn(&Entry) -> bool| self.entries.iter().position(is_meant);
        place_of(&|entry| entry.heading == name)
            .or_else(|| place_of(&|entry| entry.heading.trim() == heading))
            .or_else(|| {
                let key = super::heading::key(heading);
                place_of(&|entry| !key.is_empty() && entry.key == key)
            })
    }
}

fn feeds_named(object: &'static Object, name: &str) -> Option<Feeds> {
    let helper = object.helpers.iter().find(|helper| helper.name == name);
    object
        .field_index(name)
        .map(Feeds::Field)
        .or_else(|| helper.map(|helper| Feeds::Helper(helper.role)))
}

/// A JSON object with its order and its doubled names, which serde_json's own map loses.
struct Pairs(Vec<(String, Option<String>)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings and nulls")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_named() {
        let contact = Object::named("contact").unwrap();
        let good = Mapping::parse(r#"{"Mail": "email", "Foo": null, "N": "full_name"}"#, contact).unwrap();
        assert_eq!(good.entries().len(), 3);
        assert_eq!(good.entries()[1].feeds, None);
        assert_eq!(good.find("mail", "mail"), Some(0));
        assert_eq!(good.find("Bar", "Bar"), None);
        let faults = Mapping::parse(r#"{"a": "emial", "b": "email", "b": null}"#, contact).unwrap_err();
        assert_eq!(faults.len(), 2);
        assert_eq!(
            faults[0].to_string(),
            "\"a\" is mapped to \"emial\", which is no field of contact"
        );
        for bad in ["", "[]", "{\"a\": 1}", "nonsense"] {
            assert_eq!(
                Mapping::parse(bad, contact),
                Err(vec![MappingFault::NotMapping]),
                "{bad}"
            );
        }
    }
}
