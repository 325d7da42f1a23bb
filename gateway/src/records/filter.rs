//! The filters of a list of records.

use super::model::key::push_stored_key;
use super::value::{self, Spelling};
use super::{Kind, Object, search};
use crate::base::caller::WorkspaceId;
use crate::http::query::Query;

/// Filters beside the key's fields, of the objects that have such a field.
const OTHERS: [&str; 6] = ["account_name", "owner", "stage", "status", "category", "active"];

/// The filters of one list.
#[derive(Debug, Default)]
pub struct Filter {
    /// The stored natural key.
    pub key: Option<String>,
    /// Fields that must have these values.
    pub equal: Vec<(usize, String)>,
    /// A `tsquery` that the words must match.
    pub words: Option<String>,
    /// Nothing can match.
    pub is_impossible: bool,
}

/// The names of an object's filters.
pub fn names(object: &'static Object) -> impl Iterator<Item = &'static str> {
    let keys = object.key.iter().map(|key| key.field);
    let others = OTHERS.into_iter().filter(move |name| {
        let is_key = object.key.iter().any(|key| key.field == *name);
        !is_key && object.field(name).is_some()
    });
    keys.chain(others)
}

impl Filter {
    /// Takes the filters out of a query.
    pub fn read(query: &mut Query, object: &'static Object, workspace: WorkspaceId) -> Self {
        let mut filter = Self::default();
        for name in names(object) {
            let Some(index) = object.field_index(name) else {
                continue;
            };
            if let Some(text) = query.take(name) {
                filter.take(query, object, workspace, index, text.trim());
            }
        }
        if let Some(text) = query.take("q").filter(|text| !text.trim().is_empty()) {
            match search::query(workspace, &text) {
                Some(found) => filter.narrow(found),
                None => filter.is_impossible = true,
            }
        }
        filter
    }

    fn take(
        &mut self,
        query: &mut Query,
        object: &'static Object,
        workspace: WorkspaceId,
        index: usize,
        text: &str,
    ) {
        let field = &object.fields[index];
        let mut stored = String::new();
        if value::parse(field.kind, text, Spelling::Exact, &mut stored).is_err() {
            match field.kind {
                Kind::Boolean => query.fault(field.name, "invalid", "expected true or false"),
                Kind::Choice(choices) => {
                    query.fault(
                        field.name,
                        "invalid",
                        format!("expected one of {}", choices.join(", ")),
                    );
                }
                // No record has it.
                _ => self.is_impossible = true,
            }
            return;
        }
        if let Some(exact) = search::exact_query(object, workspace, index, &stored) {
            self.narrow(exact);
        }
        let mut natural = object.natural_key().iter();
        match natural.position(|key| key.field == field.name) {
            // A record that has the best of the natural key's fields has it for its key.
            Some(0) => {
                let mut key = String::new();
                push_stored_key(object, 0, &stored, &mut key);
                self.key = Some(key);
            }
            // The whole value is a lexeme.
            _ if search::is_folded_second_key(object, index) => {}
            _ => self.equal.push((index, stored)),
        }
    }

    fn narrow(&mut self, query: String) {
        self.words = Some(match self.words.take() {
            Some(before) => format!("{before} & {query}"),
            None => query,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(object: &str, query: &str) -> Filter {
        let object = Object::named(object).expect("an object");
        Filter::read(&mut Query::parse(Some(query)), object, WorkspaceId(7))
    }

    #[test]
    fn each_object_has_the_filters_of_its_fields() {
        let of = |object: &str| names(Object::named(object).expect("an object")).collect::<Vec<_>>();
        assert_eq!(of("contact"), ["external_id", "email", "account_name", "owner"]);
        assert_eq!(of("account"), ["external_id", "domain", "name", "owner"]);
        assert_eq!(
            of("deal"),
            ["external_id", "account_name", "owner", "stage", "status"]
        );
        assert_eq!(of("product"), ["external_id", "sku", "category", "active"]);
    }

    #[test]
    fn keys_are_looked_up_in_their_stored_form() {
        assert_eq!(filter("contact", "email=A@B.c").key.as_deref(), Some("0a@b.c"));
        let by_domain = filter("account", "domain=https://www.Acme.com/x");
        assert_eq!(by_domain.key.as_deref(), Some("0acme.com"));
        let by_name = filter("account", "name=ACME Inc");
        assert_eq!(by_name.words.as_deref(), Some("'7:=acme inc'"));
        assert!(by_name.equal.is_empty() && by_name.key.is_none());
        assert!(filter("contact", "email=nobody").is_impossible);
        assert!(filter("contact", "q=%3F").is_impossible);
    }
}
