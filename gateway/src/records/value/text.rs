//! Plain strings: kept as they are, within their caps.

use super::fault::ValueFault;
use super::unseen::is_unseen;
use crate::records::objects::field::Kind;

/// Appends `value` if it is short enough for `kind`.
pub fn parse(kind: Kind, value: &str, out: &mut String) -> Result<(), ValueFault> {
    match kind.max_chars() {
        Some(max) => check_chars(value, max)?,
        None if value.len() > Kind::LONG_TEXT_BYTES => {
            let max = Kind::LONG_TEXT_BYTES;
            return Err(ValueFault::TooManyBytes { max });
        }
        None => {}
    }
    if memchr::memchr(0, value.as_bytes()).is_some() {
        return Err(ValueFault::Nul);
    }
    if kind == Kind::Code {
        check_seen(value)?;
    }
    out.push_str(value);
    Ok(())
}

/// A fault if a character cannot be seen.
pub fn check_seen(value: &str) -> Result<(), ValueFault> {
    if !value.is_ascii() && value.contains(is_unseen) {
        return Err(ValueFault::Unseen);
    }
    Ok(())
}

/// Counts characters only where the bytes leave it open.
pub fn check_chars(value: &str, max: usize) -> Result<(), ValueFault> {
    if value.len() > max && value.chars().nth(max).is_some() {
        return Err(ValueFault::TooManyChars { max });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(kind: Kind, value: &str) -> Result<String, ValueFault> {
        let mut out = String::new();
        parse(kind, value, &mut out).map(|()| out)
    }

    #[test]
    fn caps_count_characters_of_strings_and_bytes_of_long_text() {
        let fits = "é".repeat(255);
        assert_eq!(parsed(Kind::KeyText, &fits), Ok(fits.clone()));
        let over = "é".repeat(256);
        assert_eq!(
            parsed(Kind::KeyText, &over),
            Err(ValueFault::TooManyChars { max: 255 })
        );
        assert!(parsed(Kind::Text, &"x".repeat(4_000)).is_ok());
        assert!(parsed(Kind::Text, &"x".repeat(4_001)).is_err());
        assert!(parsed(Kind::LongText, &"x".repeat(65_536)).is_ok());
        assert!(parsed(Kind::LongText, &"x".repeat(65_537)).is_err());
    }

    #[test]
    fn inner_white_space_and_line_breaks_stay() {
        let note = "first\r\n  second";
        assert_eq!(parsed(Kind::LongText, note).unwrap(), note);
        assert_eq!(parsed(Kind::Text, "a\0b"), Err(ValueFault::Nul));
    }
}
