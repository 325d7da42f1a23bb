//! How a file's header cells are compared: without regard to case, accents, spaces and punctuation.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The letters and digits of a header, folded (NFKD without marks, lower case, `&` as `and`): `E-mail 1 -
/// Value` is `email1value`, `Prénom` is `prenom`. Other scripts keep their letters.
pub fn key(heading: &str) -> String {
    let mut key = String::with_capacity(heading.len());
    for letter in heading.nfkd().filter(|letter| !is_combining_mark(*letter)) {
        if letter == '&' {
            key.push_str("and");
        }
        let lowered = letter.to_lowercase();
        key.extend(lowered.filter(|lower| lower.is_alphanumeric()));
    }
    key
}

/// How much of a header had to be left out before it matched; less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trim {
    /// Nothing.
    Nothing,
    /// Pipedrive's `Deal - ` before the name.
    Prefix,
    /// A `(USD)` after it.
    Parenthetical,
    /// Both.
    Both,
}

/// The keys by which a header may match, best first.
pub fn keys(heading: &str, prefix: &str) -> [(Trim, Option<String>); 4] {
    let no_prefix = without_prefix(heading, prefix);
    let no_parenthetical = without_parenthetical(heading);
    let neither = no_prefix.and_then(without_parenthetical);
    [
        (Trim::Nothing, Some(key(heading))),
        (Trim::Prefix, no_prefix.map(key)),
        (Trim::Parenthetical, no_parenthetical.map(key)),
        (Trim::Both, neither.map(key)),
    ]
}

/// `Deal - Title` → `Title`, for the object's own prefix only: a contact's file may well hold
/// `Organization - Phone`, which is not the contact's phone.
fn without_prefix<'a>(heading: &'a str, prefix: &str) -> Option<&'a str> {
    let (first, rest) = heading.split_once(" - ")?;
    first.trim().eq_ignore_ascii_case(prefix).then_some(rest)
}

/// `Created (UTC)` → `Created`.
fn without_parenthetical(heading: &str) -> Option<&str> {
    let inside = heading.trim_end().strip_suffix(')')?;
    let (before, _) = inside.rsplit_once('(')?;
    (!before.trim().is_empty()).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_drop_case_accents_spaces_and_punctuation() {
        assert_eq!(key("E-mail 1 - Value"), "email1value");
        assert_eq!(key("\u{feff}First_Name "), "firstname");
        assert_eq!(key("Prénom"), "prenom");
        assert_eq!(key("Pre\u{301}nom"), "prenom");
        assert_eq!(key("Ｅｍａｉｌ"), "email");
        assert_eq!(key("R&D"), "randd");
        assert_eq!(key("電話"), "電話");
        assert_eq!(key("--"), "");
    }

    #[test]
    fn prefix_and_parenthetical_come_off() {
        let all = keys("Deal - Value (USD)", "deal");
        let found: Vec<_> = all.iter().map(|(_, key)| key.as_deref()).collect();
        assert_eq!(
            found,
            [
                Some("dealvalueusd"),
                Some("valueusd"),
                Some("dealvalue"),
                Some("value")
            ]
        );
        assert_eq!(keys("Organization - Phone", "person")[1].1, None);
        assert_eq!(keys("(none)", "person")[2].1, None);
    }
}
