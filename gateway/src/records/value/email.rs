//! Email addresses: one `@` with something on both sides, stored as given.

use super::fault::ValueFault;
use super::text;
use crate::records::objects::field::Kind;

/// Appends `value` if it is an address. White space and control characters are in no address that
/// a mail server takes unquoted, and mostly mean that a cell holds a name or two addresses.
pub fn parse(value: &str, out: &mut String) -> Result<(), ValueFault> {
    if !is_shaped_like_email(value) {
        return Err(ValueFault::NotEmail);
    }
    text::check_seen(value)?;
    text::check_chars(value, Kind::EMAIL_CHARS)?;
    out.push_str(value);
    Ok(())
}

fn is_shaped_like_email(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else {
        return false;
    };
    let is_clean = if value.is_ascii() {
        value.bytes().all(|byte| byte.is_ascii_graphic())
    } else {
        !value.contains(|letter: char| letter.is_whitespace() || letter.is_control())
    };
    is_clean && !local.is_empty() && !domain.is_empty() && !domain.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_email(value: &str) -> bool {
        parse(value, &mut String::new()).is_ok()
    }

    #[test]
    fn one_at_with_something_on_both_sides() {
        for good in ["a@b", "Ada.L+x@Example.com", "jürgen@müller.de", "'o@x.ie"] {
            let mut out = String::new();
            parse(good, &mut out).unwrap();
            assert_eq!(out, good);
        }
        for bad in [
            "a",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b;c@d",
            "a@\u{a0}b",
            "a@b\u{0}",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn at_most_254_characters() {
        let fits = format!("{}@x.com", "é".repeat(248));
        assert!(is_email(&fits));
        let over = format!("{}@x.com", "é".repeat(249));
        assert_eq!(
            parse(&over, &mut String::new()),
            Err(ValueFault::TooManyChars { max: 254 })
        );
    }
}
