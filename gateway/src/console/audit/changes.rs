//! What an entry says has changed, for people to read.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::http::json::RawMembers;

/// Fields that are shown of an entry; the file has all.
const MOST_FIELDS: usize = 20;
/// Characters that are shown of a value; the file has all.
const MOST_CHARS: usize = 160;

/// A changed field with both values.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub field: String,
    /// `None`: it had no value.
    pub old: Option<String>,
    pub new: Option<String>,
}

/// The changes of an entry, and how many fields more have changed.
pub fn read(changes: Option<&RawValue>) -> (Vec<Change>, usize) {
    let members = changes.and_then(|raw| RawMembers::parse(raw.get()).ok());
    let Some(RawMembers(members)) = members else {
        return (Vec::new(), 0);
    };
    let more_count = members.len().saturating_sub(MOST_FIELDS);
    let shown = members.into_iter().take(MOST_FIELDS);
    let changes = shown.filter_map(|(field, values)| {
        let (old, new): (&RawValue, &RawValue) = serde_json::from_str(values.get()).ok()?;
        Some(Change {
            field,
            old: text(old),
            new: text(new),
        })
    });
    (changes.collect(), more_count)
}

/// A string without its quotes, anything else as the JSON that it is.
fn text(value: &RawValue) -> Option<String> {
    let text = match value.get() {
        "null" => return None,
        json => serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned()),
    };
    Some(match text.char_indices().nth(MOST_CHARS) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> (Vec<Change>, usize) {
        let raw = RawValue::from_string(json.to_owned()).expect("JSON");
        read(Some(&raw))
    }

    #[test]
    fn values_are_words_for_people() {
        let (changes, more_count) =
            of(r#"{"name": ["a", "b\"c"], "rate": [null, 10], "events": [["x"], []]}"#);
        let pairs: Vec<_> = changes
            .iter()
            .map(|change| {
                (
                    change.field.as_str(),
                    change.old.as_deref(),
                    change.new.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            pairs,
            [
                ("name", Some("a"), Some("b\"c")),
                ("rate", None, Some("10")),
                ("events", Some("[\"x\"]"), Some("[]")),
            ]
        );
        assert_eq!(more_count, 0);
    }

    #[test]
    fn much_is_cut() {
        let fields: Vec<String> = (0..25)
            .map(|number| format!("\"f{number}\": [\"{}\", 1]", "é".repeat(500)))
            .collect();
        let (changes, more_count) = of(&format!("{{{}}}", fields.join(",")));
        assert_eq!((changes.len(), more_count), (MOST_FIELDS, 5));
        let old = changes[0].old.as_deref().expect("a value");
        assert_eq!(old.chars().count(), MOST_CHARS + 1);
        assert_eq!(read(None), (Vec::new(), 0));
    }
}
