//! The last 24 hours in words.

use super::store::{Counts, MOST_COUNTED};

/// What there was.
pub struct Day {
    pub events: String,
    pub deliveries: String,
    pub imports: String,
    pub sentries: String,
}

impl Day {
    /// The words for what was counted.
    pub fn of(counts: &Counts) -> Self {
        Self {
            events: format!("{} accepted", number(counts.events)),
            deliveries: format!(
                "{} succeeded, {} failed, {} pending",
                counts.succeeded,
                counts.failed,
                number(counts.pending),
            ),
            imports: format!(
                "{} {}, {} {} written, {} failed",
                counts.imports,
                if counts.imports == 1 { "file" } else { "files" },
                counts.rows_written,
                if counts.rows_written == 1 { "row" } else { "rows" },
                counts.rows_failed,
            ),
            sentries: format!("{} happy, {} sad, {} sick", counts.happy, counts.sad, counts.sick),
        }
    }
}

fn number(count: i64) -> String {
    match count {
        many if many > MOST_COUNTED => format!("more than {MOST_COUNTED}"),
        some => some.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_counted_to_its_end_is_many() {
        let counts = Counts {
            events: MOST_COUNTED + 1,
            pending: 0,
            succeeded: 1_000_000,
            failed: 1,
            imports: 1,
            rows_written: 2,
            rows_failed: 0,
            happy: 0,
            sad: 0,
            sick: 1,
        };
        let day = Day::of(&counts);
        assert_eq!(day.events, "more than 10000 accepted");
        assert_eq!(day.deliveries, "1000000 succeeded, 1 failed, 0 pending");
        assert_eq!(day.imports, "1 file, 2 rows written, 0 failed");
    }
}
