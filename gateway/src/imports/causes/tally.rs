//! How often each cause failed a row, with a few of the values.

use std::collections::HashMap;

use super::Cause;
use super::model::Example;

/// Examples of a cause.
pub const MAX_EXAMPLES: usize = 20;
/// Characters of an example's value.
const MAX_VALUE_CHARS: usize = 200;

/// A cause's rows.
#[derive(Debug, Default)]
pub struct Counted {
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Tally(HashMap<Cause, Counted>);

impl Tally {
    /// Counts a row. Rows come in the file's order.
    pub fn add(&mut self, row_number: u64, cause: Cause, value: Option<&str>) {
        let counted = self.0.entry(cause).or_default();
        counted.count += 1;
        if counted.examples.len() < MAX_EXAMPLES {
            let value = value.map(shown);
            counted.examples.push(Example { row_number, value });
        }
    }

    /// Nothing is counted any more.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What was counted, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Cause, &Counted)> {
        self.0.iter()
    }
}

/// How many examples of each cause a writer has stored. No more than the first are ever shown, and a writer's rows come in
/// the file's order, so that further ones need not be stored.
#[derive(Debug, Default)]
pub struct Shown(HashMap<Cause, usize>);

impl Shown {
    /// How many more of a cause's examples are wanted.
    pub fn wanted(&self, cause: &Cause) -> usize {
        MAX_EXAMPLES - self.0.get(cause).copied().unwrap_or(0).min(MAX_EXAMPLES)
    }

    /// Notes those of a part that is committed.
    pub fn note(&mut self, tally: &Tally) {
        for (cause, counted) in tally.iter() {
            *self.0.entry(*cause).or_default() += counted.examples.len();
        }
    }
}

fn shown(value: &str) -> String {
    match value.char_indices().nth(MAX_VALUE_CHARS) {
        None => value.to_owned(),
        Some(_) => {
            let kept: String = value.chars().take(MAX_VALUE_CHARS - 1).collect();
            kept + "…"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::causes::RowCode;

    #[test]
    fn all_are_counted_and_the_first_are_shown() {
        let cause = Cause::of_row(RowCode::TooFewCells);
        let mut tally = Tally::default();
        for row in 1..=30 {
            tally.add(row, cause, Some(&"é".repeat(300)));
        }
        let (_, counted) = tally.iter().next().expect("a cause");
        assert_eq!((counted.count, counted.examples.len()), (30, MAX_EXAMPLES));
        assert_eq!(counted.examples[19].row_number, 20);
        let value = counted.examples[0].value.as_deref().expect("a value");
        assert_eq!(value.chars().count(), MAX_VALUE_CHARS);
        let mut shown = Shown::default();
        assert_eq!(shown.wanted(&cause), MAX_EXAMPLES);
        shown.note(&tally);
        shown.note(&tally);
        assert_eq!(shown.wanted(&cause), 0);
    }
}
