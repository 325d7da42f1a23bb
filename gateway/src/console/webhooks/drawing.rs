//! How deliveries to an endpoint went, as its pages draw it.

use crate::base::clock::Millis;
use crate::console::chart::{Chart, Series};
use crate::delivery::stats::{History, Range, tally::Tally};

/// The length of a bar for each range: few enough bars that each is seen, and its numbers are read.
const fn bar_seconds(range: Range) -> i64 {
    match range {
        Range::Day => 1_800,
        Range::Week => 3 * 3_600,
        Range::Month => 24 * 3_600,
    }
}

/// A range as it is called in a title.
const fn name(range: Range) -> &'static str {
    match range {
        Range::Day => "24 hours",
        Range::Week => "7 days",
        Range::Month => "30 days",
    }
}

/// A chart with what it does not draw: how long attempts took.
pub struct Drawn {
    pub chart: Chart,
    /// `None` without attempts.
    pub times: Option<String>,
}

/// The charts of all ranges.
pub fn charts(history: &History, now: Millis) -> Vec<Drawn> {
    let drawn = |range: Range| {
        let parts = history.parts(range.days(), bar_seconds(range), now);
        let mut all = Tally::default();
        for (_, tally) in &parts {
            all.add(tally);
        }
        let times = all.within(0.5).zip(all.within(0.99));
        Drawn {
            times: times
                .map(|(half, most)| format!("Half of the attempts within {half} ms, 99 % within {most} ms.")),
            chart: chart(
                format!("last-{}", range.name()),
                format!("Deliveries of the last {}", name(range)),
                &parts,
            ),
        }
    };
    Range::ALL.into_iter().map(drawn).collect()
}

/// The last day of an endpoint in a list.
pub struct Day {
    pub chart: Chart,
    succeeded: u64,
    failed: u64,
}

impl Day {
    /// Of the endpoint with that id and name.
    pub fn of(id: &str, endpoint: &str, history: &History, now: Millis) -> Self {
        let parts = history.parts(1, 3_600, now);
        let sum = |of: fn(&Tally) -> u64| parts.iter().map(|(_, tally)| of(tally)).sum();
        Self {
            succeeded: sum(|tally| tally.succeeded),
            failed: sum(|tally| tally.failed),
            chart: chart(
                format!("day-{id}"),
                format!("Deliveries to {endpoint} in the last 24 hours"),
                &parts,
            ),
        }
    }

    /// How many deliveries failed of those that ended, in words.
    pub fn share(&self) -> String {
        let all = self.succeeded + self.failed;
        match (all, self.failed) {
            (0, _) => "None ended".to_owned(),
            (_, 0) => "0 % failed".to_owned(),
            _ => {
                let share = self.failed as f64 * 100.0 / all as f64;
                // What is there is told, however little it is; and what is not whole is not called whole.
                format!("{} % failed", (share.clamp(0.1, 100.0) * 10.0).floor() / 10.0)
            }
        }
    }

    /// The numbers that it draws.
    pub fn numbers(&self) -> Vec<&[u64]> {
        self.chart
            .series
            .iter()
            .map(|series| series.values.as_slice())
            .collect()
    }
}

fn chart(id: String, title: String, parts: &[(Millis, Tally)]) -> Chart {
    let series = |label, tone, of: fn(&Tally) -> u64| Series {
        label,
        tone,
        values: parts.iter().map(|(_, tally)| of(tally)).collect(),
    };
    Chart {
        id,
        title,
        moments: parts.iter().map(|(at, _)| *at).collect(),
        series: vec![
            series("succeeded", "good", |tally| tally.succeeded),
            series("retried", "warn", |tally| tally.retried),
            series("failed", "bad", |tally| tally.failed),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_796_033_820_000);

    fn day(succeeded: u64, failed: u64) -> Day {
        let at = NOW.0 / 3_600_000 * 3_600;
        let json = format!("[[3600,{at},{succeeded},{failed},0,null,{{}},{{}}]]");
        Day::of("wh_1", "shop", &History::of(Some(&json)), NOW)
    }

    #[test]
    fn a_share_is_neither_nothing_nor_all_unless_it_is() {
        for (succeeded, failed, expected) in [
            (0, 0, "None ended"),
            (9, 0, "0 % failed"),
            (1_000_000, 1, "0.1 % failed"),
            (1, 1_000_000, "99.9 % failed"),
            (0, 3, "100 % failed"),
            (3, 1, "25 % failed"),
        ] {
            assert_eq!(day(succeeded, failed).share(), expected);
        }
    }

    #[test]
    fn a_chart_has_a_bar_for_each_part() {
        let drawn = charts(&History::default(), NOW);
        let counts: Vec<usize> = drawn.iter().map(|drawn| drawn.chart.moments.len()).collect();
        assert_eq!(counts, [48, 56, 30]);
        assert!(drawn.iter().all(|drawn| drawn.times.is_none()));
        assert_eq!(day(3, 1).chart.description(), "succeeded 3, retried 0, failed 1");
    }
}
