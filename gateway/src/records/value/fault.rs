//! Why a value is refused. The message follows the value: `"n/a" is not a date`.

use std::fmt;

/// What is wrong with one value. The text completes a sentence that begins with the quoted value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ValueFault {
    /// Too many characters.
    #[error("is longer than {max} characters")]
    TooManyChars {
        /// The limit.
        max: usize,
    },
    /// Too many bytes.
    #[error("is longer than {max} bytes")]
    TooManyBytes {
        /// The limit.
        max: usize,
    },
    /// PostgreSQL stores no U+0000 in text.
    #[error("holds a NUL character")]
    Nul,
    /// A character that nobody sees, within a key.
    #[error("holds a character that cannot be seen, such as a zero-width space or a soft hyphen")]
    Unseen,
    /// Not one `@` with something on both sides.
    #[error("is not an email address")]
    NotEmail,
    /// No host name with a dot in it.
    #[error("is not a domain such as acme.com")]
    NotDomain,
    /// A page on a host such as facebook.com.
    #[error("is a page on a host that many share, not a domain of its own")]
    SharedHost,
    /// No number in any of the spellings that are taken.
    #[error("is not a number")]
    NotNumber,
    /// Its signs contradict each other or `&decimal=`.
    #[error("is a number whose thousands and decimal signs are ambiguous")]
    UnclearSigns,
    /// A whole number, or a fraction.
    #[error("can be read as a whole number or as a fraction; decimal=. or decimal=, tells which is meant")]
    UnclearThousands,
    /// A fraction where a whole number is due.
    #[error("is not a whole number")]
    NotWhole,
    /// More than 18 digits before the point.
    #[error("has more than 18 digits before the decimal sign")]
    TooLarge,
    /// More than 6 digits after the point.
    #[error("has more than 6 digits after the decimal sign")]
    TooPrecise,
    /// Not in ISO 4217.
    #[error("is not a currency code of ISO 4217, such as EUR")]
    NotCurrency,
    /// Not one of the field's words.
    #[error("is not one of {}", .0.join(", "))]
    NotChoice(&'static [&'static str]),
    /// Neither a yes nor a no.
    #[error("is neither true nor false")]
    NotBoolean,
    /// No date in any of the spellings that are taken.
    #[error("is not a date such as 2025-12-31")]
    NotDate,
    /// The day is not in the calendar.
    #[error("is a day that the calendar does not have")]
    NoSuchDay,
    /// A year of two digits.
    #[error("is a date whose year does not have four digits")]
    ShortYear,
    /// Day and month could be either way round.
    #[error("is a date whose day and month can be mixed up; date_order=dmy or mdy tells which is meant")]
    UnclearDate,
}

/// The beginning of a client's text, quoted: at most 40 of its characters, control characters shown as
/// `·`, so that an error can be read and a log line cannot be forged.
#[derive(Debug, Clone, Copy)]
pub struct Excerpt<'a>(pub &'a str);

impl Excerpt<'_> {
    /// Most characters that are shown.
    pub const MAX_CHARS: usize = 40;
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let is_cut = self.0.chars().nth(Excerpt::MAX_CHARS).is_some();
        let shown = Excerpt::MAX_CHARS - usize::from(is_cut);
        f.write_char('"')?;
        for letter in self.0.chars().take(shown) {
            f.write_char(if letter.is_control() { '·' } else { letter })?;
        }
        f.write_str(if is_cut { "…\"" } else { "\"" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_on_one_line() {
        assert_eq!(Excerpt("a\nb").to_string(), "\"a·b\"");
        let long = "é".repeat(41);
        assert_eq!(Excerpt(&long).to_string().chars().count(), 42);
        assert!(Excerpt(&long).to_string().ends_with("…\""));
        let fits = "é".repeat(40);
        assert_eq!(Excerpt(&fits).to_string(), format!("\"{fits}\""));
    }

    #[test]
    fn a_choice_names_its_words() {
        let fault = ValueFault::NotChoice(&["open", "won"]);
        assert_eq!(fault.to_string(), "is not one of open, won");
    }
}
