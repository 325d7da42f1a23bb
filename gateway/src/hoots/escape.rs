//! Text in HTML, SVG and Markdown.

/// Appends text as HTML and XML want it, in elements and in quoted attributes.
pub(super) fn push_html(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => push_letter(letter, out),
        }
    }
}

/// Appends text of an element, which is shorter: quotes stay.
pub(super) fn push_text(text: &str, out: &mut String) {
    text.chars().for_each(|letter| push_letter(letter, out));
}

fn push_letter(letter: char, out: &mut String) {
    match letter {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '\t' | '\n' => out.push(letter),
        // A line break of some log, and what XML 1.0 does not allow at all.
        '\r' => {}
        '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
        _ if letter.is_control() => out.push('\u{fffd}'),
        _ => out.push(letter),
    }
}

/// Appends text within the brackets of a Markdown link.
pub(super) fn push_markdown(text: &str, out: &mut String) {
    for letter in text.chars() {
        if matches!(letter, '\\' | '[' | ']' | '<' | '>' | '&' | '`' | '*' | '_') {
            out.push('\\');
        }
        out.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_means_something_is_left() {
        let mut html = String::new();
        push_html("<a b='\"'>&\u{1b}\u{ffff}\r\n", &mut html);
        assert_eq!(html, "&lt;a b=&#39;&quot;&#39;&gt;&amp;\u{fffd}\u{fffd}\n");
    }
}
