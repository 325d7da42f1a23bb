//! The analytics of a sentry as charts.

use super::trend::{Point, Trend};
use crate::base::clock::Millis;
use crate::console::chart::{Chart, Series};
use crate::sentries::history::analytics::{Analytics, Stretch};
use crate::sentries::model::State;

const BARS: i64 = 48;
const MINUTE: i64 = 60_000;

/// Minutes in each state, for each of 48 parts of the span.
pub fn states(told: &Analytics) -> Option<Chart> {
    let from = told.states.first()?.from;
    let to = told.states.last()?.to;
    let length = (to.0 - from.0) / BARS;
    if length <= 0 {
        return None;
    }
    let moments: Vec<Millis> = (0..BARS).map(|bar| Millis(from.0 + bar * length)).collect();
    let series = |label, tone, state: Option<State>| Series {
        label,
        tone,
        values: moments
            .iter()
            .map(|moment| minutes(&told.states, state, moment.0, moment.0 + length))
            .collect(),
    };
    Some(Chart {
        id: "states".to_owned(),
        title: format!("State over time, minutes in the last {}", told.range),
        series: vec![
            series("happy", "good", Some(State::Happy)),
            series("sad", "warn", Some(State::Sad)),
            series("sick", "bad", Some(State::Sick)),
            series("none", "rest", None),
        ],
        moments,
    })
}

fn minutes(stretches: &[Stretch], state: Option<State>, from: i64, to: i64) -> u64 {
    let shared = |stretch: &Stretch| (stretch.to.0.min(to) - stretch.from.0.max(from)).max(0);
    let of_state = stretches.iter().filter(|stretch| stretch.state == state);
    let sum: i64 = of_state.map(shared).sum();
    u64::try_from((sum + MINUTE / 2) / MINUTE).unwrap_or(0)
}

/// The age of the latest record at each report.
pub fn lag(told: &Analytics) -> Option<Trend> {
    let points = told.latest_record.iter().map(|point| Point {
        at: point.at,
        value: point.lag_seconds,
        text: format!("{:.0}", point.lag_seconds),
    });
    trend("lag", "Latest-record lag", "Seconds", points.collect())
}

/// Each count.
pub fn counts(told: &Analytics) -> Vec<Trend> {
    let counts = told.counts.iter().enumerate();
    let drawn = counts.filter_map(|(number, (name, points))| {
        let points = points.iter().map(|point| Point {
            at: point.at,
            value: point.value.as_f64().unwrap_or(0.0),
            text: point.value.to_string(),
        });
        trend(&format!("count-{number}"), name, name, points.collect())
    });
    drawn.collect()
}

fn trend(id: &str, title: &str, unit: &str, points: Vec<Point>) -> Option<Trend> {
    (!points.is_empty()).then(|| Trend {
        id: id.to_owned(),
        title: title.to_owned(),
        unit: unit.to_owned(),
        points,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_those_that_both_share() {
        let stretches = [
            Stretch {
                from: Millis(0),
                to: Millis(10 * MINUTE),
                state: None,
            },
            Stretch {
                from: Millis(10 * MINUTE),
                to: Millis(30 * MINUTE),
                state: Some(State::Sick),
            },
        ];
        let shared = |state| minutes(&stretches, state, 5 * MINUTE, 25 * MINUTE);
        assert_eq!(
            (
                shared(None),
                shared(Some(State::Sick)),
                shared(Some(State::Happy))
            ),
            (5, 15, 0)
        );
    }
}
