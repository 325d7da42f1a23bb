//! The names under which an object's columns are known, and how well a header matches one.

use std::collections::HashMap;

use super::heading::{self, Trim};
use crate::records::Object;
use crate::records::objects::object::HelperRole;
use crate::records::value::unseen;

/// The report columns of errors.csv, in its order.
pub const REPORT_COLUMNS: [&str; 3] = ["row_number", "line_number", "error_message"];

/// What a column of a file feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feeds {
    /// The field at that place of [`Object::fields`].
    Field(usize),
    /// What steers other fields.
    Helper(HelperRole),
}

/// How good a column is for what it feeds; less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Given by `&mapping=`.
    Mapped,
    /// The place of its name in the object's table, and what had to be left out.
    Named(usize, Trim),
    /// A name that counts only if no other column feeds the field.
    LastResort,
}

/// One object's names.
pub struct KnownNames {
    prefix: &'static str,
    by_key: HashMap<String, (Feeds, Rank)>,
}

impl KnownNames {
    /// The names of `object`, from its table.
    pub fn of(object: &'static Object) -> KnownNames {
        let mut by_key = HashMap::new();
        let named = |rank| Rank::Named(rank, Trim::Nothing);
        for (place, field) in object.fields.iter().enumerate() {
            for (rank, header) in field.headers.iter().enumerate() {
                by_key.insert(heading::key(header), (Feeds::Field(place), named(rank)));
            }
            for header in field.last_resort {
                by_key.insert(heading::key(header), (Feeds::Field(place), Rank::LastResort));
            }
        }
        for helper in object.helpers {
            for (rank, header) in helper.headers.iter().enumerate() {
                by_key.insert(heading::key(header), (Feeds::Helper(helper.role), named(rank)));
            }
        }
        KnownNames {
            prefix: object.prefix,
            by_key,
        }
    }

    /// What a column of that header feeds, if it is known.
    pub fn find(&self, heading: &str) -> Option<(Feeds, Rank)> {
        heading::keys(heading, self.prefix)
            .into_iter()
            .find_map(|(trim, key)| {
                let (feeds, rank) = self.by_key.get(&key?)?;
                let rank = match rank {
                    Rank::Named(place, _) => Rank::Named(*place, trim),
                    other => *other,
                };
                Some((*feeds, rank))
            })
    }

    /// Whether a header is of a file that is meant for this object.
    pub fn knows(&self, heading: &str) -> bool {
        REPORT_COLUMNS.contains(&unseen::trim(heading)) || self.find(heading).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_names_before_trimmed_ones() {
        let object = Object::named("deal").unwrap();
        let names = KnownNames::of(object);
        let amount = Feeds::Field(object.field_index("amount").unwrap());
        assert_eq!(
            names.find("Deal - Value"),
            Some((amount, Rank::Named(1, Trim::Nothing)))
        );
        assert_eq!(
            names.find("Amount (EUR)"),
            Some((amount, Rank::Named(0, Trim::Parenthetical)))
        );
        assert_eq!(
            names.find("deal - expected revenue (USD)"),
            Some((amount, Rank::Named(4, Trim::Both)))
        );
        assert_eq!(names.find("Probability"), None);
        assert!(names.knows("error_message"));
    }
}
