//! The parameters of a header's value: `form-data; name="file"; filename="a; b.csv"`.

/// Name, in lower case, and value of each parameter, in the order given. A backslash escapes a quote and itself alone, for
/// some browsers send paths of Windows as they are.
pub fn parameters(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = header.split_once(';').map_or("", |(_, rest)| rest);
    loop {
        rest = rest.trim_start_matches(|letter: char| letter == ';' || letter.is_whitespace());
        if rest.is_empty() {
            return found;
        }
        let name_end = rest.find(['=', ';']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_end);
        let Some(after) = after.strip_prefix('=') else {
            rest = after;
            continue;
        };
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim_end().to_owned(), &after[end..])
            }
        };
        found.push((name.trim().to_ascii_lowercase(), value));
        rest = next;
    }
}

/// The value of the first parameter of that name.
pub fn parameter(header: &str, name: &str) -> Option<String> {
    let mut found = parameters(header).into_iter();
    found.find(|(known, _)| known == name).map(|(_, value)| value)
}

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = quoted.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => match letters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_or_not_and_in_any_case() {
        let found = parameters(r#"form-data; Name="a; \"b\" \\ \c" ;; x ; FILENAME = c:\d.csv;e="open"#);
        let found: Vec<_> = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("name", r#"a; "b" \ \c"#),
                ("filename", r"c:\d.csv"),
                ("e", "open")
            ]
        );
        assert_eq!(parameters("text/csv"), []);
        assert_eq!(
            parameter("text/csv;charset=\"UTF-8\"", "charset").as_deref(),
            Some("UTF-8")
        );
        assert_eq!(parameter("text/csv; é=1; =2", "charset"), None);
    }
}
