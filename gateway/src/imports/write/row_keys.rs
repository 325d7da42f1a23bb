//! The keys of a row: the one by which it finds its record, and those of the record that it would create.

use crate::imports::read::row::Row;
use crate::records::Object;
use crate::records::model::key::{push_natural_key, push_stored_key};

/// Reads the keys of one row after another into the same buffers. The external id is a value of the row as it stands.
#[derive(Debug)]
pub struct RowKeys {
    object: &'static Object,
    /// The field of the natural key that `&match=` names: its rank and its place.
    matched_field: Option<(usize, usize)>,
    natural: String,
    matched: String,
}

impl RowKeys {
    /// `match_by` is the place within [`Object::key`] of the field that `&match=` names.
    pub fn new(object: &'static Object, match_by: Option<usize>) -> Self {
        let rank = match_by.and_then(|place| place.checked_sub(1));
        Self {
            object,
            matched_field: rank.and_then(|rank| {
                let field = object.natural_key().get(rank)?.field;
                Some((rank, object.field_index(field)?))
            }),
            natural: String::new(),
            matched: String::new(),
        }
    }

    /// Reads a row's.
    pub fn read(&mut self, row: &Row<'_>) {
        self.natural.clear();
        self.matched.clear();
        push_natural_key(self.object, |index| row.value(index), &mut self.natural);
        if let Some((rank, index)) = self.matched_field
            && let Some(value) = row.value(index)
        {
            push_stored_key(self.object, rank, value, &mut self.matched);
        }
    }

    /// The natural key of the record that the row alone would make.
    pub fn natural(&self) -> Option<&str> {
        given(&self.natural)
    }

    /// The natural key that `&match=` asks for, which an account's domain may hide.
    pub fn matched(&self) -> Option<&str> {
        given(&self.matched)
    }
}

/// A stored key is never empty.
fn given(key: &str) -> Option<&str> {
    Some(key).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::read::opening::{Opening, Reading};
    use crate::imports::read::row::Outcome;

    fn keys(object: &str, match_by: Option<usize>, file: &str) -> Vec<[Option<String>; 2]> {
        let object = Object::named(object).expect("an object");
        let mut source = file.as_bytes();
        let mut opening = Opening::new(Reading::of(object));
        let mut stream = opening.feed(&mut source).expect("a file").expect("a header");
        let mut keys = RowKeys::new(object, match_by);
        let mut read = Vec::new();
        while let Some(parsed) = stream.next_row(&mut source) {
            if let Outcome::Row(row) = parsed.outcome {
                keys.read(&row);
                read.push([keys.natural(), keys.matched()].map(|key| key.map(str::to_owned)));
            }
        }
        read
    }

    fn key(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn case_is_folded_where_the_object_says_so() {
        let file = "Email,External ID\nAda@X.com,Z\n,Z9\nx,\n";
        assert_eq!(
            keys("contact", None, file),
            [[key("0ada@x.com"), None], [None, None]]
        );
        assert_eq!(keys("product", None, "Name,SKU\nn,A-1\n"), [[key("0A-1"), None]]);
    }

    #[test]
    fn a_domain_hides_the_name_from_the_natural_key_alone() {
        let file = "Name,Domain\nAcme,acme.com\nACME,\n";
        let expected = [[key("0acme.com"), key("1acme")], [key("1acme"), key("1acme")]];
        assert_eq!(keys("account", Some(2), file), expected);
    }
}
