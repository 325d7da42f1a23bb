//! application/x-www-form-urlencoded (WHATWG URL, 5.1): a form's body, or a query.

use percent_encoding::percent_decode;

/// Names and values in the order given; `None` for a value if it or its name is not UTF-8.
pub fn pairs(text: &[u8]) -> impl Iterator<Item = (String, Option<String>)> {
    let pairs = text.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let equals = memchr::memchr(b'=', pair);
        let (name, value) = match equals {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &[][..]),
        };
        match (decode(name), decode(value)) {
            (Some(name), value) => (name, value),
            (None, _) => ("?".to_owned(), None),
        }
    })
}

fn decode(text: &[u8]) -> Option<String> {
    let text: Vec<u8> = text
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    Some(percent_decode(&text).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn as_browsers_write_them() {
        let found: Vec<_> = pairs(b"a=1+2&&b&c=%C3%A9=x&d=%ff&%ff=1&=e&f=\xff&g=%zz").collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                ("a".to_owned(), some("1 2")),
                ("b".to_owned(), some("")),
                ("c".to_owned(), some("é=x")),
                ("d".to_owned(), None),
                ("?".to_owned(), None),
                (String::new(), some("e")),
                ("f".to_owned(), None),
                ("g".to_owned(), some("%zz")),
            ]
        );
    }
}
