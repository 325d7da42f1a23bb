//! A chart of stacked bars, drawn by the macros `chart` and `sparkline`.

use crate::base::clock::Millis;

/// Units of the drawing for one bar and the gap behind it.
const BAR: u32 = 8;
const GAP: u32 = 2;
const HEIGHT: u32 = 64;

/// One part of every bar.
pub struct Series {
    pub label: &'static str,
    /// `good`, `warn`, `bad` or `rest`.
    pub tone: &'static str,
    /// As many as there are moments.
    pub values: Vec<u64>,
}

impl Series {
    /// Of all bars.
    pub fn sum(&self) -> u64 {
        self.values.iter().sum()
    }
}

/// A chart with its numbers.
pub struct Chart {
    /// Unique on its page.
    pub id: String,
    pub title: String,
    /// The beginning of each bar, oldest first.
    pub moments: Vec<Millis>,
    /// From the bottom up.
    pub series: Vec<Series>,
}

/// A rectangle of the drawing.
pub struct Bar {
    pub class: &'static str,
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

impl Chart {
    /// The width of the drawing.
    pub fn width(&self) -> u32 {
        u32::try_from(self.moments.len()).unwrap_or(u32::MAX / BAR).max(1) * BAR
    }

    /// The height of the drawing.
    pub const fn height(&self) -> u32 {
        HEIGHT
    }

    /// The rectangles.
    pub fn bars(&self) -> Vec<Bar> {
        let top = (0..self.moments.len())
            .map(|at| self.sum_at(at))
            .max()
            .unwrap_or(0)
            .max(1);
        let mut bars = Vec::new();
        for at in 0..self.moments.len() {
            let mut below = 0;
            for series in &self.series {
                let value = series.values.get(at).copied().unwrap_or(0);
                let (from, to) = (scaled(below, top), scaled(below + value, top));
                below += value;
                if value == 0 {
                    continue;
                }
                // What is there is seen, however little it is.
                let height = (to - from).max(1);
                bars.push(Bar {
                    class: series.tone,
                    x: u32::try_from(at).unwrap_or(0) * BAR,
                    y: HEIGHT.saturating_sub(from + height),
                    width: BAR - GAP,
                    height,
                });
            }
        }
        bars
    }

    /// The sums in words.
    pub fn description(&self) -> String {
        let sums = self
            .series
            .iter()
            .map(|series| format!("{} {}", series.label, series.sum()));
        sums.collect::<Vec<_>>().join(", ")
    }

    /// When the first bar begins, and the last one, without what nobody reads below a drawing.
    pub fn ends(&self) -> Option<(String, String)> {
        let short = |moment: &Millis| moment.to_utc().chars().skip(5).take(11).collect();
        self.moments
            .first()
            .map(short)
            .zip(self.moments.last().map(short))
    }

    /// The numbers of each bar.
    pub fn rows(&self) -> Vec<(String, Vec<u64>)> {
        let numbers = |at| {
            self.series
                .iter()
                .map(move |series| series.values.get(at).copied().unwrap_or(0))
        };
        let moments = self.moments.iter().enumerate();
        moments
            .map(|(at, moment)| (moment.to_utc(), numbers(at).collect()))
            .collect()
    }

    fn sum_at(&self, at: usize) -> u64 {
        self.series
            .iter()
            .filter_map(|series| series.values.get(at))
            .sum()
    }
}

fn scaled(value: u64, top: u64) -> u32 {
    u32::try_from(u128::from(value) * u128::from(HEIGHT) / u128::from(top)).unwrap_or(HEIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(askama::Template)]
    #[template(
        source = "{% import \"macros.html\" as ui %}{{ ui::chart(chart) }}{{ ui::sparkline(chart) }}",
        ext = "html"
    )]
    struct Drawn {
        chart: Chart,
    }

    #[test]
    fn bars_stand_on_each_other_and_fit() {
        let series = |tone, values: &[u64]| Series {
            label: tone,
            tone,
            values: values.to_vec(),
        };
        let chart = Chart {
            id: "c".into(),
            title: "Deliveries".into(),
            moments: vec![Millis(0), Millis(3_600_000)],
            series: vec![series("good", &[3, 0]), series("bad", &[1, u64::from(u32::MAX)])],
        };
        let bars = chart.bars();
        assert!(
            bars.iter()
                .all(|bar| bar.y + bar.height <= HEIGHT && bar.height > 0)
        );
        assert_eq!(bars.len(), 3);
        assert_eq!(
            chart.description(),
            format!("good 3, bad {}", 1 + u64::from(u32::MAX))
        );
        let drawn = askama::Template::render(&Drawn { chart }).expect("is drawn");
        assert!(
            drawn.contains("role=\"img\"") && drawn.matches("<rect").count() == 6,
            "{drawn}"
        );
        assert!(drawn.contains("<td class=\"number\">3</td>"), "{drawn}");
    }

    #[test]
    fn the_table_has_every_number() {
        let chart = Chart {
            id: "c".into(),
            title: "Deliveries".into(),
            moments: vec![Millis(0)],
            series: vec![
                Series {
                    label: "ok",
                    tone: "good",
                    values: vec![3],
                },
                Series {
                    label: "no",
                    tone: "bad",
                    values: vec![1],
                },
            ],
        };
        assert_eq!(chart.rows()[0], ("1970-01-01 00:00:00 UTC".into(), vec![3, 1]));
    }
}
