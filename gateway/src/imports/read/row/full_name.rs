//! A person's full name, for files that do not keep first and last name apart.

/// The two parts; `None` where a column of its own has the part.
#[derive(Debug, PartialEq, Eq)]
pub struct Split<'n> {
    pub first: Option<&'n str>,
    pub last: Option<&'n str>,
}

/// Splits at the last space. A name of one word is the first name, unless that has a column of its own.
pub fn split(name: &str, has_first: bool, has_last: bool) -> Split<'_> {
    let parts = name
        .rsplit_once(char::is_whitespace)
        .map(|(first, last)| (first.trim_end(), last));
    match (parts, has_first, has_last) {
        (Some((first, last)), false, false) => Split {
            first: Some(first),
            last: Some(last),
        },
        (Some((_, last)), true, _) => Split {
            first: None,
            last: (!has_last).then_some(last),
        },
        (Some((first, _)), false, true) => Split {
            first: Some(first),
            last: None,
        },
        (None, false, _) => Split {
            first: Some(name),
            last: None,
        },
        (None, true, _) => Split {
            first: None,
            last: (!has_last).then_some(name),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(name: &str, has_first: bool, has_last: bool) -> (Option<&str>, Option<&str>) {
        let split = split(name, has_first, has_last);
        (split.first, split.last)
    }

    #[test]
    fn at_the_last_space() {
        assert_eq!(
            parts("Ada Lovelace", false, false),
            (Some("Ada"), Some("Lovelace"))
        );
        assert_eq!(
            parts("Anna Maria  Müller", false, false),
            (Some("Anna Maria"), Some("Müller"))
        );
        assert_eq!(parts("Madonna", false, false), (Some("Madonna"), None));
        assert_eq!(parts("Ada Lovelace", true, false), (None, Some("Lovelace")));
        assert_eq!(parts("Müller", true, false), (None, Some("Müller")));
        assert_eq!(parts("Ada Lovelace", false, true), (Some("Ada"), None));
        // The mapping may ask for a column that has nothing to give.
        assert_eq!(parts("Ada Lovelace", true, true), (None, None));
    }
}
