//! Where each key of a file stands.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// All keys of a file with their places, in the order of the file.
pub(super) struct Positions {
    keys: Vec<Position>,
    whole: Range<usize>,
}

struct Position {
    /// Such as `action[0].request.url`.
    key: String,
    /// From the key's first byte.
    start: usize,
    value: Range<usize>,
}

impl Positions {
    pub(super) fn of(table: &Spanned<DeTable<'_>>) -> Self {
        let mut keys = Vec::new();
        collect(table.get_ref(), "", &mut keys);
        let whole = table.span();
        Self { keys, whole }
    }

    /// The key that a fault at these bytes is about: the innermost that holds them, else the last that began before; none
    /// where the fault is about the whole file.
    pub(super) fn key_at(&self, bytes: &Range<usize>) -> &str {
        if bytes.is_empty() || *bytes == self.whole {
            return "";
        }
        let holds = |position: &&Position| position.start <= bytes.start && bytes.end <= position.value.end;
        let innermost = self
            .keys
            .iter()
            .filter(holds)
            .max_by_key(|position| position.start);
        let last = || {
            let before = self.keys.iter().filter(|position| position.start <= bytes.start);
            before.max_by_key(|position| position.start)
        };
        innermost.or_else(last).map_or("", |position| &position.key)
    }

    /// The byte where `key` stands, or the nearest key around it.
    pub(super) fn start_of(&self, key: &str) -> usize {
        let is_around = |outer: &str| {
            key.strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let around = self.keys.iter().filter(|position| is_around(&position.key));
        around
            .max_by_key(|position| position.key.len())
            .map_or(0, |position| position.start)
    }
}

fn collect(table: &DeTable<'_>, outer: &str, positions: &mut Vec<Position>) {
    for (key, value) in table {
        let name: &str = key.get_ref().as_ref();
        let path = match outer {
            "" => name.to_owned(),
            outer => format!("{outer}.{name}"),
        };
        note(path, key.span().start, value, positions);
    }
}

fn note(key: String, start: usize, value: &Spanned<DeValue<'_>>, positions: &mut Vec<Position>) {
    match value.get_ref() {
        DeValue::Table(table) => collect(table, &key, positions),
        DeValue::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                note(format!("{key}[{at}]"), item.span().start, item, positions);
            }
        }
        _ => {}
    }
    let value = value.span();
    // The value of a [table] is its header, which begins before the key's name.
    let start = start.min(value.start);
    positions.push(Position { key, start, value });
}
