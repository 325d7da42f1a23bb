//! What a sentry's history tells about a span of time: states and their shares, the lag of records, counts.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Number;

use super::store::walk;
use super::thinning::{Sample, Thinning};
use super::{Point, Source};
use crate::base::clock::Millis;
use crate::db::{Client, DbError};
use crate::http::json::{self, Node};
use crate::sentries::model::{Sentry, State};
use crate::sentries::store;

/// Names of counts beyond these are left out.
const MAX_COUNTS: usize = 100;

/// A span up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    Day,
    Week,
    Month,
    Quarter,
}

impl Range {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Quarter];

    /// The public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
        }
    }

    /// The range of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.name() == name)
    }

    const fn hours(self) -> i64 {
        match self {
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
            Self::Quarter => 90 * 24,
        }
    }
}

/// One state over a time.
#[derive(Debug, Clone, Serialize, PartialEq, utoipa::ToSchema)]
pub struct Stretch {
    #[schema(value_type = String, format = DateTime)]
    pub from: Millis,
    #[schema(value_type = String, format = DateTime)]
    pub to: Millis,
    #[schema(value_type = Option<String>)]
    pub state: Option<State>,
}

/// Fractions of the whole range; their sum is 1.
#[derive(Debug, Clone, Copy, Default, Serialize, utoipa::ToSchema)]
pub struct Share {
    pub happy: f64,
    pub sad: f64,
    pub sick: f64,
    pub none: f64,
}

/// How old the latest record was at a report.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct RecordPoint {
    #[schema(value_type = String, format = DateTime)]
    pub at: Millis,
    #[schema(value_type = String, format = DateTime)]
    pub latest_record_at: Millis,
    pub lag_seconds: f64,
}

/// A count at a report.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct CountPoint {
    #[schema(value_type = String, format = DateTime)]
    pub at: Millis,
    #[schema(value_type = f64)]
    pub value: Number,
}

/// The whole of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Analytics {
    /// `24h`, `7d`, `30d` or `90d`.
    pub range: &'static str,
    /// Without gaps, oldest first.
    pub states: Vec<Stretch>,
    pub share: Share,
    pub latest_record: Vec<RecordPoint>,
    pub counts: BTreeMap<String, Vec<CountPoint>>,
    /// Time-outs are none.
    pub reports: u64,
    pub state_changes: u64,
}

/// Reads what the history of `sentry` tells about `range`.
pub async fn analyse(client: &Client, sentry: &Sentry, range: Range) -> Result<Analytics, DbError> {
    let to = store::now(client).await?;
    analyse_until(client, sentry, range, to).await
}

/// The same for a span that ends at `to`.
pub async fn analyse_until(
    client: &Client,
    sentry: &Sentry,
    range: Range,
    to: Millis,
) -> Result<Analytics, DbError> {
    let from = Millis(to.0 - range.hours() * 3_600_000);
    let mut reading = Reading::new(from, to);
    walk(client, sentry.id, from, to, |point| reading.take(point)).await?;
    Ok(reading.finish(range, sentry.state))
}

struct Reading {
    from: Millis,
    to: Millis,
    /// Where each state begins, and which it is.
    changes: Thinning<Option<State>>,
    /// The last state and since when; none before the first entry.
    current: Option<(Option<State>, Millis)>,
    millis: [i64; 4],
    latest_record: Thinning<RecordPoint>,
    counts: BTreeMap<String, Thinning<Number>>,
    reports: u64,
    state_changes: u64,
}

const fn rank(state: Option<State>) -> usize {
    match state {
        None => 0,
        Some(State::Happy) => 1,
        Some(State::Sad) => 2,
        Some(State::Sick) => 3,
    }
}

impl Reading {
    fn new(from: Millis, to: Millis) -> Self {
        Self {
            from,
            to,
            changes: Thinning::new(from, to),
            current: None,
            millis: [0; 4],
            latest_record: Thinning::new(from, to),
            counts: BTreeMap::new(),
            reports: 0,
            state_changes: 0,
        }
    }

    fn take(&mut self, point: Point) {
        let at = point.at.millis();
        if self.current.is_none() {
            self.begin(self.from, point.previous_state);
        }
        if point.state != point.previous_state {
            self.state_changes += 1;
            self.begin(at, point.state);
        }
        if point.source == Source::Timeout {
            return;
        }
        self.reports += 1;
        if let Some(latest_record_at) = point.latest_record_at {
            let lag_seconds = (at.0 - latest_record_at.0) as f64 / 1_000.0;
            let shown = RecordPoint {
                at,
                latest_record_at,
                lag_seconds,
            };
            self.latest_record.push(Sample {
                at,
                height: lag_seconds,
                shown,
            });
        }
        if let Some(counts) = point.counts {
            self.take_counts(at, &counts);
        }
    }

    /// A state that begins at a moment, and ends the one before.
    fn begin(&mut self, at: Millis, state: Option<State>) {
        if let Some((state, since)) = self.current {
            self.millis[rank(state)] += at.0 - since.0;
        }
        self.current = Some((state, at));
        self.changes.push(Sample {
            at,
            height: rank(state) as f64,
            shown: state,
        });
    }

