//! Why a whole file is refused (422 `file_refused`): what was found, and what was looked for.

use std::fmt;

use super::csv::raw_record::RecordFault;
use crate::imports::mode::Mode;
use crate::records::Object;
use crate::records::value::Excerpt;

/// Most headers that a refusal lists.
const MAX_LISTED: usize = 20;

/// See the module. The text is for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No CSV at all.
    #[error("the file is {what}, not CSV text")]
    NotTable {
        /// What it is.
        what: &'static str,
    },
    /// Nothing but blank lines.
    #[error("the file is empty: no header line was found")]
    Empty,
    /// No end of the header within the limit.
    #[error(
        "the header does not end within {limit_bytes} bytes: is it text with line breaks, and is every quote \
         in it closed?"
    )]
    HeaderTooLong {
        /// The limit.
        limit_bytes: usize,
    },
    /// More columns than the limit.
    #[error("the header has {found} columns, over the limit of {limit}")]
    TooManyColumns {
        /// The header's.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A NUL in the header.
    #[error(
        "the header holds NUL characters, as UTF-16 text without a byte order mark does: if it is that, \
         encoding=utf-16le or utf-16be reads it"
    )]
    NulInHeader,
    /// The header is not the file's encoding.
    #[error("the header has bytes that are not {encoding}: name another with encoding=")]
    HeaderNotEncoding {
        /// The encoding that was given or found.
        encoding: String,
    },
    /// Another fault of the header's record.
    #[error("the header cannot be read: {0}")]
    HeaderUnreadable(RecordFault),
    /// `&mapping=` names headers that the file does not have.
    #[error(
        "mapping names columns that the file does not have: {}; its columns are {}",
        Listed(missing),
        Listed(found)
    )]
    MappingMisses {
        /// The headers that were named.
        missing: Vec<String>,
        /// The headers that are there.
        found: Vec<String>,
    },
    /// The object, or its key, has no column.
    #[error(
        "no column was found for {}: looked for {}; the file's columns are {}",
        what_is_missing(object, *mode), LookedFor(object, *mode), Listed(found)
    )]
    MissingColumns {
        /// What the file was to be read as.
        object: &'static Object,
        /// In `update` only the key is needed.
        mode: Mode,
        /// The headers that are there.
        found: Vec<String>,
    },
}

fn what_is_missing(object: &Object, mode: Mode) -> String {
    let article = object.article();
    match mode {
        Mode::Update => format!("the key of {article} {}, which mode=update needs", object.name),
        _ => format!("what {article} {} needs ({})", object.name, object.needs_words),
    }
}

/// Headers in quotes, the first [`MAX_LISTED`] of them.
struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, heading) in self.0.iter().take(MAX_LISTED).enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{}", Excerpt(heading))?;
        }
        match self.0.len().checked_sub(MAX_LISTED) {
            Some(more) if more > 0 => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}

/// The fields that would have done, each with a header or two.
struct LookedFor<'a>(&'a Object, Mode);

impl fmt::Display for LookedFor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LookedFor(object, mode) = self;
        let is_wanted = |name: &str| object.key.iter().any(|key| key.field == name);
        let fields = object.fields.iter().filter(|field| match mode {
            Mode::Update => is_wanted(field.name),
            _ => field.need != crate::records::Need::Optional,
        });
        for (index, field) in fields.enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{}", field.name)?;
            let mut others = field
                .headers
                .iter()
                .filter(|header| !header.eq_ignore_ascii_case(field.name));
            if let Some(other) = others.next() {
                write!(f, " (also \"{other}\"")?;
                if let Some(another) = others.next() {
                    write!(f, ", \"{another}\"")?;
                }
                f.write_str(")")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_was_found_and_what_was_looked_for() {
        let object = Object::named("deal").unwrap();
        let found = vec!["Foo".to_owned(), "x".repeat(50)];
        let mode = Mode::Upsert;
        let words = Refusal::MissingColumns {
            object,
            mode,
            found: found.clone(),
        }
        .to_string();
        assert!(
            words.starts_with("no column was found for what a deal needs (a name): looked for name (also")
        );
        assert!(words.contains("the file's columns are \"Foo\", \"xxx"), "{words}");
        assert!(!words.contains(&"x".repeat(41)));
        let mode = Mode::Update;
        let words = Refusal::MissingColumns { object, mode, found }.to_string();
        assert!(words.contains("external_id"), "{words}");
    }

    #[test]
    fn long_lists_are_cut() {
        let found: Vec<_> = (0..30).map(|n| n.to_string()).collect();
        assert!(Listed(&found).to_string().ends_with("\"19\" and 10 more"));
    }
}
