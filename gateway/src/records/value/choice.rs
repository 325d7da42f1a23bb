//! Booleans and choices: values that are one of a few words.

use super::fault::ValueFault;
use super::spelling::Spelling;

/// What people and exports write for true.
const YES: [&str; 8] = ["true", "yes", "1", "on", "t", "y", "active", "published"];

/// What they write for false; `archived` and `draft` are Shopify's.
const NO: [&str; 9] = [
    "false", "no", "0", "off", "f", "n", "inactive", "draft", "archived",
];

/// Appends `true` or `false`.
pub fn parse_boolean(value: &str, spelling: Spelling, out: &mut String) -> Result<(), ValueFault> {
    let is_in = |words: &[&str]| match spelling {
        Spelling::Exact => words[0] == value,
        Spelling::Loose { .. } => words.iter().any(|word| word.eq_ignore_ascii_case(value)),
    };
    if is_in(&YES) {
        out.push_str("true");
    } else if is_in(&NO) {
        out.push_str("false");
    } else {
        return Err(ValueFault::NotBoolean);
    }
    Ok(())
}

/// Appends the word as the table spells it.
pub fn parse_choice(
    words: &'static [&'static str],
    value: &str,
    spelling: Spelling,
    out: &mut String,
) -> Result<(), ValueFault> {
    let is_meant = |word: &&&str| match spelling {
        Spelling::Exact => **word == value,
        Spelling::Loose { .. } => word.eq_ignore_ascii_case(value),
    };
    let word = words.iter().find(is_meant);
    out.push_str(word.ok_or(ValueFault::NotChoice(words))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boolean(value: &str, spelling: Spelling) -> Option<String> {
        let mut out = String::new();
        parse_boolean(value, spelling, &mut out).ok().map(|()| out)
    }

    #[test]
    fn booleans_in_every_listed_word() {
        for yes in ["TRUE", "Yes", "1", "on", "T", "y", "Active", "published"] {
            assert_eq!(boolean(yes, Spelling::CELLS).as_deref(), Some("true"), "{yes}");
        }
        for no in [
            "False", "NO", "0", "off", "f", "N", "inactive", "Draft", "Archived",
        ] {
            assert_eq!(boolean(no, Spelling::CELLS).as_deref(), Some("false"), "{no}");
        }
        assert_eq!(boolean("maybe", Spelling::CELLS), None);
        assert_eq!(boolean("2", Spelling::CELLS), None);
        assert_eq!(boolean("yes", Spelling::Exact), None);
        assert_eq!(boolean("true", Spelling::Exact).as_deref(), Some("true"));
    }

    #[test]
    fn choices_without_case_in_cells_only() {
        let mut out = String::new();
        let words = &["open", "won", "lost"];
        parse_choice(words, "Won", Spelling::CELLS, &mut out).unwrap();
        assert_eq!(out, "won");
        assert!(parse_choice(words, "Won", Spelling::Exact, &mut out).is_err());
        assert!(parse_choice(words, "wont", Spelling::CELLS, &mut out).is_err());
    }
}
