//! An object: its fields, what a record of it needs, and what its key is.

use super::{Field, Need, account, contact, deal, product};

/// One field of an object's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyField {
    /// The field's name.
    pub field: &'static str,
    /// Whether `A` and `a` are the same key.
    pub folds_case: bool,
}

/// A column that feeds no field of its own but steers others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperRole {
    /// Split into `first_name` and `last_name` at the last space.
    FullName,
    /// Rows with the same cell belong together: Shopify's variants of one product.
    Group,
}

/// See [`HelperRole`].
#[derive(Debug)]
pub struct Helper {
    /// The name that `&mapping=` knows it by.
    pub name: &'static str,
    /// What a person reads.
    pub label: &'static str,
    /// What it steers.
    pub role: HelperRole,
    /// Headers by rank, as in [`Field::headers`].
    pub headers: &'static [&'static str],
}

/// One of the four objects.
#[derive(Debug)]
pub struct Object {
    /// `contact`, as replies, ids and scopes say it.
    pub name: &'static str,
    /// The table's and the path's name.
    pub plural: &'static str,
    /// What stands before the UUID in a record's id.
    pub id_prefix: &'static str,
    /// The fields in which `?q=` finds words: names, keys, company and phone.
    pub searched: &'static [&'static str],
    /// What is stored, in the order in which guides and templates show it.
    pub fields: &'static [Field],
    /// Columns that steer others.
    pub helpers: &'static [Helper],
    /// The first of these that a record has is its key.
    pub key: &'static [KeyField],
    /// What Pipedrive puts before ` - ` in the object's own headers.
    pub prefix: &'static str,
    /// What a record needs, in words that complete "a contact needs …".
    pub needs_words: &'static str,
}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        self.name == other.name
    }
}

impl Eq for Object {}

/// All four, in the order in which guides list them.
pub static OBJECTS: [&Object; 4] = [
    &contact::CONTACT,
    &account::ACCOUNT,
    &deal::DEAL,
    &product::PRODUCT,
];

impl Object {
    /// The object of that name, without regard to case.
    pub fn named(name: &str) -> Option<&'static Object> {
        OBJECTS
            .iter()
            .copied()
            .find(|object| object.name.eq_ignore_ascii_case(name))
    }

    /// The place of the field of that exact name in [`Object::fields`].
    pub fn field_index(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The field of that exact name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// `a` or `an`, as the name wants it.
    pub fn article(&self) -> &'static str {
        if self.name.starts_with('a') { "an" } else { "a" }
    }

    /// Appends what a record needs, as the fault of one that does without.
    pub fn push_need(&self, out: &mut String) {
        for piece in [self.article(), " ", self.name, " needs ", self.needs_words] {
            out.push_str(piece);
        }
    }

    /// Whether a record that has exactly the fields for which `has` is true has what the object needs.
    pub fn is_satisfied_by(&self, has: impl Fn(usize) -> bool) -> bool {
        let mut one_of_is_asked = false;
        let mut one_of_is_met = false;
        for (index, field) in self.fields.iter().enumerate() {
            match field.need {
                Need::Always if !has(index) => return false,
                Need::OneOf => {
                    one_of_is_asked = true;
                    one_of_is_met |= has(index);
                }
                _ => {}
            }
        }
        !one_of_is_asked || one_of_is_met
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::heading;
    use crate::records::value::{self, Spelling};

    #[test]
    fn every_header_name_leads_to_one_field() {
        for object in OBJECTS {
            let mut seen = std::collections::HashMap::new();
            let fields = object.fields.iter().flat_map(|field| {
                let names = field.headers.iter().chain(field.last_resort);
                names.map(move |header| (field.name, *header))
            });
            let helpers = object
                .helpers
                .iter()
                .flat_map(|helper| helper.headers.iter().map(move |h| (helper.name, *h)));
            for (field, header) in fields.chain(helpers) {
                let key = heading::key(header);
                assert!(!key.is_empty(), "{header}");
                if let Some(other) = seen.insert(key, field) {
                    panic!("{}: {header} is {other} and {field}", object.name);
                }
            }
        }
    }

    #[test]
    fn a_field_is_found_by_its_own_name() {
        for object in OBJECTS {
            for field in object.fields {
                let own = heading::key(field.name);
                assert!(
                    field.headers.iter().any(|h| heading::key(h) == own),
                    "{}.{}",
                    object.name,
                    field.name
                );
            }
        }
    }

    #[test]
    fn examples_and_defaults_are_in_stored_form() {
        for object in OBJECTS {
            for field in object.fields {
                let examples = field.examples.iter().copied().chain(field.default);
                for example in examples.filter(|example| !example.is_empty()) {
                    let mut out = String::new();
                    value::parse(field.kind, example, Spelling::Exact, &mut out).unwrap();
                    assert_eq!(out, example, "{}.{}", object.name, field.name);
                }
            }
        }
    }

    #[test]
    fn names_are_taken_in_any_case() {
        assert_eq!(Object::named("CONTACT").unwrap().name, "contact");
        assert_eq!(Object::named("Deal").unwrap().plural, "deals");
        assert!(Object::named("contacts").is_none());
    }

    #[test]
    fn needs() {
        let contact = Object::named("contact").unwrap();
        let phone = contact.field_index("phone").unwrap();
        let city = contact.field_index("city").unwrap();
        assert!(contact.is_satisfied_by(|i| i == phone));
        assert!(!contact.is_satisfied_by(|i| i == city));
        let deal = Object::named("deal").unwrap();
        assert!(!deal.is_satisfied_by(|i| i != 0));
    }
}
