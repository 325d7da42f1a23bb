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

pub use fault::{Excerpt, ValueFault};
pub use spelling::{DateOrder, DecimalSign, Spelling};

use crate::records::objects::field::Kind;

/// Appends the stored form of `value` to `out`; on a fault `out` is as it was.
///
/// `value` is trimmed and not blank (blank is the absence of a value, which is the caller's business).
pub fn parse(kind: Kind, value: &str, spelling: Spelling, out: &mut String) -> Result<(), ValueFault> {
    let start = out.len();
    let parsed = match kind {
        Kind::Text | Kind::KeyText | Kind::LongText => text::parse(kind, value, out),
        Kind::Email => email::parse(value, out),
        Kind::Domain => domain::parse(value, out),
        Kind::Integer => number::parse_integer(value, spelling, out),
        Kind::Decimal => number::parse_decimal(value, spelling, out),
        Kind::Currency => currency::parse(value, out),
        Kind::Choice(words) => choice::parse_choice(words, value, spelling, out),
        Kind::Date => date::parse(value, spelling, out),
        Kind::Boolean => choice::parse_boolean(value, spelling, out),
    };
    if parsed.is_err() {
        out.truncate(start);
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [Kind; 11] = [
        Kind::Text,
        Kind::LongText,
        Kind::KeyText,
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
