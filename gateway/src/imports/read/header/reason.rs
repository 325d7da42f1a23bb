//! Why a column feeds what it feeds, in words for the person who checks a file.

use super::heading::Trim;
use super::known_names::{Feeds, Rank};
use super::{Column, ColumnUse, HeaderMap};
use crate::records::objects::object::HelperRole;

impl HeaderMap {
    /// The name of what a column feeds, as `&mapping=` knows it.
    pub fn fed(&self, column: &Column) -> Option<&'static str> {
        match column.used_as {
            ColumnUse::Feeds(Feeds::Field(index)) => Some(self.object.fields[index].name),
            ColumnUse::Feeds(Feeds::Helper(role)) => {
                let helper = self.object.helpers.iter().find(|helper| helper.role == role);
                Some(helper?.name)
            }
            ColumnUse::Extra | ColumnUse::LeftOut | ColumnUse::Report => None,
        }
    }

    /// Why a column was taken for that.
    pub fn reason(&self, place: usize) -> String {
        let column = &self.columns[place];
        let feeds = match column.used_as {
            ColumnUse::Feeds(feeds) => feeds,
            ColumnUse::LeftOut => return "Left out by the mapping.".to_owned(),
            ColumnUse::Report => return "The report of an earlier import.".to_owned(),
            ColumnUse::Extra if column.is_known => {
                return "Another column feeds its field; kept in extra.".to_owned();
            }
            ColumnUse::Extra => return "No field is known by this header; kept in extra.".to_owned(),
        };
        let mut reason = match (column.rank, self.known_name(feeds, column.rank)) {
            (Rank::Mapped, _) => "Chosen in the mapping.".to_owned(),
            (Rank::LastResort, _) => "No better column feeds the field.".to_owned(),
            (Rank::Named(_, trim), name) => {
                let name = name.unwrap_or_default();
                match trim {
                    Trim::Nothing => format!("The header is known as “{name}”."),
                    Trim::Prefix => format!("Without what stands before the dash it is known as “{name}”."),
                    Trim::Parenthetical => format!("Without the brackets it is known as “{name}”."),
                    Trim::Both => format!("Without the dash and the brackets it is known as “{name}”."),
                }
            }
        };
        match feeds {
            Feeds::Helper(HelperRole::FullName) => reason.push_str(" It is split at its last space."),
            Feeds::Helper(HelperRole::Group) => reason.push_str(" Rows with the same cell are one product."),
            Feeds::Field(_) => {}
        }
        if let Some(better) = self.better(feeds, place) {
            reason.push_str(&format!(" It is read where “{}” is blank.", better.name));
        }
        reason
    }

    /// The column that is read before this one.
    fn better(&self, feeds: Feeds, place: usize) -> Option<&Column> {
        let sources = match feeds {
            Feeds::Field(index) => self.sources(index),
            Feeds::Helper(HelperRole::FullName) => self.full_name(),
            Feeds::Helper(HelperRole::Group) => self.group(),
        };
        let at = sources.iter().position(|source| *source == place)?;
        let before = sources.get(at.checked_sub(1)?)?;
        self.columns.get(*before)
    }

    /// The name of the object's table that a header matched.
    fn known_name(&self, feeds: Feeds, rank: Rank) -> Option<&'static str> {
        let Rank::Named(place, _) = rank else { return None };
        let headers = match feeds {
            Feeds::Field(index) => self.object.fields[index].headers,
            Feeds::Helper(role) => {
                let helper = self.object.helpers.iter().find(|helper| helper.role == role);
                helper?.headers
            }
        };
        headers.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use crate::imports::read::opening::{Opening, Reading};
    use crate::records::Object;

    fn reasons(object: &str, header: &str, mapping: Option<&str>) -> Vec<String> {
        let object = Object::named(object).expect("an object");
        let mut reading = Reading::of(object);
        reading.mapping = mapping.map(|text| {
            crate::imports::read::header::mapping::Mapping::parse(text, object).expect("a mapping")
        });
        let mut opening = Opening::new(reading);
        let text = format!("{header}\n");
        let mut source = text.as_bytes();
        let stream = match opening.feed(&mut source).expect("is read") {
            Some(stream) => stream,
            None => opening.end().expect("is read"),
        };
        let map = stream.header();
        (0..map.columns.len()).map(|place| map.reason(place)).collect()
    }

    #[test]
    fn every_use_of_a_column_has_its_reason() {
        let found = reasons(
            "contact",
            "email,Work Email,Name,Colour,Phone",
            Some(r#"{"Phone": null}"#),
        );
        assert_eq!(found[0], "The header is known as “Email”.");
        assert!(
            found[1].ends_with("It is read where “email” is blank."),
            "{}",
            found[1]
        );
        assert!(
            found[2].ends_with("It is split at its last space."),
            "{}",
            found[2]
        );
        assert_eq!(found[3], "No field is known by this header; kept in extra.");
        assert_eq!(found[4], "Left out by the mapping.");
        let found = reasons("deal", "Title,Deal - Value (USD)", None);
        assert!(found[1].starts_with("Without the"), "{}", found[1]);
        let found = reasons("contact", "email,Note", Some(r#"{"Note": "city"}"#));
        assert_eq!(found[1], "Chosen in the mapping.");
    }
}
