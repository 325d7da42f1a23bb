//! White space and invisible characters: copy and paste brings them into cells, where they would make one key two.

/// Whether a reader of the text sees nothing of it: byte order mark, zero-width spaces and joiners, marks of the
/// writing direction, word joiner and soft hyphen (IMPORT-RULES.md, "Cells").
pub fn is_unseen(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}'
    )
}

/// The cell without white space and unseen characters at its ends.
pub fn trim(cell: &str) -> &str {
    let is_seen = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = cell.as_bytes();
    if is_seen(bytes.first()) && is_seen(bytes.last()) {
        return cell;
    }
    cell.trim_matches(|letter: char| letter.is_whitespace() || is_unseen(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_lose_what_nobody_sees_and_the_middle_keeps_it() {
        for unseen in [
            '\u{feff}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{2060}', '\u{202a}',
            '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{ad}',
        ] {
            assert_eq!(
                trim(&format!(" {unseen}\u{a0}a{unseen}b {unseen}\t")),
                format!("a{unseen}b")
            );
            assert_eq!(trim(&format!("{unseen} {unseen}")), "");
        }
        assert_eq!(trim(""), "");
        assert_eq!(trim("\u{2061}a"), "\u{2061}a");
        assert_eq!(trim("é"), "é");
    }
}