    fn take_counts(&mut self, at: Millis, counts: &str) {
        let Ok(Node::Object(members)) = json::parse(counts.as_bytes()) else {
            return;
        };
        for (name, node) in members {
            let (Node::Number(text) | Node::Text(text)) = node else {
                continue;
            };
            let Some(value) = number(&text) else { continue };
            if !self.counts.contains_key(&name) && self.counts.len() == MAX_COUNTS {
                continue;
            }
            let series = self.counts.entry(name);
            let series = series.or_insert_with(|| Thinning::new(self.from, self.to));
            series.push(Sample {
                at,
                height: value.as_f64().unwrap_or_default(),
                shown: value,
            });
        }
    }

    /// `state` is the one that held all along if there was no entry.
    fn finish(mut self, range: Range, state: Option<State>) -> Analytics {
        if self.current.is_none() {
            self.begin(self.from, state);
        }
        if let Some((state, since)) = self.current {
            self.millis[rank(state)] += self.to.0 - since.0;
        }
        let whole = (self.to.0 - self.from.0).max(1) as f64;
        let share = self.millis.map(|millis| millis as f64 / whole);
        let points = self.latest_record.finish().into_iter().map(|sample| sample.shown);
        let counts = self.counts.into_iter().map(|(name, series)| {
            let points = series.finish().into_iter().map(|sample| CountPoint {
                at: sample.at,
                value: sample.shown,
            });
            (name, points.collect())
        });
        Analytics {
            range: range.name(),
            states: stretches(self.changes.finish(), self.to),
            share: Share {
                none: share[0],
                happy: share[1],
                sad: share[2],
                sick: share[3],
            },
            latest_record: points.collect(),
            counts: counts.collect(),
            reports: self.reports,
            state_changes: self.state_changes,
        }
    }
}

/// From each beginning to the next, equal neighbours joined.
fn stretches(beginnings: Vec<Sample<Option<State>>>, to: Millis) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for begun in beginnings {
        if let Some(last) = stretches.last_mut() {
            last.to = begun.at;
            if last.state == begun.shown {
                continue;
            }
        }
        stretches.push(Stretch {
            from: begun.at,
            to,
            state: begun.shown,
        });
    }
    if let Some(last) = stretches.last_mut() {
        last.to = to;
    }
    stretches
}

fn number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    Number::from_f64(text.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Micros;

    fn point(at: i64, previous: Option<State>, state: Option<State>) -> Point {
        Point {
            at: Micros(at * 1_000),
            source: Source::Report,
            state,
            previous_state: previous,
            latest_record_at: Some(Millis(at - 2_500)),
            counts: Some(r#"{"orders":12,"x":"1.5","n":null}"#.into()),
        }
    }

    #[test]
    fn a_span_has_no_gaps_and_its_shares_sum_to_one() {
        let mut reading = Reading::new(Millis(0), Millis(1_000));
        reading.take(point(200, None, Some(State::Happy)));
        reading.take(point(400, Some(State::Happy), Some(State::Happy)));
        reading.take(point(500, Some(State::Happy), Some(State::Sick)));
        let told = reading.finish(Range::Day, Some(State::Sick));
        let states: Vec<_> = told
            .states
            .iter()
            .map(|one| (one.from.0, one.to.0, one.state))
            .collect();
        assert_eq!(
            states,
            [
                (0, 200, None),
                (200, 500, Some(State::Happy)),
                (500, 1_000, Some(State::Sick))
            ]
        );
        let share = told.share;
        assert_eq!(
            (share.none, share.happy, share.sad, share.sick),
            (0.2, 0.3, 0.0, 0.5)
        );
        assert_eq!((told.reports, told.state_changes), (3, 2));
        assert_eq!(told.latest_record[0].lag_seconds, 2.5);
        assert_eq!(
            serde_json::to_string(&told.counts["orders"][0].value).expect("JSON"),
            "12"
        );
        assert_eq!(told.counts["x"].len(), 3);
        assert!(!told.counts.contains_key("n"));
    }

    #[test]
    fn without_entries_the_present_state_held_all_along() {
        let told = Reading::new(Millis(0), Millis(10)).finish(Range::Week, Some(State::Sad));
        assert_eq!((told.states.len(), told.share.sad), (1, 1.0));
    }

    #[test]
    fn many_changes_are_thinned_and_still_cover_all() {
        let mut reading = Reading::new(Millis(0), Millis(20_000));
        let (mut before, mut at) = (None, 0);
        for number in 0..5_000 {
            let state = Some(State::ALL[number % 3]);
            at = (number as i64) * 4;
            reading.take(point(at, before, state));
            before = state;
        }
        assert!(at < 20_000);
        let told = reading.finish(Range::Day, before);
        assert!(told.states.len() <= 501, "{}", told.states.len());
        assert_eq!(
            (told.states[0].from, told.states[told.states.len() - 1].to),
            (Millis(0), Millis(20_000))
        );
        assert!(told.states.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert!(told.latest_record.len() <= 500 && told.counts["orders"].len() <= 500);
        assert_eq!(told.state_changes, 5_000);
    }
}
