//! The four objects: each one's static table, and the list of them.

pub mod account;
pub mod contact;
pub mod deal;
pub mod field;
pub mod object;
pub mod product;

pub use object::Object;

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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::read::header::heading;
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
