//! Values over time, drawn as bars from a line at zero, with the values as they were sent in a table.

use crate::base::clock::Millis;

/// Units of the drawing.
const BAR: u32 = 8;
const GAP: u32 = 2;
const HEIGHT: f64 = 64.0;

/// One value.
pub struct Point {
    pub at: Millis,
    pub value: f64,
    /// As it is read.
    pub text: String,
}

/// A series with its drawing.
pub struct Trend {
    /// Unique on its page.
    pub id: String,
    pub title: String,
    /// The head of the values' column.
    pub unit: String,
    /// Oldest first.
    pub points: Vec<Point>,
}

/// A rectangle of the drawing.
pub struct Bar {
    pub x: u32,
    pub y: String,
    pub width: u32,
    pub height: String,
}

impl Trend {
    /// The width of the drawing.
    pub fn width(&self) -> u32 {
        u32::try_from(self.points.len()).unwrap_or(1).max(1) * BAR
    }

    /// The height of the drawing.
    pub const fn height(&self) -> u32 {
        HEIGHT as u32
    }

    /// The rectangles, of which each is seen however small its value is.
    pub fn bars(&self) -> Vec<Bar> {
        let values = || self.points.iter().map(|point| point.value);
        let top = values().fold(0.0, f64::max);
        let bottom = values().fold(0.0, f64::min);
        let scale = HEIGHT / (top - bottom).max(f64::MIN_POSITIVE);
        let place = |value: f64| ((top - value) * scale).clamp(0.0, HEIGHT);
        let bars = self.points.iter().zip(0u32..);
        bars.map(|(point, number)| {
            let (from, to) = (place(point.value.max(0.0)), place(point.value.min(0.0)));
            let height = (to - from).max(1.0);
            Bar {
                x: number * BAR,
                y: format!("{:.1}", from.min(HEIGHT - height)),
                width: BAR - GAP,
                height: format!("{height:.1}"),
            }
        })
        .collect()
    }

    /// The series in words.
    pub fn description(&self) -> String {
        let by_value = |one: &&Point, other: &&Point| one.value.total_cmp(&other.value);
        let (least, most) = (
            self.points.iter().min_by(by_value),
            self.points.iter().max_by(by_value),
        );
        match (self.points.last(), least, most) {
            (Some(last), Some(least), Some(most)) => format!(
                "{} values, from {} to {}, the last {}",
                self.points.len(),
                least.text,
                most.text,
                last.text
            ),
            _ => "No values".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stay_in_the_drawing_whatever_the_values_are() {
        let point = |value: f64| Point {
            at: Millis(0),
            value,
            text: value.to_string(),
        };
        for values in [
            vec![0.0],
            vec![5.0, -5.0, 0.0],
            vec![-1e300, 1e300],
            vec![1e-9, 1e9],
            Vec::new(),
        ] {
            let trend = Trend {
                id: "t".into(),
                title: "t".into(),
                unit: "t".into(),
                points: values.into_iter().map(point).collect(),
            };
            for bar in trend.bars() {
                let (y, height): (f64, f64) = (
                    bar.y.parse().expect("a number"),
                    bar.height.parse().expect("a number"),
                );
                assert!(
                    y >= 0.0 && height >= 1.0 && y + height <= HEIGHT + 0.11,
                    "{y} {height}"
                );
            }
        }
    }
}
