//! JSON with indents: white space between tokens changes, the tokens stay as they were sent, numbers to the last digit.

use serde::de::IgnoredAny;

const STEP: &str = "  ";

/// The same JSON with a line for each member; `None` if it is no JSON.
pub fn indented(text: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let (mut is_in_text, mut is_escaped) = (false, false);
    // An opening bracket waits until it is known whether anything is inside.
    let mut has_opened = false;
    for letter in text.chars() {
        if is_in_text {
            out.push(letter);
            is_in_text = is_escaped || letter != '"';
            is_escaped = letter == '\\' && !is_escaped;
            continue;
        }
        if letter.is_ascii_whitespace() {
            continue;
        }
        let is_closing = matches!(letter, '}' | ']');
        if is_closing {
            depth = depth.saturating_sub(1);
        }
        if has_opened != is_closing && (has_opened || is_closing) {
            new_line(&mut out, depth);
        }
        has_opened = matches!(letter, '{' | '[');
        depth += usize::from(has_opened);
        out.push(letter);
        match letter {
            '"' => is_in_text = true,
            ',' => new_line(&mut out, depth),
            ':' => out.push(' '),
            _ => {}
        }
    }
    Some(out)
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    // Deep nesting is shown flat, so that the text stays of the size that it has.
    for _ in 0..depth.min(32) {
        out.push_str(STEP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stay_as_they_are() {
        let text = r#"{"a":12345678901234567890.10,"b":[ ],"c":{"d":"x, {\"y\"}: [\\"},"e":[1,-0.0e+5]}"#;
        let expected = "{\n  \"a\": 12345678901234567890.10,\n  \"b\": [],\n  \"c\": {\n    \"d\": \"x, {\\\"y\\\"}: [\\\\\"\n  },\n  \"e\": [\n    1,\n    -0.0e+5\n  ]\n}";
        assert_eq!(indented(text).as_deref(), Some(expected));
        assert_eq!(indented("{"), None);
    }
}
