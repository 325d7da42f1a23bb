//! One cell or JSON string → the form that is stored, or a fault that a person can act upon.
//!
//! Parsers write into the caller's buffer and allocate nothing, for an import calls them some ten
//! million times. The caller trims and treats blank as absent; a parser sees text with no white space
//! at its ends.

mod affix;
mod choice;
mod currency;
mod date;
mod domain;
mod email;
mod fault;
mod number;
mod spelling;
mod text;
pub mod unseen;

pub use fault::{Excerpt, ValueFault};
pub use spelling::{DateOrder, DecimalSign, Spelling};

use crate::records::objects::field::Kind;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// Appends the stored form of `value` to `out`; on a fault `out` is as it was.
///
/// `value` is trimmed and not blank (blank is the absence of a value, which is the caller's business).
pub fn parse(kind: Kind, value: &str, spelling: Spelling, out: &mut String) -> Result<(), ValueFault> {
    let start = out.len();
    let parsed = match kind {
        Kind::Text | Kind::KeyText | Kind::Code | Kind::LongText => text::parse(kind, value, out),
        Kind::Email => email::parse(value, out),
        Kind::Domain => domain::parse(value, spelling, out),
        Kind::Integer => number::parse_integer(value, spelling, out),
        Kind::Decimal => number::parse_decimal(value, spelling, out),
        Kind::Currency => currency::parse(value, out),
        Kind::Choice(words) => choice::parse_choice(words, value, spelling, out),
        Kind::Date => date::parse(value, spelling, out),
        Kind::Boolean => choice::parse_boolean(value, spelling, out),
    };
    let parsed = parsed.and_then(|()| compose(kind, start, out));
    if parsed.is_err() {
        out.truncate(start);
    }
    parsed
}

/// Brings a value that may be a key into Unicode's composed form (NFC), so that `Zoë` is one key however a file or a
/// keyboard composes it. Other values are kept letter by letter.
fn compose(kind: Kind, start: usize, out: &mut String) -> Result<(), ValueFault> {
    let value = &out[start..];
    if !kind.is_key() || value.is_ascii() || is_nfc(value) {
        return Ok(());
    }
    let composed: String = value.nfc().collect();
    out.truncate(start);
    out.push_str(&composed);
    text::check_chars(&composed, kind.max_chars().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [Kind; 12] = [
        Kind::Text,
        Kind::LongText,
        Kind::KeyText,
        Kind::Code,
        Kind::Email,
        Kind::Domain,
        Kind::Integer,
        Kind::Decimal,
        Kind::Currency,
        Kind::Choice(&["open", "won"]),
        Kind::Date,
        Kind::Boolean,
    ];

    fn spellings() -> impl Iterator<Item = Spelling> {
        let loose = |decimal, date_order| Spelling::Loose { decimal, date_order };
        [
            Spelling::Exact,
            loose(None, None),
            loose(Some(DecimalSign::Comma), Some(DateOrder::DayFirst)),
            loose(Some(DecimalSign::Point), Some(DateOrder::MonthFirst)),
        ]
        .into_iter()
    }

    fn holds_for_all_kinds(value: &str) {
        for kind in KINDS {
            for spelling in spellings() {
                let mut out = String::from("kept");
                match parse(kind, value, spelling, &mut out) {
                    Ok(()) => {
                        assert!(out.starts_with("kept"));
                        // What is stored is itself a spelling of the same value.
                        let stored = &out[4..];
                        let mut again = String::new();
                        parse(kind, stored, Spelling::Exact, &mut again).unwrap();
                        assert_eq!(again, stored, "{kind:?} {value:?}");
                    }
                    Err(fault) => {
                        assert_eq!(out, "kept");
                        assert!(fault.to_string().len() < 200);
                    }
                }
            }
        }
    }

    #[test]
    fn keys_are_stored_composed_and_other_text_as_it_is() {
        for kind in KINDS.into_iter().filter(|kind| kind.is_key()) {
            let (loose, composed) = match kind {
                Kind::Email => ("zoe\u{308}@x.com", "zo\u{eb}@x.com"),
                Kind::Domain => ("ZOE\u{308}.com", "zo\u{eb}.com"),
                _ => ("Zoe\u{308}", "Zo\u{eb}"),
            };
            let mut out = String::new();
            parse(kind, loose, Spelling::CELLS, &mut out).unwrap();
            assert_eq!(out, composed, "{kind:?}");
        }
        let mut out = String::new();
        parse(Kind::Text, "Zoe\u{308}", Spelling::CELLS, &mut out).unwrap();
        assert_eq!(out, "Zoe\u{308}");
        // Composed it has three times the characters.
        let grows = "\u{fb2c}".repeat(200);
        let fault = parse(Kind::Code, &grows, Spelling::CELLS, &mut out);
        assert_eq!(fault, Err(ValueFault::TooManyChars { max: 255 }));
        assert_eq!(out, "Zoe\u{308}");
    }

    #[test]
    fn an_unseen_character_within_a_key_is_a_fault() {
        for (kind, value) in [
            (Kind::Email, "a\u{200b}da@x.com"),
            (Kind::Email, "ada@\u{feff}x.com"),
            (Kind::Domain, "ac\u{ad}me.com"),
            (Kind::Domain, "https://acme\u{200b}.com/"),
            (Kind::Code, "POT\u{2060}-1"),
            (Kind::Code, "POT\u{202e}-1"),
        ] {
            let fault = parse(kind, value, Spelling::CELLS, &mut String::new());
            assert_eq!(fault, Err(ValueFault::Unseen), "{value:?}");
        }
        // A company's name may need a joiner.
        let name = "نام\u{200c}ها";
        assert_eq!(
            parse(Kind::KeyText, name, Spelling::CELLS, &mut String::new()),
            Ok(())
        );
    }

    proptest! {
        #[test]
        fn any_text_is_stored_in_a_stable_form_or_refused(value in "\\PC{0,40}") {
            let value = value.trim();
            prop_assume!(!value.is_empty());
            holds_for_all_kinds(value);
        }

        #[test]
        fn number_and_date_like_text_too(value in "[-+(]?[$€]?[0-9.,' /eE:TZ-]{1,24}[)%]?") {
            let value = value.trim();
            prop_assume!(!value.is_empty());
            holds_for_all_kinds(value);
        }
    }
}
